//! Random sequences of operations, checked step by step against a forest
//! written to be read: one step is one insertion into or deletion from a tree.
//!
//! `FASTRCF_STEPS` sets how many steps are checked.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that fails may panic"
)]

mod files;
mod reference;

use fastrcf::state::ForestState;
use fastrcf::{Forest, ForestConfig, Rows, Sampling};
use files::{Numbers, rows_of};
use reference::Reference;

/// The kinds of values that a column may have.
#[derive(Clone, Copy, Debug)]
enum Values {
    Spread,
    /// Few different values: many rows are equal.
    Grid,
    /// One step of single precision apart.
    Ulps,
    /// Zeros of both signs, and the smallest numbers there are.
    Zeros,
    Constant,
    /// All magnitudes a forest takes.
    Magnitudes,
    /// A large number plus a little.
    Offset,
}

impl Values {
    const ALL: [Values; 7] = [
        Values::Spread,
        Values::Grid,
        Values::Ulps,
        Values::Zeros,
        Values::Constant,
        Values::Magnitudes,
        Values::Offset,
    ];

    fn draw(self, numbers: &mut Numbers) -> f64 {
        match self {
            Values::Spread => numbers.unit() * 4.0 - 2.0,
            Values::Grid => numbers.below(3) as f64,
            Values::Ulps => f64::from(f32::from_bits(1.0f32.to_bits() + numbers.below(3) as u32)),
            Values::Zeros => [0.0, -0.0, 1e-45, -1e-45][numbers.below(4)],
            Values::Constant => 7.25,
            Values::Magnitudes => {
                let sign = [1.0, -1.0][numbers.below(2)];
                sign * 10f64.powf(numbers.unit() * 76.0 - 46.0)
            }
            Values::Offset => 1e8 + numbers.unit() * 100.0,
        }
    }
}

/// A stream with its settings.
struct Scene {
    config: ForestConfig,
    n_features: usize,
    columns: Vec<Values>,
    numbers: Numbers,
}

impl Scene {
    fn new(seed: u64) -> Scene {
        let mut numbers = Numbers(seed);
        let shingle_size = [1, 1, 1, 2, 4][numbers.below(5)];
        let n_features = match numbers.below(3) {
            0 => 1 + numbers.below(40 / shingle_size),
            _ => 1 + numbers.below(4),
        };
        // A stream whose columns are all of one kind, or of any.
        let one = Values::ALL[numbers.below(7)];
        let mixed = numbers.below(2) == 0;
        let columns = (0..n_features).map(|_| match mixed {
            true => Values::ALL[numbers.below(7)],
            false => one,
        });
        let columns: Vec<Values> = columns.collect();
        let large = columns.iter().any(|c| matches!(c, Values::Magnitudes));
        let weights = (0..n_features).map(|_| 0.25 + numbers.unit());
        let weights: Vec<f64> = weights.collect();
        let most_held = [39, 15, 15, 15][numbers.below(4)];
        let rate = [0.0, 0.01, 0.2, 3.0, 60.0][numbers.below(5)];
        let config = ForestConfig {
            n_trees: 1 + numbers.below(8),
            sample_size: 2 + numbers.below(most_held),
            shingle_size,
            sampling: match numbers.below(4) {
                0 => Sampling::Uniform,
                1 => Sampling::Decay { rate: Some(rate) },
                _ => Sampling::Window,
            },
            feature_weights: (!large && numbers.below(3) == 0).then_some(weights),
            seed: numbers.next(),
            n_threads: 1,
        };
        Scene {
            config,
            n_features,
            columns,
            numbers,
        }
    }

    fn row(&mut self) -> Vec<f64> {
        let Scene {
            columns, numbers, ..
        } = self;
        columns.iter().map(|c| c.draw(numbers)).collect()
    }

    fn times(&mut self, n: usize, now: &mut i64) -> Vec<i64> {
        let times = (0..n).map(|_| {
            let jump = [0, 1, 1, 1, 5, -3, 40, -40, 100_000][self.numbers.below(9)];
            *now += jump;
            *now
        });
        times.collect()
    }
}

/// Numbers that agree to single precision's errors in a walk of few steps.
fn close(ours: f64, theirs: f64) -> bool {
    (ours - theirs).abs() <= 2e-6 * theirs.abs().max(1.0)
}

fn bits(values: &[f64]) -> Vec<u64> {
    values.iter().map(|v| v.to_bits()).collect()
}

