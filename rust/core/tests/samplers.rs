//! Which rows trees hold: against formulas where there are any, and against
//! samplers that draw a key for every row where there are none.
//!
//! Error rates: each test's hypotheses fail together with probability 1e-4 at
//! most if all are true (seeds are fixed, so a test fails always or never).
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that fails may panic"
)]

mod files;
mod statistics;

use fastrcf::{Forest, ForestConfig, Sampling};
use files::{Numbers, rows_of};
use statistics::{Family, chi_square, has_mean, normal, same_mean, same_share};

const LEVEL: f64 = 1e-4;

fn forest(n_trees: usize, sample_size: usize, sampling: Sampling, seed: u64) -> Forest {
    let config = ForestConfig {
        n_trees,
        sample_size,
        sampling,
        seed,
        n_threads: 1,
        ..Default::default()
    };
    Forest::new(config, 1).unwrap()
}

/// Row number `i` has the value `i`.
fn numbered(rows: std::ops::Range<usize>) -> Vec<f64> {
    rows.map(|row| row as f64).collect()
}

/// The numbers of the rows that each tree holds.
fn held(forest: &Forest) -> Vec<Vec<usize>> {
    let state = forest.to_state();
    let row = |&at: &u32| state.points[at as usize] as usize;
    let trees = state.trees.iter().map(|tree| tree.stream.as_ref().unwrap());
    trees
        .map(|stream| stream.points.iter().map(row).collect())
        .collect()
}

/// In how many of the trees each row is.
fn counts(trees: &[Vec<usize>], n_rows: usize) -> Vec<u64> {
    let mut counts = vec![0; n_rows];
    trees.iter().flatten().for_each(|&row| counts[row] += 1);
    counts
}

/// A sampler that draws a key for every row (Efraimidis and Spirakis), in
/// doubles, for times that are small.
struct Naive {
    size: usize,
    rate: f64,
    held: Vec<(f64, usize)>,
    /// It has turned rows away, and takes none above the largest key it holds.
    closed: bool,
}

impl Naive {
    fn new(size: usize, rate: f64) -> Naive {
        Naive {
            size,
            rate,
            held: Vec::new(),
            closed: false,
        }
    }

    fn offer(&mut self, row: usize, time: f64, numbers: &mut Numbers) {
        let u = (numbers.unit() + 2f64.powi(-54)).min(1.0 - 1e-16);
        let key = (-u.ln()).ln() - self.rate * time;
        let largest = self
            .held
            .iter()
            .map(|h| h.0)
            .fold(f64::NEG_INFINITY, f64::max);
        if self.closed && key >= largest {
            return;
        }
        if self.held.len() == self.size {
            self.held.retain(|h| h.0 != largest);
        }
        self.held.push((key, row));
        self.closed |= self.held.len() == self.size;
    }

    fn delete(&mut self, row: usize) {
        let before = self.held.len();
        self.held.retain(|h| h.1 != row);
        if self.held.len() < before && self.held.len() < (self.size / 4).max(1) {
            self.closed = false;
        }
    }

    fn rows(&self) -> Vec<usize> {
        self.held.iter().map(|h| h.1).collect()
    }
}

/// Compares what engine and naive samplers hold: row by row, and by groups of
/// neighbouring rows, where small differences add up.
fn compare(family: &mut Family, name: &str, ours: &[Vec<usize>], theirs: &[Vec<usize>], n: usize) {
    let (x, y) = (counts(ours, n), counts(theirs, n));
    for row in 0..n {
        let p = same_share(x[row], ours.len(), y[row], theirs.len());
        family.add(format!("{name}, row {row}"), p);
    }
    const GROUP: usize = 25;
    for first in (0..n).step_by(GROUP) {
        let group = first..first + GROUP;
        let of = |trees: &[Vec<usize>]| -> Vec<f64> {
            let inside = trees
                .iter()
                .map(|t| t.iter().filter(|r| group.contains(r)).count());
            inside.map(|n| n as f64).collect()
        };
        let (ours, theirs) = (of(ours), of(theirs));
        if ours.iter().chain(&theirs).any(|&n| n > 0.0) {
            family.add(format!("{name}, rows {group:?}"), same_mean(&ours, &theirs));
        }
    }
}

