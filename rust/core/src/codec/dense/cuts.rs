//! Cuts between two values.

use super::coder::Coder;
use super::order::{place, value};

/// Equal parts of the way from the least value to the greatest.
const PARTS: u32 = 256;
/// Of so few places all are taken to be as likely, and of those between two
/// values of which one is not far from four times the other.
const FEW: u64 = 2 * PARTS as u64;
const FOURFOLD: u64 = 2 << 23;

/// Codes the place of a cut that is at least `least` and below `greatest`,
/// all values about as likely. `None` if there is none between them.
pub(super) fn code(coder: &mut impl Coder, cut: i32, least: i32, greatest: i32) -> Option<i32> {
    let places = u64::try_from(i64::from(greatest) - i64::from(least)).ok()?;
    let one_side = (least >= 0) == (greatest >= 0);
    if places <= FEW || (places <= FOURFOLD && one_side) {
        return among(coder, cut, i64::from(least), i64::from(greatest));
    }
    // The places of float32 are dense about zero: first in which part it lies,
    // then which of the part's places it has.
    let scale = Scale::new(least, greatest);
    let part = coder.one_of(scale.part(cut), PARTS);
    let first = scale.first(part, least, greatest);
    let behind = scale.first(part + 1, least, greatest);
    among(coder, cut, first, behind)
}

fn among(coder: &mut impl Coder, cut: i32, first: i64, behind: i64) -> Option<i32> {
    let n = u64::try_from(behind - first).ok().filter(|&n| n > 0)?;
    let found = coder.below((i64::from(cut) - first) as u64, n);
    (found < n).then(|| (first + found as i64) as i32)
}

struct Scale {
    least: f64,
    each: f64,
}

impl Scale {
    fn new(least: i32, greatest: i32) -> Scale {
        let (least, greatest) = (f64::from(value(least)), f64::from(value(greatest)));
        Scale {
            least,
            each: f64::from(PARTS) / (greatest - least),
        }
    }

    /// The part of a place: never falls from one place to the next.
    #[inline]
    fn part(&self, place: i32) -> u32 {
        let part = (f64::from(value(place)) - self.least) * self.each;
        (part as u32).min(PARTS - 1)
    }

    /// The first place, from `least` to below `greatest`, of a part or of those
    /// behind it; else `greatest`.
    fn first(&self, part: u32, least: i32, greatest: i32) -> i64 {
        let (mut low, mut high) = (i64::from(least), i64::from(greatest));
        // It is near the place that the scale says; rounding and the many places
        // about zero put it off. Strides grow until it is between two.
        let near = self.least + f64::from(part) / self.each;
        let (mut at, mut stride) = (i64::from(place(near as f32)), 1);
        let (mut over, mut under) = (false, false);
        while low < high {
            at = at.clamp(low, high - 1);
            if self.part(at as i32) < part {
                (low, under) = (at + 1, true);
                at += stride;
            } else {
                (high, over) = (at, true);
                at -= stride;
            }
            stride *= 2;
            if over && under {
                at = (low + high) >> 1;
            }
        }
        low
    }
}