/// Everything that can be asked about rows, living and frozen.
fn check_answers(
    forest: &Forest,
    reference: &Reference,
    asked: &[f64],
    width: usize,
) -> Result<(), String> {
    let rows = rows_of(asked, width);
    let frozen = forest.freeze().unwrap();
    let scores = forest.score(&rows).unwrap();
    let parts = forest.attribution(&rows).unwrap();
    let displaced = forest.displacement(&rows).unwrap();
    let codisp = forest.codisp(&rows).unwrap();
    // As many copies as it takes for a frozen forest to take whole blocks.
    let times = 513usize.div_ceil(rows.n_rows());
    let blocks = frozen.score(&rows_of(&asked.repeat(times), width)).unwrap();
    let apart = frozen
        .displacement(&rows_of(&asked.repeat(times), width))
        .unwrap();
    let same = bits(&apart) == bits(&displaced.repeat(times))
        && bits(&frozen.score(&rows).unwrap()) == bits(&scores)
        && bits(&blocks) == bits(&scores.repeat(times))
        && frozen.attribution(&rows).unwrap() == parts
        && frozen.displacement(&rows).unwrap() == displaced
        && frozen.codisp(&rows).unwrap() == codisp;
    if !same {
        return Err("the frozen forest answers otherwise".into());
    }
    for (i, row) in asked.chunks_exact(width).enumerate() {
        let q = reference.point_of(row);
        let columns = i * q.len()..(i + 1) * q.len();
        let (low, high) = reference.attribution(&q);
        let mut ours = vec![scores[i], displaced[i], codisp[i]];
        let mut theirs = vec![
            reference.score(&q),
            reference.displacement(&q),
            reference.codisp(&q),
        ];
        ours.extend(&parts.low[columns.clone()]);
        ours.extend(&parts.high[columns]);
        theirs.extend(low.iter().chain(&high));
        if !ours.iter().zip(&theirs).all(|(a, b)| close(*a, *b)) {
            return Err(format!(
                "score, displacement, codisp, low and high parts are {ours:?}, not {theirs:?}"
            ));
        }
    }
    Ok(())
}

/// One stream: an engine that takes rows singly, one that takes them in
/// blocks, and the reference.
struct Play {
    scene: Scene,
    forest: Forest,
    whole: Forest,
    reference: Reference,
    /// The forest as it stands.
    state: ForestState,
    seen: Vec<Vec<f64>>,
    now: i64,
    steps: u64,
}

impl Play {
    fn new(seed: u64) -> Play {
        let scene = Scene::new(seed);
        let forest = Forest::new(scene.config.clone(), scene.n_features).unwrap();
        Play {
            whole: forest.clone(),
            reference: Reference::new(&scene.config, scene.n_features),
            state: forest.to_state(),
            forest,
            scene,
            seen: Vec::new(),
            now: 0,
            steps: 0,
        }
    }

    /// Rows of the stream, some of them seen before.
    fn stream(&mut self) -> Result<(), String> {
        let n = self.scene.n_features;
        let numbers = &mut self.scene.numbers;
        let count = 1 + numbers.below(3) * numbers.below(20);
        let mut rows: Vec<f64> = Vec::new();
        for _ in 0..count {
            let row = match self.scene.numbers.below(4) {
                0 if !self.seen.is_empty() => self.one_seen(),
                _ => self.scene.row(),
            };
            rows.extend(&row);
            self.seen.push(row);
        }
        let clocked = self.scene.numbers.below(3) == 0;
        let clock = clocked.then(|| self.scene.times(count, &mut self.now));
        let times = clock.as_deref();
        let mut singly = Vec::new();
        for (i, row) in rows.chunks_exact(n).enumerate() {
            let time = times.map(|times| &times[i..=i]);
            let one = self
                .forest
                .process_with(&rows_of(row, n), time, &mut || false);
            singly.extend(one.unwrap());
            self.state = self.forest.to_state();
            self.steps += self.reference.follow_row(row, &self.state)?;
        }
        self.now = self.state.clock.unwrap().now;
        let rows = rows_of(&rows, n);
        if self.scene.numbers.below(2) == 0 {
            let at_once = self.whole.process_with(&rows, times, &mut || false);
            if bits(&at_once.unwrap()) != bits(&singly) {
                return Err("a block has other scores than its rows".into());
            }
        } else {
            self.whole.insert_with(&rows, times, &mut || false).unwrap();
        }
        Ok(())
    }

    fn one_seen(&mut self) -> Vec<f64> {
        self.seen[self.scene.numbers.below(self.seen.len())].clone()
    }