/// Statistic of counts of rows that are equally likely to be among the `s` that
/// each tree draws of `n`; draws without replacement are taken into account.
fn equally_likely(counts: &[u64], trees: usize, s: f64) -> f64 {
    let n = counts.len() as f64;
    let p = s / n;
    let variance = trees as f64 * p * (1.0 - p) * n / (n - 1.0);
    let expected = trees as f64 * p;
    let statistic = counts
        .iter()
        .map(|&c| (c as f64 - expected).powi(2) / variance);
    chi_square(statistic.sum(), n - 1.0)
}

#[test]
fn uniform_sampling_holds_every_row_with_the_same_probability() {
    let (trees, size, n) = (4000, 16, 500);
    let mut forest = forest(trees, size, Sampling::Uniform, 1);
    forest.insert(&rows_of(&numbered(0..n), 1)).unwrap();
    let p = equally_likely(&counts(&held(&forest), n), trees, size as f64);
    assert!(p > LEVEL, "p = {p}");
}

#[test]
fn window_sampling_holds_exactly_the_last_rows() {
    let mut forest = forest(7, 20, Sampling::Window, 2);
    for n in 1..100 {
        forest.insert(&rows_of(&numbered(n - 1..n), 1)).unwrap();
        let expected: Vec<usize> = (n.saturating_sub(20)..n).collect();
        for mut rows in held(&forest) {
            rows.sort_unstable();
            assert_eq!(rows, expected);
        }
    }
}

/// Rows that each tree takes of `rows`, by changes of its sampler's generator
/// and keys.
fn accepted(forest: &mut Forest, rows: &[f64], times: Option<&[i64]>) -> Vec<f64> {
    let mut before = held(forest);
    let mut accepted = vec![0.0; before.len()];
    for (i, row) in rows.iter().enumerate() {
        let time = times.map(|times| &times[i..=i]);
        forest
            .insert_with(&rows_of(&[*row], 1), time, &mut || false)
            .unwrap();
        let after = held(forest);
        for (t, rows) in after.iter().enumerate() {
            accepted[t] += f64::from(u8::from(*rows != before[t]));
        }
        before = after;
    }
    accepted
}

#[test]
fn uniform_sampling_takes_few_rows() {
    // Row i is taken with probability S / i: S (1 + ln(N / S)) rows in all.
    let (size, n) = (16usize, 1500usize);
    let mut forest = forest(200, size, Sampling::Uniform, 3);
    let counts = accepted(&mut forest, &numbered(0..n), None);
    let expected: f64 = (1..=n).map(|i| (size as f64 / i as f64).min(1.0)).sum();
    let about = size as f64 * (1.0 + (n as f64 / size as f64).ln());
    assert!((expected / about - 1.0).abs() < 0.01);
    let p = has_mean(&counts, expected);
    assert!(p > LEVEL, "p = {p}");
}

/// `sum (-1)^(k+1) z^k / (k! k^power)`: what a reservoir whose threshold has the
/// hazard `z` holds, times the rate (power 1), and the sum of its ages, times
/// the rate squared (power 2).
fn entire(z: f64, power: i32) -> f64 {
    let (mut term, mut sum) = (-1.0, 0.0);
    for k in 1..40 {
        term *= -z / f64::from(k);
        sum += term / f64::from(k).powi(power);
    }
    sum
}

/// The hazard of the threshold of a reservoir that holds `held / rate` rows.
fn steady_hazard(held: f64) -> f64 {
    let (mut low, mut high) = (0.0, 10.0);
    for _ in 0..100 {
        let middle = 0.5 * (low + high);
        match entire(middle, 1) < held {
            true => low = middle,
            false => high = middle,
        }
    }
    low
}

#[test]
fn decay_at_its_default_takes_a_tenth_of_the_rows_and_is_ten_samples_old() {
    let z = steady_hazard(0.1);
    let acceptance = 1.0 - (-z).exp();
    assert!((0.097..0.098).contains(&acceptance), "{acceptance}");
    let mut forest = forest(60, 256, Sampling::Decay { rate: None }, 4);
    forest.insert(&rows_of(&numbered(0..30_000), 1)).unwrap();
    let counts = accepted(&mut forest, &numbered(30_000..32_000), None);
    // Binomial is more than the spread of a reservoir of steady size.
    let (n, total) = (60.0 * 2000.0, counts.iter().sum::<f64>());
    let z_score = (total - n * acceptance) / (n * acceptance * (1.0 - acceptance)).sqrt();
    assert!(normal(z_score) > LEVEL, "{} of {n}", total);
    let age = |rows: &Vec<usize>| {
        rows.iter().map(|&row| 31_999.0 - row as f64).sum::<f64>() / rows.len() as f64
    };
    let ages: Vec<f64> = held(&forest).iter().map(age).collect();
    let expected = 2560.0 * entire(z, 2) / entire(z, 1);
    assert!((expected / 2560.0 - 1.0).abs() < 0.03);
    let p = has_mean(&ages, expected);
    assert!(p > LEVEL, "{ages:?}, not {expected}");
}

