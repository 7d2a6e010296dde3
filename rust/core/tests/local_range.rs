//! The local range and its blends: held to a naive reading of the definition, and the
//! same bits whichever way rows take.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that fails may panic"
)]

mod files;

use fastrcf::state::{FlatNode, ForestState};
use fastrcf::{Forest, ForestConfig, FrozenForest, Rows, Sampling, ScoreKind};
use files::{rows_of, stream};

const KINDS: [ScoreKind; 2] = [ScoreKind::LocalRange, ScoreKind::Auto];

fn bits(scores: &[f64]) -> Vec<u64> {
    scores.iter().map(|s| s.to_bits()).collect()
}

fn forest(n_trees: usize, sample_size: usize, d: usize, values: &[f64]) -> Forest {
    let config = ForestConfig {
        n_trees,
        sample_size,
        sampling: Sampling::Uniform,
        seed: (n_trees * sample_size + d) as u64,
        n_threads: 1,
        ..Default::default()
    };
    let mut forest = Forest::new(config, d).unwrap();
    forest.insert(&rows_of(values, d)).unwrap();
    forest
}

/// Some rows of small whole numbers among others: rows that trees hold, once and often,
/// and cuts that values lie on.
fn mixed(n: usize, d: usize) -> Vec<f64> {
    let mut values = stream(n, d, 31);
    for (i, row) in values.chunks_exact_mut(d).enumerate() {
        if i % 3 == 0 {
            row.iter_mut().for_each(|x| *x = x.round());
        }
    }
    values
}

/// A subtree: its points with their masses.
enum Node {
    Leaf(usize, u32),
    Split(usize, f32, Box<Node>, Box<Node>),
}

fn grow(nodes: &mut std::slice::Iter<'_, FlatNode>) -> Node {
    match *nodes.next().unwrap() {
        FlatNode::Leaf { point, mass } => Node::Leaf(point as usize, mass),
        FlatNode::Split { dim, cut } => {
            let left = Box::new(grow(nodes));
            Node::Split(dim as usize, cut, left, Box::new(grow(nodes)))
        }
    }
}

impl Node {
    fn points(&self, to: &mut Vec<(usize, u32)>) {
        match self {
            Node::Leaf(point, mass) => to.push((*point, *mass)),
            Node::Split(_, _, left, right) => {
                left.points(to);
                right.points(to);
            }
        }
    }
}

/// The local range of `q` by its definition, in double precision.
fn naive(state: &ForestState, q: &[f32], least: u32) -> f64 {
    let d = q.len();
    let point = |i: usize| &state.points[i * d..(i + 1) * d];
    let ranges = |node: &Node, with: bool| -> (u32, f64) {
        let mut all = Vec::new();
        node.points(&mut all);
        // A copy of `q` does not count.
        for (i, mass) in &mut all {
            *mass -= u32::from(point(*i) == q);
        }
        all.retain(|(_, mass)| *mass > 0);
        let sum = (0..d)
            .map(|j| {
                let values = all.iter().map(|&(i, _)| point(i)[j]);
                let values = values.chain(with.then_some(q[j]));
                let (lo, hi) = values.fold((f32::INFINITY, f32::NEG_INFINITY), |(lo, hi), x| {
                    (lo.min(x), hi.max(x))
                });
                f64::from(hi) - f64::from(lo)
            })
            .sum();
        (all.iter().map(|(_, mass)| mass).sum(), sum)
    };
    let mut total = 0.0;
    for tree in &state.trees {
        let root = grow(&mut tree.nodes.iter());
        let (_, whole) = ranges(&root, false);
        let mut at = &root;
        let mut room = ranges(at, true).1;
        while let Node::Split(dim, cut, left, right) = at {
            at = if q[*dim] > *cut { right } else { left };
            let (mass, range) = ranges(at, true);
            if mass < least {
                break;
            }
            room = range;
        }
        total += (room / whole).max(1.0 / f64::from(1 << 20)).log2() + 20.0;
    }
    total / state.trees.len() as f64
}

#[test]
fn it_is_what_its_definition_says() {
    for (sample_size, d) in [(64, 1), (64, 3), (256, 9), (100, 30)] {
        let values = mixed(400, d);
        let forest = forest(5, sample_size, d, &values);
        let least = (sample_size / 16) as u32;
        let state = forest.freeze().unwrap().to_state();
        // Rows that were learnt, and others, one of them far outside.
        let mut asked = values[..60 * d].to_vec();
        asked.extend(stream(40, d, 77));
        asked.extend(vec![1e4; d]);
        let rows = rows_of(&asked, d);
        let found = forest.score_by(ScoreKind::LocalRange, &rows).unwrap();
        for (q, found) in asked.chunks_exact(d).zip(found) {
            let q: Vec<f32> = q.iter().map(|&x| x as f32).collect();
            let expected = naive(&state, &q, least);
            assert!(
                (found - expected).abs() < 2e-4,
                "S {sample_size}, d {d}: {found} is not {expected}"
            );
        }
    }
}

