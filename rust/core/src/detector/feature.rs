//! A column of the user's table: what it is called, how it is scaled, what is
//! usual in it.

use crate::error::{Error, Result};
use crate::load::on_line;

/// How a column's values become coordinates of a forest. Random cuts fall
/// more often into columns with a large range, so the unit of a column is its
/// weight unless it is scaled. Every scaling keeps the order of values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scaling {
    /// Two views: half of the trees see the column as `LogRobust` where values are
    /// never negative and heavy-tailed (skewness above 5), else as `Standard`; the
    /// other half as `Log`.
    Auto,
    /// As it is.
    None,
    /// Minus the mean, in units of the standard deviation.
    Standard,
    /// Minus the median, in units of the interquartile range over 1.349 (the
    /// standard deviation if the data are normal).
    Robust,
    /// `sign(x) ln(1 + |x|)`, then as `Robust`.
    LogRobust,
    /// `sign(x) ln(1 + |x|)` minus its median: relative differences weigh alike in
    /// all columns, and the column's unit says where they begin.
    Log,
    /// The share of training rows below; beyond the training range it goes on
    /// slowly, by at most 1.
    Rank,
}

impl Scaling {
    /// All scalings with their names.
    pub const NAMES: [(&'static str, Scaling); 7] = [
        ("auto", Scaling::Auto),
        ("none", Scaling::None),
        ("standard", Scaling::Standard),
        ("robust", Scaling::Robust),
        ("log-robust", Scaling::LogRobust),
        ("log", Scaling::Log),
        ("rank", Scaling::Rank),
    ];

    /// The name that users type.
    pub fn name(self) -> &'static str {
        Scaling::NAMES
            .iter()
            .find(|(_, scaling)| *scaling == self)
            .map_or("", |(name, _)| name)
    }

    /// The scaling of a name.
    ///
    /// # Errors
    /// [`Error::InvalidConfig`] lists the names.
    pub fn parse(name: &str) -> Result<Scaling> {
        let found = Scaling::NAMES.iter().find(|(n, _)| *n == name);
        found.map(|(_, scaling)| *scaling).ok_or_else(|| {
            let names: Vec<_> = Scaling::NAMES.iter().map(|(n, _)| *n).collect();
            Error::config(
                "scaling",
                format!("{name:?} is none of {}", names.join(", ")),
            )
        })
    }
}

/// A fitted scaling.
#[derive(Clone, Debug, PartialEq)]
pub enum Transform {
    /// `(x - center) / scale`, of `sign(x) ln(1 + |x|)` if `log`.
    Linear {
        /// Whether the logarithm comes first.
        log: bool,
        /// What becomes 0.
        center: f64,
        /// What becomes 1, above 0.
        scale: f64,
    },
    /// Interpolated ranks.
    Rank {
        /// Distinct training quantiles, ascending, at least one.
        knots: Vec<f64>,
        /// Share of training rows at each knot, ascending.
        shares: Vec<f64>,
    },
    /// Bits of surprise of a category: `-log2` of its share. Rare categories
    /// are far from the usual ones on one side, whatever their number, and a
    /// category never seen is the rarest.
    Category {
        /// Names, by falling count.
        names: Vec<String>,
        /// How often each was seen.
        counts: Vec<u64>,
        /// Rows seen.
        total: u64,
    },
}

impl Transform {
    /// No change.
    pub(crate) const IDENTITY: Transform = Transform::Linear {
        log: false,
        center: 0.0,
        scale: 1.0,
    };

    /// A value's coordinate.
    pub(crate) fn apply(&self, x: f64) -> f64 {
        match self {
            Transform::Linear { log, center, scale } => {
                let x = if *log { signed_log(x) } else { x };
                on_line(x, *center, *scale)
            }
            Transform::Rank { knots, shares } => rank(knots, shares, x),
            Transform::Category { counts, total, .. } => rarity(counts, *total, x),
        }
    }

    /// Coordinates of many values, in single precision.
    pub(super) fn apply_each<'a>(&self, values: impl Iterator<Item = (f64, &'a mut f32)>) {
        // Which transform it is is asked once, not for every value.
        let scaled = |x: f64| x as f32 + 0.0;
        match self {
            Transform::Linear { log: false, .. } => {
                values.for_each(|(x, out)| *out = scaled(self.apply(x)));
            }
            Transform::Linear { center, scale, .. } => {
                values.for_each(|(x, out)| *out = scaled(on_line(signed_log(x), *center, *scale)));
            }
            Transform::Rank { knots, shares } => {
                values.for_each(|(x, out)| *out = scaled(rank(knots, shares, x)));
            }
            Transform::Category { counts, total, .. } => {
                values.for_each(|(x, out)| *out = scaled(rarity(counts, *total, x)));
            }
        }
    }

    /// Center and scale, where there is nothing else to it.
    pub(super) fn line(&self) -> Option<(f64, f64)> {
        match *self {
            Transform::Linear {
                log: false,
                center,
                scale,
            } => Some((center, scale)),
            _ => None,
        }
    }

    /// Whether values are category numbers.
    pub fn is_category(&self) -> bool {
        matches!(self, Transform::Category { .. })
    }
}