/// Streams that keep a clock awake: steady, bursts, late rows, and one that
/// starts in the future and then gets the past.
fn clocks(n: usize) -> Vec<(&'static str, Vec<i64>)> {
    let mut numbers = Numbers(5);
    let mut now = 0;
    let mut ragged = |jumps: &[i64]| -> Vec<i64> {
        now = 0;
        (0..n)
            .map(|_| {
                now += jumps[numbers.below(jumps.len())];
                now
            })
            .collect()
    };
    let bursts = ragged(&[0, 0, 0, 1, 9]);
    let late = ragged(&[1, 2, 3, -4, 30, -25]);
    let far = ragged(&[1, 1, 1, 1, 1, 1, 2, 600, -590]);
    let backfill = (0..n as i64).map(|i| if i < 3 { 5000 } else { i });
    vec![
        ("steady", (0..n as i64).collect()),
        ("bursts", bursts),
        ("late rows", late),
        ("far jumps", far),
        ("backfill", backfill.collect()),
    ]
}

#[test]
fn decay_holds_the_rows_that_a_sampler_of_every_row_holds() {
    let (trees, size, n, rate) = (3000, 12, 250, 0.03);
    let mut family = Family::new(LEVEL);
    let mut numbers = Numbers(6);
    for (name, times) in clocks(n) {
        let mut forest = forest(trees, size, Sampling::Decay { rate: Some(rate) }, 7);
        let rows = numbered(0..n);
        forest
            .insert_with(&rows_of(&rows, 1), Some(&times), &mut || false)
            .unwrap();
        let naive = (0..2 * trees).map(|_| {
            let mut naive = Naive::new(size, rate);
            for (row, &time) in times.iter().enumerate() {
                naive.offer(row, time as f64, &mut numbers);
            }
            naive.rows()
        });
        let naive: Vec<_> = naive.collect();
        compare(&mut family, name, &held(&forest), &naive, n);
    }
    family.accept();
}

#[test]
fn after_deletions_trees_hold_what_a_sampler_of_every_row_holds() {
    let (trees, size, n) = (3000, 16, 250);
    let mut family = Family::new(LEVEL);
    let mut numbers = Numbers(8);
    for (sampling, rate) in [
        (Sampling::Uniform, 0.0),
        (Sampling::Decay { rate: Some(0.02) }, 0.02),
    ] {
        let mut forest = forest(trees, size, sampling, 9);
        let mut naive: Vec<Naive> = (0..2 * trees).map(|_| Naive::new(size, rate)).collect();
        // Most of many rows go, twice, with rows in between and a few behind.
        for (rows, gone) in [(0..150, 20..120), (150..230, 60..220), (230..n, 0..0)] {
            forest.insert(&rows_of(&numbered(rows.clone()), 1)).unwrap();
            let gone: Vec<usize> = gone.filter(|row| row % 5 < 3).collect();
            let values: Vec<f64> = gone.iter().map(|&row| row as f64).collect();
            forest.delete(&rows_of(&values, 1)).unwrap();
            for naive in &mut naive {
                for row in rows.clone() {
                    naive.offer(row, row as f64, &mut numbers);
                }
                gone.iter().for_each(|&row| naive.delete(row));
            }
        }
        forest.check().unwrap();
        let naive: Vec<_> = naive.iter().map(Naive::rows).collect();
        compare(
            &mut family,
            &format!("{sampling:?}"),
            &held(&forest),
            &naive,
            n,
        );
    }
    family.accept();
}

