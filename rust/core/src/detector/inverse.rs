//! Coordinates as values again, in the user's unit.

use super::feature::Transform;
use crate::load::FARTHEST;
use std::iter;

/// Digits behind the first at most: all that double precision has.
const MOST_DIGITS: usize = 17;

impl Transform {
    /// A value that has a coordinate, as near as double precision comes; not a number for
    /// categories.
    pub(super) fn inverse(&self, at: f64) -> f64 {
        match self {
            Transform::Linear { log, center, scale } => match *log {
                true => signed_exp(center + at * scale),
                false => center + at * scale,
            },
            Transform::Rank { knots, shares } => value_at_rank(knots, shares, at),
            Transform::Category { .. } => f64::NAN,
        }
    }

    /// Of the values that have a coordinate in single precision, the one with the fewest
    /// digits: what was given, unless it had more than some seven. None where a coordinate
    /// does not tell: of categories, and where values are cut off.
    pub(super) fn undo(&self, at: f32) -> Option<f64> {
        let x = self.inverse(f64::from(at));
        if !x.is_finite() || f64::from(at.abs()) >= FARTHEST {
            return None;
        }
        let has = |x: &f64| self.apply(*x) as f32 + 0.0 == at;
        let short = |digits: usize| format!("{x:.digits$e}").parse().ok();
        // Zero has no digits; beside a large scale it comes back as a small number.
        let mut values = iter::once(0.0).chain((0..MOST_DIGITS).filter_map(short));
        values.find(has).or_else(|| Some(x).filter(has))
    }
}

fn signed_exp(x: f64) -> f64 {
    libm::copysign(libm::expm1(x.abs()), x)
}

/// The value that a share of rows lies below, and what follows beyond them: the inverse
/// of the scaling by rank.
fn value_at_rank(knots: &[f64], shares: &[f64], at: f64) -> f64 {
    let (Some(&first), Some(&last)) = (knots.first(), knots.last()) else {
        return f64::NAN;
    };
    let (lowest, highest) = (shares[0], shares[shares.len() - 1]);
    // Beyond the knots a distance `d` is `d / (range + d)` of the way to the end.
    let beyond = |way: f64| (last - first) * way / (1.0 - way);
    if at < lowest {
        return first - beyond(lowest - at);
    }
    if at > highest {
        return last + beyond(at - highest);
    }
    let right = shares.partition_point(|&share| share < at);
    if shares[right] == at || right == 0 {
        return knots[right];
    }
    let (a, b) = (shares[right - 1], shares[right]);
    let t = (at - a) / (b - a);
    knots[right - 1] + t * (knots[right] - knots[right - 1])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Scaling;
    use crate::detector::feature::fit;

    fn transforms(values: &[f64]) -> impl Iterator<Item = Transform> {
        let ends = values.iter().fold((f64::MAX, f64::MIN), |(low, high), &x| {
            (low.min(x), high.max(x))
        });
        let scalings = Scaling::NAMES.into_iter();
        let fitted = move |(_, scaling)| fit("x".into(), scaling, &mut values.to_vec(), ends);
        let features: Vec<_> = scalings.map(fitted).collect();
        features.into_iter().flat_map(|f| f.transforms)
    }

    #[test]
    fn what_was_given_comes_back_in_the_users_unit() {
        let given = [
            -3.0, -1.25, -0.5, 0.0, 0.1, 0.75, 2.0, 3.5, 12.0, 250.0, 1024.5,
        ];
        for transform in transforms(&given) {
            for x in given
                .into_iter()
                .chain([-7.5, -3.25, 0.3, 5.0, 1500.0, 4000.0])
            {
                let at = transform.apply(x) as f32 + 0.0;
                assert_eq!(transform.undo(at), Some(x), "{transform:?}");
            }
        }
    }

    #[test]
    fn any_value_comes_back_with_its_coordinate_and_in_order() {
        let given: Vec<f64> = (0..700).map(|i| f64::from(i * i) * 0.37 - 40.0).collect();
        for transform in transforms(&given) {
            let mut last = f64::MIN;
            for x in given.iter().map(|x| x * 1.1 - 0.123_456_789_012) {
                let at = transform.apply(x) as f32 + 0.0;
                let back = transform.undo(at).unwrap();
                assert_eq!(transform.apply(back) as f32 + 0.0, at);
                assert!(back >= last, "{transform:?}: {last} {back}");
                last = back;
            }
        }
    }

    #[test]
    fn nothing_is_told_of_categories_or_of_what_is_cut_off() {
        let category = Transform::Category {
            names: vec!["a".into()],
            counts: vec![1],
            total: 1,
        };
        assert_eq!(category.undo(category.apply(0.0) as f32), None);
        for transform in transforms(&[0.0, 1.0, 2.0]) {
            let far = transform.apply(1e300) as f32;
            assert!(
                transform
                    .undo(far)
                    .is_none_or(|x| transform.apply(x) as f32 == far)
            );
            assert_eq!(transform.undo(1e9), None);
            assert_eq!(transform.undo(-1e9), None);
        }
    }

    #[test]
    fn a_constant_column_has_its_value() {
        for transform in transforms(&[3.5; 9]) {
            let at = transform.apply(3.5) as f32 + 0.0;
            assert_eq!(transform.undo(at), Some(3.5));
        }
    }
}