/// A category number that came as a float.
pub(crate) fn category(x: f64) -> Option<usize> {
    (x >= 0.0).then_some(x as usize)
}

/// Bits that a category carries by its count, half a row added to each side.
fn rarity(counts: &[u64], total: u64, x: f64) -> f64 {
    let count = category(x).and_then(|at| counts.get(at));
    let count = count.copied().unwrap_or(0);
    libm::log2((total as f64 + 1.0) / (count as f64 + 0.5))
}

pub(crate) fn signed_log(x: f64) -> f64 {
    libm::copysign(libm::log1p(x.abs()), x)
}

fn rank(knots: &[f64], shares: &[f64], x: f64) -> f64 {
    let (Some(&first), Some(&last)) = (knots.first(), knots.last()) else {
        return 0.0;
    };
    let beyond = |distance: f64| {
        let range = last - first;
        match distance.is_finite() && range + distance > 0.0 {
            true => distance / (range + distance),
            false => 1.0,
        }
    };
    if x < first {
        return shares[0] - beyond(first - x);
    }
    if x > last {
        return shares[shares.len() - 1] + beyond(x - last);
    }
    let right = knots.partition_point(|&knot| knot < x);
    if knots[right] == x || right == 0 {
        return shares[right];
    }
    let (a, b) = (knots[right - 1], knots[right]);
    let t = (x - a) / (b - a);
    shares[right - 1] + t * (shares[right] - shares[right - 1])
}

/// Shares at which a column's quantiles are kept.
pub const QUANTILES: [f64; 9] = [0.0, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 1.0];

/// A column that the detector looks at.
#[derive(Clone, Debug, PartialEq)]
pub struct Feature {
    /// The user's name for it.
    pub name: String,
    /// The scaling of the first view; `None` for categories.
    pub scaling: Scaling,
    /// What it does in each view; one where all see the same.
    pub transforms: Vec<Transform>,
    /// Training values at [`QUANTILES`], in the user's unit; category numbers
    /// have none, and hold zeros.
    pub quantiles: [f64; 9],
}

impl Feature {
    /// How a view sees the column.
    pub fn transform(&self, view: usize) -> &Transform {
        const UNSEEN: &Transform = &Transform::IDENTITY;
        self.transforms
            .get(view)
            .or(self.transforms.first())
            .unwrap_or(UNSEEN)
    }

    /// The scaling of each view.
    pub fn scalings(&self) -> impl Iterator<Item = Scaling> {
        let first = std::iter::once(self.scaling);
        first.chain(self.transforms.iter().skip(1).map(|_| Scaling::Log))
    }

    /// Between what most training values lie, end to end, in the user's unit.
    pub(super) fn spread(&self) -> f64 {
        let [_, _, low, .., high, _, _] = self.quantiles;
        high - low
    }

    /// The categories, if it holds them.
    pub(crate) fn category(&self) -> Option<(&[String], &[u64], u64)> {
        match self.transform(0) {
            Transform::Category {
                names,
                counts,
                total,
            } => Some((names, counts, *total)),
            _ => None,
        }
    }
}

/// Fits a numeric column to a sample of its training values, which are sorted in
/// place, and to the least and the largest of all of them.
pub(crate) fn fit(
    name: String,
    scaling: Scaling,
    values: &mut [f64],
    (least, largest): (f64, f64),
) -> Feature {
    values.sort_unstable_by(f64::total_cmp);
    let (mean, sd, skewness) = moments(values);
    let first = match scaling {
        Scaling::Auto if least >= 0.0 && skewness > 5.0 => Scaling::LogRobust,
        Scaling::Auto => Scaling::Standard,
        chosen => chosen,
    };
    let mut transforms = vec![transform(first, values, mean, sd)];
    if scaling == Scaling::Auto {
        transforms.push(transform(Scaling::Log, values, mean, sd));
    }
    let mut quantiles = QUANTILES.map(|share| quantile(values, share));
    quantiles[0] = least;
    quantiles[QUANTILES.len() - 1] = largest;
    Feature {
        name,
        scaling: first,
        transforms,
        quantiles,
    }
}