#[test]
fn deletions_leave_the_other_rows_equally_likely() {
    // What is deleted has nothing to do with the keys, so of the rows that are
    // left, old or new, none may be more likely than another.
    let (trees, size, n) = (4000, 32, 400);
    let mut forest = forest(trees, size, Sampling::Uniform, 10);
    forest.insert(&rows_of(&numbered(0..n), 1)).unwrap();
    let gone: Vec<usize> = (0..n).filter(|row| row % 3 == 0).collect();
    let values: Vec<f64> = gone.iter().map(|&row| row as f64).collect();
    forest.delete(&rows_of(&values, 1)).unwrap();
    let more = n + 100;
    forest.insert(&rows_of(&numbered(n..more), 1)).unwrap();
    let trees_hold = held(&forest);
    let all = counts(&trees_hold, more);
    assert!(gone.iter().all(|&row| all[row] == 0));
    let left: Vec<u64> = (0..more)
        .filter(|row| *row >= n || row % 3 > 0)
        .map(|row| all[row])
        .collect();
    let mean = trees_hold.iter().map(Vec::len).sum::<usize>() as f64 / trees as f64;
    assert!(mean > 20.0 && mean < 31.0, "{mean} rows held");
    // How many rows a tree holds varies now: the mean decides, the variance of
    // a count stays that of a yes or no.
    let p = equally_likely(&left, trees, mean);
    assert!(p > LEVEL, "p = {p}");
}

#[test]
fn the_first_row_after_a_deletion_meets_the_new_threshold() {
    // In a small tree the largest key goes often.
    let (trees, size, n) = (6000, 4, 50);
    let mut forest = forest(trees, size, Sampling::Uniform, 13);
    let gone: Vec<usize> = (0..40).filter(|row| row % 2 == 0).collect();
    let values: Vec<f64> = gone.iter().map(|&row| row as f64).collect();
    forest.insert(&rows_of(&numbered(0..40), 1)).unwrap();
    forest.delete(&rows_of(&values, 1)).unwrap();
    forest.insert(&rows_of(&numbered(40..n), 1)).unwrap();
    let mut numbers = Numbers(14);
    let naive = (0..4 * trees).map(|_| {
        let mut naive = Naive::new(size, 0.0);
        (0..40).for_each(|row| naive.offer(row, 0.0, &mut numbers));
        gone.iter().for_each(|&row| naive.delete(row));
        (40..n).for_each(|row| naive.offer(row, 0.0, &mut numbers));
        naive.rows()
    });
    let new = |rows: Vec<usize>| rows.iter().filter(|&&row| row >= 40).count() as f64;
    let theirs: Vec<f64> = naive.map(new).collect();
    let ours: Vec<f64> = held(&forest).into_iter().map(new).collect();
    let p = same_mean(&ours, &theirs);
    assert!(p > LEVEL, "p = {p}");
}

#[test]
fn a_window_with_a_deleted_row_holds_the_rows_that_are_left() {
    let mut forest = forest(5, 20, Sampling::Window, 11);
    forest.insert(&rows_of(&numbered(0..50), 1)).unwrap();
    let gone = [35.0, 40.0, 49.0, 3.0];
    let removed = forest.delete(&rows_of(&gone, 1)).unwrap();
    assert_eq!(removed, [5, 5, 5, 0]);
    for n in 51..80 {
        forest.insert(&rows_of(&numbered(n - 1..n), 1)).unwrap();
        // Rows that had left the window before do not come back.
        let left = (30..n).filter(|row| ![35, 40, 49].contains(row));
        let left: Vec<usize> = left.collect();
        let expected = &left[left.len().saturating_sub(20)..];
        for mut rows in held(&forest) {
            rows.sort_unstable();
            assert_eq!(rows, expected);
        }
    }
}

#[test]
fn a_forest_that_lost_all_its_rows_starts_over() {
    for sampling in [Sampling::Uniform, Sampling::Decay { rate: None }] {
        let mut forest = forest(20, 32, sampling, 12);
        forest.insert(&rows_of(&numbered(0..5000), 1)).unwrap();
        let before = forest.to_state();
        let values: Vec<f64> = before.points.iter().map(|&v| f64::from(v)).collect();
        forest.delete(&rows_of(&values, 1)).unwrap();
        assert_eq!(forest.n_points(), 0);
        forest.insert(&rows_of(&numbered(0..32), 1)).unwrap();
        assert!(held(&forest).iter().all(|rows| rows.len() == 32));
        forest.check().unwrap();
    }
}