    /// A point that some tree holds, or one that none may hold.
    fn delete(&mut self) -> Result<(), String> {
        let shingle = self.scene.config.shingle_size;
        let number = self.scene.numbers.below(1 << 20);
        let held = self.reference.some_point(number);
        let weighted = self.scene.config.feature_weights.is_some();
        let row = match (held, number % 4) {
            (Some(held), 1..) if !weighted => held.iter().map(|&v| f64::from(v)).collect(),
            (_, 1..) if shingle == 1 && !self.seen.is_empty() => self.one_seen(),
            _ => (0..shingle).flat_map(|_| self.scene.row()).collect(),
        };
        let rows = rows_of(&row, row.len());
        let copies = self.forest.delete(&rows).unwrap()[0];
        if self.whole.delete(&rows).unwrap() != [copies] {
            return Err("another number of copies deleted".into());
        }
        self.state = self.forest.to_state();
        self.steps += self.reference.follow_delete(&row, copies, &self.state)?;
        Ok(())
    }

    /// All questions, about whole points or rows that follow those seen.
    fn ask(&mut self) -> Result<(), String> {
        let (n, d) = (self.scene.n_features, self.forest.n_dimensions());
        let whole = self.scene.numbers.below(2) == 0;
        let width = if whole { d } else { n };
        if !self.forest.is_ready() || (!whole && self.state.recent.len() < d - n) {
            return Ok(());
        }
        let mut asked: Vec<f64> = Vec::new();
        for _ in 0..4 * width / n {
            asked.extend(self.scene.row());
        }
        let number = self.scene.numbers.below(1 << 20);
        if let (None, Some(held), true) = (
            &self.scene.config.feature_weights,
            self.reference.some_point(number),
            width == d,
        ) {
            asked.extend(held.iter().map(|&v| f64::from(v)));
        }
        check_answers(&self.forest, &self.reference, &asked, width)?;
        // What is read from a state goes on as the forest that it was.
        self.forest = Forest::from_state(self.state.clone()).unwrap();
        Ok(())
    }

    fn operation(&mut self) -> Result<(), String> {
        match self.scene.numbers.below(12) {
            0..8 => self.stream()?,
            8..11 => self.delete()?,
            _ => self.ask()?,
        }
        if self.state != self.whole.to_state() {
            return Err("a block gives another forest than its rows".into());
        }
        self.forest.check()?;
        self.whole.check()
    }
}

#[test]
fn every_step_is_the_naive_one() {
    let wanted: u64 = std::env::var("FASTRCF_STEPS")
        .ok()
        .and_then(|n| n.parse().ok())
        .unwrap_or(2_000_000);
    let (mut steps, mut seed) = (0, 0);
    while steps < wanted {
        seed += 1;
        let mut play = Play::new(seed);
        for i in 0..150 {
            if let Err(message) = play.operation() {
                panic!(
                    "stream {seed}, operation {i}, {:?}: {message}",
                    play.scene.config
                );
            }
        }
        steps += play.steps;
    }
    println!("{steps} steps in {seed} streams");
}

#[test]
fn the_reference_notices_wrong_trees() {
    use reference::tree::Node;
    let config = ForestConfig {
        n_trees: 1,
        sample_size: 8,
        sampling: Sampling::Window,
        ..Default::default()
    };
    let mut forest = Forest::new(config.clone(), 1).unwrap();
    let mut reference = Reference::new(&config, 1);
    for i in 0..12 {
        let row = [f64::from(i * i % 13)];
        forest.insert(&Rows::from_f64(&row, 1).unwrap()).unwrap();
        let state = forest.to_state();
        // A point moved, a key raised: each is seen.
        let mut moved = state.clone();
        let last = moved.points.len() - 1;
        moved.points[last] += 0.25;
        let mut raised = state.clone();
        raised.trees[0].stream.as_mut().unwrap().keys[0] += 0.5;
        for wrong in [moved, raised] {
            assert!(reference.clone().follow_row(&row, &wrong).is_err());
        }
        reference.follow_row(&row, &state).unwrap();
    }
    // A cut outside of the gap is none of an insertion.
    let old = Node::leaf(&[0.0]).split_off(&[2.0], 0, 1.0);
    let good = old.clone().split_off(&[3.0], 0, 2.5);
    let bad = old.clone().split_off(&[3.0], 0, 1.5);
    assert!(old.joined_by(&[3.0], &good).is_ok());
    assert!(old.joined_by(&[3.0], &bad).is_err());
}