/// A scaling fitted to sorted values.
fn transform(scaling: Scaling, values: &[f64], mean: f64, sd: f64) -> Transform {
    let quartiles = [0.25, 0.5, 0.75].map(|share| quantile(values, share));
    match scaling {
        Scaling::None => Transform::IDENTITY,
        Scaling::Robust => robust(false, quartiles, sd),
        Scaling::LogRobust => {
            let logs: Vec<f64> = values.iter().map(|&x| signed_log(x)).collect();
            robust(true, quartiles.map(signed_log), moments(&logs).1)
        }
        Scaling::Log => Transform::Linear {
            log: true,
            center: signed_log(quartiles[1]),
            scale: 1.0,
        },
        Scaling::Rank => ranks(values),
        Scaling::Standard | Scaling::Auto => Transform::Linear {
            log: false,
            center: mean,
            scale: positive(sd),
        },
    }
}

/// Quartiles where they differ, else the standard deviation.
fn robust(log: bool, [low, median, high]: [f64; 3], sd: f64) -> Transform {
    const IQR_OF_NORMAL: f64 = 1.349;
    let iqr = (high - low) / IQR_OF_NORMAL;
    Transform::Linear {
        log,
        center: median,
        scale: positive(if iqr > 0.0 { iqr } else { sd }),
    }
}

fn positive(scale: f64) -> f64 {
    if scale > 0.0 && scale.is_finite() {
        scale
    } else {
        1.0
    }
}

/// Mean, standard deviation and skewness.
fn moments(values: &[f64]) -> (f64, f64, f64) {
    let n = values.len().max(1) as f64;
    let mean = values.iter().map(|x| x / n).sum::<f64>();
    // Products, not powers: `powi` may round differently on other machines.
    let mut sums = (0.0, 0.0);
    for x in values {
        let from_mean = x - mean;
        sums.0 += from_mean * from_mean / n;
        sums.1 += from_mean * from_mean * from_mean / n;
    }
    let sd = sums.0.sqrt();
    let skewness = if sd > 0.0 {
        sums.1 / (sd * sd * sd)
    } else {
        0.0
    };
    (mean, sd, skewness)
}

/// Linear interpolation between the two values next to a share of sorted ones.
pub(crate) fn quantile(sorted: &[f64], share: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else {
        return 0.0;
    };
    let at = share * last as f64;
    let below = (at as usize).min(last);
    let above = (below + 1).min(last);
    let t = at - below as f64;
    sorted[below] * (1.0 - t) + sorted[above] * t
}

/// At most this many steps of a rank scaling.
const KNOTS: usize = 256;

fn ranks(sorted: &[f64]) -> Transform {
    let n = sorted.len();
    let mut knots: Vec<f64> = Vec::new();
    let mut shares = Vec::new();
    for step in 0..=KNOTS {
        let x = sorted[(n - 1) * step / KNOTS];
        if knots.last() == Some(&x) {
            continue;
        }
        // Ties take the middle of their ranks.
        let (from, to) = (
            sorted.partition_point(|&v| v < x),
            sorted.partition_point(|&v| v <= x),
        );
        knots.push(x);
        shares.push((from + to) as f64 / (2 * n) as f64);
    }
    Transform::Rank { knots, shares }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scalings_keep_the_order_of_values() {
        let mut values: Vec<f64> = (0..999).map(|i| ((i * 7919) % 1000) as f64).collect();
        values.extend([0.0; 300]);
        for (name, scaling) in Scaling::NAMES {
            let feature = fit("x".into(), scaling, &mut values.clone(), (0.0, 999.0));
            let probes: Vec<f64> = (-500..3000).map(|i| f64::from(i) * 0.7).collect();
            for transform in feature.transforms {
                let scaled: Vec<f64> = probes.iter().map(|&x| transform.apply(x)).collect();
                assert!(scaled.is_sorted(), "{name}");
                assert!(scaled.iter().all(|x| x.is_finite()), "{name}");
            }
        }
    }

    #[test]
    fn constant_and_heavy_tailed_columns_have_finite_scales() {
        for values in [vec![3.0; 10], vec![0.0, 1e30, -1e30, 0.0]] {
            for (_, scaling) in Scaling::NAMES {
                let feature = fit("x".into(), scaling, &mut values.clone(), (-1e30, 1e30));
                for x in [-1e30, 0.0, 3.0, 1e30] {
                    let finite = |t: &Transform| t.apply(x).is_finite();
                    assert!(feature.transforms.iter().all(finite), "{scaling:?} {x}");
                }
            }
        }
    }

    #[test]
    fn rare_categories_are_far_and_unseen_ones_farthest() {
        let transform = Transform::Category {
            names: vec!["usual".into(), "rare".into()],
            counts: vec![990, 10],
            total: 1000,
        };
        let [usual, rare, unseen] = [0.0, 1.0, -1.0].map(|x| transform.apply(x));
        assert!(usual < 0.1 && rare > 6.0 && unseen > rare + 3.0);
        assert_eq!(transform.apply(7.0), unseen);
    }
}
