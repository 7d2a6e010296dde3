//! Facts of records from those before them on their SIM, one record after the other.
//!
//! Features are made of facts, and nearly all facts are differences of running sums, which
//! arrays are good at. These two are not: a median of what is in a window, and counts of many
//! kinds in one. A window that slides over sorted records has each record enter once and leave
//! once.

/// Gaps that say what is usual.
const USUAL_OF: usize = 31;
/// Below so many nothing is usual yet.
const USUAL_FROM: usize = 3;
/// Slots of a day that records are counted by.
pub const SLOTS: usize = 12;

/// The last gaps of a SIM, in the order of time and by size.
struct Gaps {
    ring: [i64; USUAL_OF],
    sorted: [i64; USUAL_OF],
    len: usize,
    /// Where the next goes, and the oldest is once all places are taken.
    next: usize,
}

impl Gaps {
    const NONE: Gaps = Gaps {
        ring: [0; USUAL_OF],
        sorted: [0; USUAL_OF],
        len: 0,
        next: 0,
    };

    fn push(&mut self, gap: i64) {
        if self.len == USUAL_OF {
            let oldest = self.ring[self.next];
            let place = self.sorted.partition_point(|&known| known < oldest);
            self.sorted.copy_within(place + 1.., place);
            self.len -= 1;
        }
        let place = self.sorted[..self.len].partition_point(|&known| known <= gap);
        self.sorted.copy_within(place..self.len, place + 1);
        self.sorted[place] = gap;
        self.len += 1;
        self.ring[self.next] = gap;
        self.next = (self.next + 1) % USUAL_OF;
    }

    /// The (m + 1) / 2-th smallest of m.
    fn usual(&self) -> i64 {
        if self.len < USUAL_FROM {
            return -1;
        }
        self.sorted[(self.len - 1) / 2]
    }
}

/// The lower median of a SIM's last 31 gaps above 0 before each record; -1 below 3 of them.
///
/// Records are in order of SIMs, then of time; `gaps` has 0 where there is none. Of arrays of
/// different lengths the shorter one counts.
#[must_use]
pub fn usual_gaps(sims: &[i64], gaps: &[i64]) -> Vec<i64> {
    let mut known = Gaps::NONE;
    let mut last = None;
    let each = sims.iter().zip(gaps).map(|(&sim, &gap)| {
        if last != Some(sim) {
            known = Gaps::NONE;
            last = Some(sim);
        }
        let usual = known.usual();
        if gap > 0 {
            known.push(gap);
        }
        usual
    });
    each.collect()
}

/// What [`slot_facts`] gives of each record.
#[derive(Clone, Debug, PartialEq)]
pub struct SlotFacts {
    /// Sum of n ln n over the slots, n being the records of the window in each.
    pub logs: Vec<f64>,
    /// Records of the window in the record's own slot.
    pub same: Vec<i64>,
}

/// Counts the records of windows by slots of the day.
///
/// A record's window goes from `first` to itself; `first` never goes back. `n_log_n` is looked
/// up, so that whoever computes the same of single records has the same bits; terms are added in
/// the order of slots.
///
/// # Errors
/// What is wrong with the arrays, if they are not as said, or `n_log_n` is too short.
pub fn slot_facts(
    slots: &[i32],
    first: &[i64],
    n_log_n: &[f64],
) -> Result<SlotFacts, &'static str> {
    if slots.len() != first.len() {
        return Err("slots and windows differ in number");
    }
    let mut found = SlotFacts {
        logs: Vec::with_capacity(slots.len()),
        same: Vec::with_capacity(slots.len()),
    };
    let (mut counts, mut terms) = ([0_usize; SLOTS], [0.0; SLOTS]);
    let mut begin = 0;
    for (here, (&slot, &first)) in slots.iter().zip(first).enumerate() {
        let own = usize::try_from(slot).ok().filter(|&slot| slot < SLOTS);
        let own = own.ok_or("a slot is none of twelve")?;
        let first = usize::try_from(first).ok().filter(|&first| first <= here);
        let first = first.ok_or("a window begins after its record")?;
        if first < begin {
            return Err("windows go back");
        }
        for &gone in &slots[begin..first] {
            // It was looked at when it came.
            let gone = gone as usize;
            counts[gone] -= 1;
            terms[gone] = n_log_n[counts[gone]];
        }
        begin = first;
        counts[own] += 1;
        terms[own] = *n_log_n.get(counts[own]).ok_or("n ln n is not known")?;
        found.logs.push(terms.iter().sum());
        found.same.push(counts[own] as i64);
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::{SLOTS, slot_facts, usual_gaps};
    use crate::rng::Rng;

    /// As it is said.
    fn naive_usual(sims: &[i64], gaps: &[i64], at: usize) -> i64 {
        let earlier = (0..at).filter(|&i| sims[i] == sims[at] && gaps[i] > 0);
        let mut known: Vec<i64> = earlier.map(|i| gaps[i]).collect();
        known.drain(..known.len().saturating_sub(31));
        known.sort_unstable();
        match known.len() {
            0..3 => -1,
            m => known[m.div_ceil(2) - 1],
        }
    }

    #[test]
    fn usual_gaps_are_lower_medians() {
        let mut rng = Rng::new(7);
        for most in [1, 3, 1_000_000] {
            let sims: Vec<i64> = (0..600)
                .map(|i| i64::from(i >= 40) + i64::from(i >= 42))
                .collect();
            let gaps: Vec<i64> = sims.iter().map(|_| rng.below(most + 1) as i64).collect();
            let found = usual_gaps(&sims, &gaps);
            for (at, &usual) in found.iter().enumerate() {
                assert_eq!(usual, naive_usual(&sims, &gaps, at), "at {at} of {most}");
            }
        }
        assert!(usual_gaps(&[], &[]).is_empty());
    }

    #[test]
    fn slots_are_counted_in_windows() {
        let mut rng = Rng::new(8);
        let slots: Vec<i32> = (0..500).map(|_| rng.below(SLOTS) as i32).collect();
        let first: Vec<i64> = (0..500)
            .map(|i| (i - 37).max(i / 100 * 100).max(0))
            .collect();
        let n_log_n: Vec<f64> = (0..40)
            .map(|n| f64::from(n) * f64::from(n.max(1)).ln())
            .collect();
        let found = slot_facts(&slots, &first, &n_log_n).unwrap();
        for here in 0..slots.len() {
            let window = &slots[first[here] as usize..=here];
            let count = |slot| window.iter().filter(|&&other| other == slot).count();
            let logs: f64 = (0..SLOTS as i32).map(|slot| n_log_n[count(slot)]).sum();
            assert_eq!(found.logs[here], logs);
            assert_eq!(found.same[here], count(slots[here]) as i64);
        }
    }

    #[test]
    fn wrong_windows_are_refused() {
        let logs = [0.0; 8];
        for (slots, first) in [
            (&[0, 0][..], &[0][..]),
            (&[12], &[0]),
            (&[-1], &[0]),
            (&[0], &[1]),
            (&[0], &[-1]),
            (&[0, 0, 0], &[0, 1, 0]),
        ] {
            assert!(slot_facts(slots, first, &logs).is_err());
        }
        assert!(slot_facts(&[0, 0], &[0, 0], &logs[..2]).is_err());
    }
}
