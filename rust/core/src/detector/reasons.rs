//! Why a row stands out, in the user's columns and units.

use super::feature::{Feature, category};
use super::relation::Relation;
use super::view::Seen;

/// The part of one column, or of one relation between columns, in a score.
#[derive(Clone, Debug, PartialEq)]
pub struct Reason {
    /// The column's place among the detector's features; relations follow them.
    pub feature: usize,
    /// Its share of the score, in (0, 1].
    pub share: f64,
    /// Whether the value is unusually high; for a category, rare.
    pub high: bool,
    /// The value, in the user's unit: of a category its number, of a relation its sum.
    pub value: f64,
    /// What is usual: the 5 % and the 95 % quantile of the training values; three times
    /// its usual variation about a relation's usual sum. NaN for categories, and where it is
    /// not known.
    pub usual: [f64; 2],
    /// What is usual near the row: the least and the greatest value among the ten nearest
    /// rows of the trees that are no alerts themselves, fewer if there are fewer. NaN for
    /// categories and relations, and where it is not known.
    pub near: [f64; 2],
    /// The same in words.
    pub text: String,
}

/// At most this many reasons for a row, and none with less than this share
/// but the first.
const MOST: usize = 3;
const LEAST_SHARE: f64 = 0.08;

/// The columns and relations that an attribution names, largest part first.
pub(super) fn reasons(
    seen: Seen<'_>,
    low: &[f64],
    high: &[f64],
    value: impl Fn(usize) -> f64,
    near: impl Fn(usize) -> [f64; 2],
) -> Vec<Reason> {
    let total: f64 = low.iter().chain(high).sum();
    let part = |j: &usize| low[*j] + high[*j];
    let mut order: Vec<usize> = (0..low.len()).collect();
    // Equal parts keep the order of the columns.
    order.sort_by(|a, b| part(b).total_cmp(&part(a)));
    order
        .into_iter()
        .map(|j| (j, if total > 0.0 { part(&j) / total } else { 0.0 }))
        .enumerate()
        .take_while(|&(i, (_, share))| i < MOST && (i == 0 || share >= LEAST_SHARE))
        .map(|(_, (j, share))| {
            let high = high[j] >= low[j];
            match j
                .checked_sub(seen.features.len())
                .and_then(|at| seen.relations.get(at))
            {
                Some(relation) => relation.reason(j, share, high, seen.features, &value),
                None => seen.features[j].reason(j, share, high, value(j), near(j)),
            }
        })
        .collect()
}

impl Relation {
    fn reason(
        &self,
        feature: usize,
        share: f64,
        high: bool,
        features: &[Feature],
        value: impl Fn(usize) -> f64,
    ) -> Reason {
        let sum = self.sum(value);
        let spread = 3.0 * self.scale;
        let expression = self.expression(|j| features[j].name.clone(), |j| features[j].spread());
        let usual = number(self.usual);
        Reason {
            feature,
            share,
            high,
            value: sum,
            usual: [self.usual - spread, self.usual + spread],
            near: [f64::NAN; 2],
            text: match (sum - self.usual).abs() > spread {
                true => format!("usually {expression} is {usual}; here {}", number(sum)),
                false => format!("{expression} is {}, as usual ({usual})", number(sum)),
            },
        }
    }
}

impl Feature {
    fn reason(&self, feature: usize, share: f64, high: bool, value: f64, near: [f64; 2]) -> Reason {
        Reason {
            feature,
            share,
            high,
            value,
            usual: match self.category() {
                Some(_) => [f64::NAN; 2],
                None => [self.quantiles[2], self.quantiles[6]],
            },
            near,
            text: self.sentence(value, high) + &self.nearby(value, high, near),
        }
    }

    /// What is usual near the row, in words; nothing where it says no more than what is
    /// usual anyway: where the value is among it, or it is as wide as that.
    fn nearby(&self, value: f64, high: bool, [low, greatest]: [f64; 2]) -> String {
        let [_, _, q05, .., q95, _, _] = self.quantiles;
        let is_beyond = if high { value > greatest } else { value < low };
        let is_narrow = greatest - low <= (q95 - q05) / 2.0;
        let is_elsewhere = low > q95 || greatest < q05;
        if !is_beyond || !(is_narrow || is_elsewhere) {
            return String::new();
        }
        let (least, most) = (number(low), number(greatest));
        match least == most {
            true => format!("; {least} in the rows nearest to it"),
            false => format!("; {least} to {most} in the rows nearest to it"),
        }
    }

    /// What is unusual about a value, in words.
    fn sentence(&self, value: f64, high: bool) -> String {
        let name = &self.name;
        if let Some((names, counts, total)) = self.category() {
            let at = category(value).filter(|&at| at < names.len());
            return match at {
                None => format!("{name}: a category never seen in training"),
                Some(at) => format!(
                    "{name} = {}: the category of {} % of rows",
                    names[at],
                    number(100.0 * counts[at] as f64 / total.max(1) as f64)
                ),
            };
        }
        let [min, q01, q05, _, median, _, q95, q99, max] = self.quantiles;
        let place = if high && value > max {
            format!("higher than any in training (up to {})", number(max))
        } else if high && value > q99 {
            "higher than in 99 % of rows".into()
        } else if high && value > q95 {
            "higher than in 95 % of rows".into()
        } else if !high && value < min {
            format!("lower than any in training (down to {})", number(min))
        } else if !high && value < q01 {
            "lower than in 99 % of rows".into()
        } else if !high && value < q05 {
            "lower than in 95 % of rows".into()
        } else if high {
            "high for rows like this one".into()
        } else {
            "low for rows like this one".into()
        };
        format!(
            "{name} = {}: {place}; usual is {}",
            number(value),
            number(median)
        )
    }
}

/// A number with about four digits that count, as people write it.
pub(super) fn number(x: f64) -> String {
    let magnitude = x.abs();
    if magnitude >= 1e15 || (magnitude > 0.0 && magnitude < 1e-4) {
        return format!("{x:.3e}");
    }
    let digits = match magnitude {
        m if m >= 1000.0 => 0,
        m if m >= 100.0 => 1,
        m if m >= 10.0 => 2,
        m if m >= 1.0 => 3,
        m if m >= 0.01 => 4,
        _ => 6,
    };
    let text = format!("{x:.digits$}");
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_people_do() {
        let written = [0.0, 22.0, -1.5, 1234.56, 0.00012345, 1e-7, 99.999, 3e20].map(number);
        let expected = [
            "0", "22", "-1.5", "1235", "0.000123", "1.000e-7", "100", "3.000e20",
        ];
        assert_eq!(written, expected);
    }
}
