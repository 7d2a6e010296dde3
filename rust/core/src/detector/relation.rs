//! Near-exact linear relations between columns: sums that are the same in nearly all
//! rows, as `max - min - width`. A row that breaks one is odd though none of its values
//! is. `relation_search.rs` finds them.

use super::reasons::number;
use crate::load::on_line;
use crate::rows::Rows;

/// A weighted sum of columns that is nearly always the same.
#[derive(Clone, Debug, PartialEq)]
pub struct Relation {
    /// Columns and their weights, in the user's units, by column; at least two.
    pub terms: Vec<(usize, f64)>,
    /// What the sum usually is.
    pub usual: f64,
    /// By how much it usually varies, above 0.
    pub scale: f64,
}

impl Relation {
    /// A row's sum.
    pub(crate) fn sum(&self, value: impl Fn(usize) -> f64) -> f64 {
        self.terms
            .iter()
            .map(|&(j, weight)| weight * value(j))
            .sum()
    }

    #[cfg(test)]
    /// The coordinate of a row: how far its sum is from usual, in usual variations.
    pub(super) fn coordinate(&self, value: impl Fn(usize) -> f64) -> f32 {
        place(self.sum(value), self.usual, self.scale)
    }

    /// Writes the coordinates of some rows; `sums` is overwritten.
    pub(super) fn coordinates<'a>(
        &self,
        rows: &Rows<'_>,
        range: std::ops::Range<usize>,
        sums: &mut Vec<f64>,
        out: impl Iterator<Item = &'a mut f32>,
    ) {
        sums.clear();
        sums.resize(range.len(), 0.0);
        // Column by column, as they often lie.
        for &(j, weight) in &self.terms {
            for (sum, i) in sums.iter_mut().zip(range.clone()) {
                *sum += weight * rows.value(i, j);
            }
        }
        for (out, sum) in out.zip(sums) {
            *out = place(*sum, self.usual, self.scale);
        }
    }

    /// The sum in words, as `max - min - width`.
    ///
    /// Of many columns those are told whose part of the sum varies most; `spread` is by how
    /// much a column does.
    pub(crate) fn expression(
        &self,
        name: impl Fn(usize) -> String,
        spread: impl Fn(usize) -> f64,
    ) -> String {
        let told = self.told(spread);
        let mut text = String::new();
        for (at, &(j, weight)) in told.iter().enumerate() {
            text += match (at, weight < 0.0) {
                (0, false) => "",
                (0, true) => "-",
                (_, false) => " + ",
                (_, true) => " - ",
            };
            if weight.abs() != 1.0 {
                text += &format!("{} ", number(weight.abs()));
            }
            text += &name(j);
        }
        match self.terms.len() - told.len() {
            0 => text,
            more => text + &format!(" and {more} more columns"),
        }
    }

    /// The terms that words name, by column: the weightiest first would hide that signs
    /// belong together.
    fn told(&self, spread: impl Fn(usize) -> f64) -> Vec<(usize, f64)> {
        if self.terms.len() <= MOST_WHOLE {
            return self.terms.clone();
        }
        let part = |&(j, weight): &(usize, f64)| weight.abs() * spread(j);
        let mut told = self.terms.clone();
        // Equal parts keep the order of the columns.
        told.sort_by(|a, b| part(b).total_cmp(&part(a)));
        told.truncate(MOST_OF_MANY);
        told.sort_by_key(|&(j, _)| j);
        told
    }
}

/// Terms of a relation that is told whole, and those that words name of a longer one.
const MOST_WHOLE: usize = 6;
const MOST_OF_MANY: usize = 4;

fn place(sum: f64, usual: f64, scale: f64) -> f32 {
    // Sums of the largest numbers may have no value.
    let sum = if sum.is_nan() { f64::MAX } else { sum };
    on_line(sum, usual, scale) as f32 + 0.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extreme_values_have_coordinates() {
        let relation = Relation {
            terms: vec![(0, 1.0), (1, -1.0)],
            usual: 0.0,
            scale: 1e-4,
        };
        for values in [[1e30, -1e30], [f64::MAX, -f64::MAX], [0.0, 0.0]] {
            assert!(relation.coordinate(|j| values[j]).is_finite());
        }
    }

    #[test]
    fn of_many_columns_those_are_told_whose_parts_vary_most() {
        let name = |j: usize| format!("c{j}");
        let relation = |n: usize| Relation {
            terms: (0..n)
                .map(|j| (j, if j % 2 == 0 { 1.0 } else { -0.5 }))
                .collect(),
            usual: 0.0,
            scale: 1e-4,
        };
        let whole = "c0 - 0.5 c1 + c2 - 0.5 c3 + c4 - 0.5 c5";
        assert_eq!(relation(6).expression(name, |_| 1.0), whole);
        // Half the weight and four times the spread counts for more; so the order is none of
        // weights, and it is told by column.
        let spread = |j: usize| match j {
            2 | 20 => 3.0,
            5 | 11 => 8.0,
            _ => 1.0,
        };
        let told = "c2 - 0.5 c5 - 0.5 c11 + c20 and 25 more columns";
        assert_eq!(relation(29).expression(name, spread), told);
        let equal = "c0 + c2 + c4 + c6 and 3 more columns";
        assert_eq!(relation(7).expression(name, |_| 1.0), equal);
    }
}