#[test]
fn a_blend_is_the_sum_of_what_it_blends() {
    let values = mixed(700, 4);
    let frozen = forest(10, 128, 4, &values).freeze().unwrap();
    let rows = rows_of(&values, 4);
    let of = |kind| frozen.score_by(kind, &rows).unwrap();
    let (auto, local) = (of(ScoreKind::Auto), of(ScoreKind::LocalRange));
    let depth = frozen.score(&rows).unwrap();
    assert_eq!(bits(&of(ScoreKind::ExpectedInverseDepth)), bits(&depth));
    let displacement = frozen.displacement(&rows).unwrap();
    assert_eq!(bits(&of(ScoreKind::Displacement)), bits(&displacement));
    for ((auto, local), depth) in auto.iter().zip(local).zip(depth) {
        assert!((auto - (local + 0.5 * depth)).abs() < 1e-9);
    }
}

fn check(n_trees: usize, sample_size: usize, d: usize, n: usize) {
    let values = mixed(sample_size + n, d);
    let rows = rows_of(&values, d);
    let living = forest(n_trees, sample_size, d, &values[..sample_size * d]);
    let asked = rows.slice(sample_size / 2..sample_size / 2 + n);
    let frozen = living.freeze().unwrap();
    for kind in KINDS {
        let what = format!("{kind:?}, T {n_trees}, S {sample_size}, d {d}");
        let together = bits(&frozen.score_by(kind, &asked).unwrap());
        let single: Vec<u64> = (0..n)
            .flat_map(|i| bits(&living.score_by(kind, &asked.slice(i..i + 1)).unwrap()))
            .collect();
        assert_eq!(together, single, "{what}");
        let mut threads: FrozenForest = frozen.clone();
        threads.set_threads(3);
        let again = bits(&threads.score_by(kind, &asked).unwrap());
        assert_eq!(together, again, "{what}");
    }
}

#[test]
fn every_width_gives_the_bits_of_single_rows() {
    for d in (1..=9).chain([12, 13, 16, 24, 30, 33, 47, 130]) {
        check(3, 64, d, 1100);
    }
}

#[test]
fn every_size_of_trees_gives_the_bits_of_single_rows() {
    for sample_size in [2, 3, 15, 16, 33, 128, 257, 700] {
        for d in [2, 9, 20] {
            check(4, sample_size, d, 1100.max(2 * sample_size));
        }
    }
}

#[test]
fn a_stream_gives_what_each_row_gets_before_it_is_learnt() {
    for (d, kind) in [
        (2, ScoreKind::Auto),
        (12, ScoreKind::LocalRange),
        (3, ScoreKind::Displacement),
        (20, ScoreKind::Displacement),
    ] {
        let values = mixed(500, d);
        let rows = rows_of(&values, d);
        let config = ForestConfig {
            n_trees: 7,
            sample_size: 64,
            ..Default::default()
        };
        let mut whole = Forest::new(config, d).unwrap();
        let mut single = whole.clone();
        let found = whole
            .process_by_with(kind, &rows, None, &mut || false)
            .unwrap();
        for (i, found) in found.iter().enumerate() {
            let row = rows.slice(i..i + 1);
            match single.is_ready() {
                true => {
                    let expected = single.score_by(kind, &row).unwrap()[0];
                    assert_eq!(found.to_bits(), expected.to_bits(), "row {i}");
                }
                false => assert!(found.is_nan()),
            }
            single.insert(&row).unwrap();
        }
        assert!(whole.to_bytes() == single.to_bytes());
    }
}

#[test]
fn parts_sum_to_the_score_and_name_what_is_far_out() {
    let d = 5;
    let values = mixed(600, d);
    let living = forest(20, 128, d, &values);
    let frozen = living.freeze().unwrap();
    let mut asked = values[..50 * d].to_vec();
    let mut odd = vec![0.0; d];
    odd[3] = -500.0;
    asked.extend(odd);
    let rows = rows_of(&asked, d);
    for (_, kind) in ScoreKind::NAMES {
        let scores = living.score_by(kind, &rows).unwrap();
        let parts = living.attribution_by(kind, &rows).unwrap();
        assert_eq!(parts, frozen.attribution_by(kind, &rows).unwrap());
        for (i, score) in scores.iter().enumerate() {
            let row = i * d..(i + 1) * d;
            let sum: f64 =
                parts.low[row.clone()].iter().sum::<f64>() + parts.high[row].iter().sum::<f64>();
            assert!(
                (sum - score).abs() < 1e-3 * score,
                "{kind:?}, row {i}: {sum}, {score}"
            );
        }
        let last = 50 * d;
        let share = parts.low[last + 3] / scores[50];
        assert!(share > 0.7, "{kind:?}: {share}");
    }
}

#[test]
fn equal_rows_have_no_room_and_all_else_is_wide() {
    let values = vec![2.5; 300];
    let living = forest(4, 64, 3, &values);
    let rows = [2.5, 2.5, 2.5, 2.5, 2.5, 2.6];
    let rows = Rows::from_f64(&rows, 3).unwrap();
    assert_eq!(
        living.score_by(ScoreKind::LocalRange, &rows).unwrap(),
        [0.0, 40.0]
    );
}
