//! Ticks and samples against what one row after the other gives.

use super::*;

#[test]
fn rows_of_equal_weight_are_counted_as_one_by_one() {
    let mut rng = Rng::new(1, 0);
    for before in [0.0, 1.0, 1e6, EXACT - 51.0] {
        let state = ClockState {
            now: 3,
            reference: 0,
            cumulative: before,
        };
        let mut one_by_one = Clock::from_state(0.0, state);
        let mut at_once = one_by_one.clone();
        let mut listed = Ticks::default();
        for time in 10..60 {
            listed.push(one_by_one.tick(time));
        }
        let even = at_once.tick_evenly(50, 59).unwrap();
        assert_eq!(at_once.state, one_by_one.state);
        assert_eq!(even.len(), listed.len());
        let ends = [0.0, f64::MIN_POSITIVE, f64::MAX];
        for target in (0..300)
            .map(|_| before + 60.0 * rng.unit() - 5.0)
            .chain((0..60).map(|i| before + f64::from(i)))
            .chain(ends)
        {
            for row in [0, 7, 50] {
                assert_eq!(
                    even.reach(row, target),
                    listed.reach(row, target),
                    "{target}"
                );
            }
        }
        for row in 0..50 {
            let (a, b) = (even.get(row), listed.get(row));
            assert_eq!((a.log_weight, a.cumulative), (b.log_weight, b.cumulative));
        }
    }
    // Where counting would round, or weights differ, rows are taken one by one.
    for (rate, cumulative) in [(0.1, 0.0), (0.0, 0.5), (0.0, EXACT)] {
        let state = ClockState {
            now: 0,
            reference: 0,
            cumulative,
        };
        assert!(Clock::from_state(rate, state).tick_evenly(5, 5).is_none());
    }
}

/// Samples of rows that all weighed the same, and then of rows that outweigh those
/// before them by `exp(rate)` each.
#[test]
fn a_uniform_sample_goes_on_with_decay() {
    const SIZE: usize = 16;
    const SAMPLERS: u64 = 2000;
    let (old, new, rate) = (800, 600, 2e-3);
    let mut held = [0u64; 2];
    for number in 0..SAMPLERS {
        let mut clock = Clock::new(0.0);
        let mut sampler = Sampler::new(Sampling::Uniform, SIZE, Rng::new(3, number));
        let mut of_slot = [0; SIZE];
        let mut first = 0;
        for (kind, n) in [(0, old), (1, new)] {
            let mut ticks = Ticks::default();
            for time in first..first + n {
                ticks.push(clock.tick(time as i64));
            }
            let mut accepted = Vec::new();
            sampler.plan(first, &ticks, &mut accepted);
            accepted
                .iter()
                .for_each(|&(_, slot)| of_slot[slot as usize] = kind);
            let shift = clock.rebase(clock.state().now);
            sampler.rebase(shift);
            clock.set_rate(rate);
            first += n;
        }
        of_slot.iter().for_each(|&kind| held[kind] += 1);
    }
    // Few are drawn of many, nearly as with replacement. Held together the share of
    // new ones has a deviation of .0027; the tolerance is more than five of them, and
    // what drawing without replacement changes.
    let weight = (f64::exp(rate * new as f64) - 1.0) / (1.0 - f64::exp(-rate));
    let want = weight / (weight + old as f64);
    let share = held[1] as f64 / (held[0] + held[1]) as f64;
    assert!((share - want).abs() < 0.015, "{share} of {want}");
}

#[test]
fn where_weights_differ_the_next_row_is_found_wherever_it_is() {
    let mut rng = Rng::new(2, 0);
    for rate in [0.0, 1e-3, 0.3] {
        let mut clock = Clock::new(rate);
        let mut ticks = Ticks::default();
        let mut time = 0;
        for _ in 0..200 {
            // Times that repeat, jump and go back.
            time += [0, 1, 1, 1, 10, -15][(6.0 * rng.unit()) as usize];
            ticks.push(clock.tick(time));
        }
        let last = clock.cumulative();
        let ends = [0.0, f64::MIN_POSITIVE, last, 2.0 * last, f64::MAX];
        let targets = (0..300).map(|_| last * rng.unit()).chain(ends);
        for target in targets {
            for row in [0, 1, 50, 199, 200] {
                let want = ticks.listed[row..]
                    .iter()
                    .position(|t| t.cumulative >= target);
                let want = want.map_or(200, |at| row + at);
                assert_eq!(ticks.reach(row, target), want, "{target}");
            }
        }
    }
}
