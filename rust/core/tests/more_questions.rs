//! Density, neighbours, imputation and forecast: against their definitions
//! written to be read, and what holds for every question.
#![allow(clippy::unwrap_used, reason = "a test that fails may panic")]

mod files;
mod reference;

use fastrcf::state::ForestState;
use fastrcf::{Error, Forest, ForestConfig, Rows};
use files::{rows_of, stream};
use reference::tree::{Bounds, Node};

const TREES: usize = 12;

fn forest(d: usize, shingle_size: usize) -> (Forest, Vec<f64>) {
    let config = ForestConfig {
        n_trees: TREES,
        sample_size: 32,
        shingle_size,
        seed: 3,
        ..Default::default()
    };
    // Some rows come twice.
    let values = stream(200, d, 5);
    let mut forest = Forest::new(config, d).unwrap();
    forest.insert(&rows_of(&values, d)).unwrap();
    (forest, values)
}

fn trees(state: &ForestState, d: usize) -> Vec<Node> {
    let trees = state.trees.iter();
    trees
        .map(|tree| Node::from_flat(&tree.nodes, &state.points, d).unwrap())
        .collect()
}

fn close(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-9 * b.abs().max(1e-300)
}

/// Probability, measure and distance by column and side.
type Measures = Vec<[[f64; 2]; 3]>;

fn measures(node: &Node, q: &[f32], held: Option<f64>) -> Measures {
    let equal = 0.5 / q.len() as f64;
    let (below, bounds) = match (node, held) {
        (Node::Leaf { copies, .. }, Some(_)) => {
            let mass = f64::from(*copies) + 1.0;
            return vec![[[equal; 2], [equal * mass; 2], [0.0; 2]]; q.len()];
        }
        (Node::Leaf { .. }, None) => (vec![[[0.0; 2]; 3]; q.len()], node.bounds()),
        (Node::Split { dim, cut, children }, held) => {
            let below = measures(&children[usize::from(q[*dim] > *cut)], q, held);
            let others = node.points().into_iter().filter(|&p| p != q);
            (below, Bounds::of(others).unwrap())
        }
    };
    let union = bounds.range() + bounds.gaps(q);
    let stay = 1.0 - bounds.separation(q);
    let mass = f64::from(node.mass()) + 1.0 + held.unwrap_or(0.0);
    let columns = below.iter().enumerate();
    columns
        .map(|(j, [probability, measure, distance])| {
            let range = bounds.hi[j] - bounds.lo[j];
            let (low, high) = bounds.gap(q, j);
            let side = |k: usize, gap: f64| {
                let p = gap / union;
                [
                    p + stay * probability[k],
                    p * mass + stay * measure[k],
                    p * (gap + range) + stay * distance[k],
                ]
            };
            let (low, high) = (side(0, low), side(1, high));
            std::array::from_fn(|m| [low[m], high[m]])
        })
        .collect()
}

fn copies(node: &Node, q: &[f32]) -> f64 {
    match node {
        Node::Leaf { copies, .. } => f64::from(*copies),
        Node::Split { dim, cut, children } => copies(&children[usize::from(q[*dim] > *cut)], q),
    }
}

/// The density, and its parts by column: low and high.
fn density(trees: &[Node], q: &[f32], m: f64) -> (f64, Vec<[f64; 2]>) {
    let n = trees.len() as f64;
    let all: Vec<Measures> = trees
        .iter()
        .map(|tree| measures(tree, q, tree.holds(q).then(|| copies(tree, q))))
        .collect();
    let mean = |j: usize, k: usize, side: usize| all.iter().map(|a| a[j][k][side]).sum::<f64>() / n;
    let both = |j: usize, k: usize| mean(j, k, 0) + mean(j, k, 1);
    let mass = trees.iter().map(|t| f64::from(t.mass())).sum::<f64>() / n;
    let measure: f64 = (0..q.len()).map(|j| both(j, 1)).sum();
    let factors: f64 = (0..q.len())
        .filter(|&j| both(j, 0) > 0.0)
        .map(|j| (both(j, 2) / both(j, 0)).powf(m) * both(j, 0))
        .sum();
    let points = measure / mass;
    let density = points / (0.001 * points + factors);
    let side = |j: usize, side: usize| mean(j, 1, side) / measure * density;
    let parts = (0..q.len()).map(|j| [side(j, 0), side(j, 1)]).collect();
    (density, parts)
}

/// Rows of the stream, and rows that no tree holds.
fn asked(values: &[f64], d: usize) -> Vec<f64> {
    let mut asked = values[values.len() - 40 * d..].to_vec();
    asked.extend(stream(30, d, 77).iter().map(|v| v * 1.5));
    asked
}

fn single(row: &[f64]) -> Vec<f32> {
    row.iter().map(|&v| v as f32).collect()
}

#[test]
fn densities_are_those_of_the_definition() {
    for d in [1, 3, 10] {
        let (forest, values) = forest(d, 1);
        let trees = trees(&forest.to_state(), d);
        let asked = asked(&values, d);
        for m in [None, Some(1.5)] {
            let ours = forest.density(&rows_of(&asked, d), m).unwrap();
            for (i, row) in asked.chunks_exact(d).enumerate() {
                let (theirs, parts) = density(&trees, &single(row), m.unwrap_or(d as f64));
                assert!(close(ours.values[i], theirs), "row {i}: {theirs}");
                for (j, [low, high]) in parts.into_iter().enumerate() {
                    assert!(close(ours.low[i * d + j], low), "row {i} low {j}");
                    assert!(close(ours.high[i * d + j], high), "row {i} high {j}");
                }
            }
        }
    }
}

/// The points below the highest node with at most `most` rows on the way of `q`.
fn reached<'a>(node: &'a Node, q: &[f32], most: u32) -> Vec<&'a Vec<f32>> {
    match node {
        Node::Split { dim, cut, children } if node.mass() > most => {
            reached(&children[usize::from(q[*dim] > *cut)], q, most)
        }
        _ => node.points(),
    }
}

#[test]
fn neighbors_are_the_nearest_of_what_is_reached() {
    for d in [1, 3, 10] {
        let (forest, values) = forest(d, 1);
        let state = forest.freeze().unwrap().to_state();
        let trees = trees(&state, d);
        let asked = asked(&values, d);
        for k in [1, 5, 200] {
            let ours = forest.neighbors(&rows_of(&asked, d), k).unwrap();
            for (i, row) in asked.chunks_exact(d).enumerate() {
                let q = single(row);
                let mut theirs: Vec<&Vec<f32>> = trees
                    .iter()
                    .flat_map(|tree| reached(tree, &q, 2 * k as u32))
                    .collect();
                let distance = |p: &[f32]| {
                    let squares = p
                        .iter()
                        .zip(&q)
                        .map(|(a, b)| (f64::from(*b) - f64::from(*a)).powi(2));
                    squares.sum::<f64>().sqrt()
                };
                theirs.sort_by(|a, b| {
                    distance(a)
                        .total_cmp(&distance(b))
                        .then_with(|| a.partial_cmp(b).unwrap())
                });
                theirs.dedup();
                let n = theirs.len().min(k);
                for j in 0..k {
                    let at = i * k + j;
                    let point = &ours.points[at * d..][..d];
                    if j >= n {
                        assert!(ours.ids[at] == -1 && ours.distances[at].is_nan());
                        assert!(point.iter().all(|v| v.is_nan()));
                        continue;
                    }
                    assert!((ours.distances[at] - distance(theirs[j])).abs() < 1e-12);
                    assert!((distance(point) - ours.distances[at]).abs() < 1e-12);
                    // Its number leads to it in the model.
                    assert_eq!(point, &state.points[ours.ids[at] as usize * d..][..d]);
                    assert!(!(0..j).any(|l| point == &ours.points[(i * k + l) * d..][..d]));
                }
            }
        }
    }
}

/// The values of the leaf with the lowest score, where every leaf may be reached.
fn best(tree: &Node, node: &Node, q: &[f32], lowest: &mut (f64, Vec<f32>)) {
    match node {
        Node::Leaf { point, .. } => {
            let pairs = q.iter().zip(point);
            let filled: Vec<f32> = pairs
                .map(|(&q, &p)| if q.is_nan() { p } else { q })
                .collect();
            let score = tree.score(&filled);
            if score < lowest.0 - 1e-6 {
                *lowest = (score, filled);
            }
        }
        Node::Split { dim, cut, children } => {
            for (side, child) in children.iter().enumerate() {
                if q[*dim].is_nan() || usize::from(q[*dim] > *cut) == side {
                    best(tree, child, q, lowest);
                }
            }
        }
    }
}

#[test]
fn imputed_values_are_medians_of_the_trees_best_leaves() {
    for d in [2, 3, 10] {
        // Trees of 32 rows are never cut short.
        let (forest, values) = forest(d, 1);
        let trees = trees(&forest.to_state(), d);
        let mut asked = asked(&values, d);
        for (i, row) in asked.chunks_exact_mut(d).enumerate() {
            row[i % d] = f64::NAN;
            if i % 3 == 0 && d > 2 {
                row[(i + 1) % d] = f64::NAN;
            }
        }
        let ours = forest.impute(&rows_of(&asked, d)).unwrap();
        for (i, row) in asked.chunks_exact(d).enumerate() {
            let q = single(row);
            let filled: Vec<Vec<f32>> = trees
                .iter()
                .map(|tree| {
                    let mut lowest = (f64::INFINITY, Vec::new());
                    best(tree, tree, &q, &mut lowest);
                    lowest.1
                })
                .collect();
            for j in 0..d {
                let at = i * d + j;
                let found = [ours.values[at], ours.lower[at], ours.upper[at]];
                if !row[j].is_nan() {
                    assert_eq!(found, [row[j]; 3]);
                    continue;
                }
                let mut values: Vec<f64> = filled.iter().map(|f| f64::from(f[j])).collect();
                values.sort_by(f64::total_cmp);
                // Twelve values: between the sixth and seventh.
                assert!(close(found[0], (values[5] + values[6]) / 2.0), "row {i}");
                assert!(
                    close(found[1], values[1] * 0.9 + values[2] * 0.1),
                    "row {i}"
                );
                assert!(
                    close(found[2], values[9] * 0.1 + values[10] * 0.9),
                    "row {i}"
                );
            }
        }
    }
}

fn bits(values: &[f64]) -> Vec<u64> {
    values.iter().map(|v| v.to_bits()).collect()
}

/// All answers about each row, as bits.
macro_rules! answers {
    ($forest:expr, $rows:expr, $gaps:expr) => {{
        let density = $forest.density($rows, None).unwrap();
        let near = $forest.neighbors($rows, 4).unwrap();
        let filled = $forest.impute($gaps).unwrap();
        let n = $rows.n_rows();
        let points: Vec<f64> = near.points.iter().map(|&v| f64::from(v)).collect();
        let ids: Vec<f64> = near.ids.iter().map(|&v| v as f64).collect();
        let all = [
            density.values,
            density.low,
            density.high,
            points,
            ids,
            near.distances,
            filled.values,
            filled.lower,
            filled.upper,
        ];
        (0..n)
            .map(|i| {
                let rows = all
                    .iter()
                    .map(|a| bits(&a[i * a.len() / n..(i + 1) * a.len() / n]));
                rows.collect::<Vec<_>>().concat()
            })
            .collect::<Vec<Vec<u64>>>()
    }};
}

#[test]
fn answers_depend_on_the_model_and_the_row_alone() {
    for (d, shingle) in [(1, 3), (3, 1), (10, 1), (40, 1)] {
        let (mut forest, values) = forest(d, shingle);
        let asked: Vec<f64> = asked(&values, d).repeat(12);
        let mut gaps = asked.clone();
        gaps.iter_mut().step_by(7).for_each(|v| *v = f64::NAN);
        let (rows, holes) = (rows_of(&asked, d), rows_of(&gaps, d));
        forest.set_threads(1);
        let whole = answers!(forest, &rows, &holes);
        assert_eq!(answers!(forest.freeze().unwrap(), &rows, &holes), whole);
        forest.set_threads(3);
        assert_eq!(answers!(forest, &rows, &holes), whole);
        for i in (0..60).rev() {
            let (row, hole) = (rows.slice(i..i + 1), holes.slice(i..i + 1));
            assert_eq!(answers!(forest, &row, &hole), whole[i..=i]);
        }
        let again = Forest::from_state(forest.to_state()).unwrap();
        assert_eq!(answers!(again, &rows, &holes), whole);
    }
}

#[test]
fn a_forecast_is_the_imputation_of_the_next_row_again_and_again() {
    let (mut forest, _) = forest(2, 4);
    let forecast = forest.forecast(5).unwrap();
    for step in 0..5 {
        let missing = [f64::NAN; 2];
        let next = forest
            .impute(&Rows::from_f64(&missing, 2).unwrap())
            .unwrap();
        let columns = 2 * step..2 * step + 2;
        assert_eq!(forecast.values[columns.clone()], next.values);
        assert_eq!(forecast.lower[columns.clone()], next.lower);
        assert_eq!(forecast.upper[columns], next.upper);
        // The next shingle, in the same trees.
        let mut state = forest.to_state();
        state.recent.drain(..2);
        state.recent.extend(next.values.iter().map(|&v| v as f32));
        forest = Forest::from_state(state).unwrap();
    }
}

#[test]
fn what_cannot_be_answered_is_refused_by_name() {
    let (forest, values) = forest(2, 1);
    let rows = rows_of(&values[..4], 2);
    let parameter = |error: Error| match error {
        Error::InvalidConfig { parameter, .. } => parameter,
        other => panic!("{other}"),
    };
    for m in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert_eq!(
            parameter(forest.density(&rows, Some(m)).unwrap_err()),
            "dimension"
        );
    }
    for k in [0, 1025, usize::MAX] {
        assert_eq!(parameter(forest.neighbors(&rows, k).unwrap_err()), "k");
    }
    assert_eq!(parameter(forest.forecast(1).unwrap_err()), "shingle_size");
    let shingled = self::forest(2, 2).0;
    for horizon in [0, usize::MAX] {
        assert_eq!(
            parameter(shingled.forecast(horizon).unwrap_err()),
            "horizon"
        );
    }
    for (bad, place) in [(f64::INFINITY, (1, 1)), (1e31, (1, 1)), (f64::NAN, (1, 0))] {
        let x = [1.0, 2.0, f64::NAN, bad];
        match forest.impute(&rows_of(&x, 2)) {
            Err(Error::InvalidValue { row, column, .. }) => assert_eq!((row, column), place),
            other => panic!("{other:?}"),
        }
    }
    let empty = Forest::new(forest.config().clone(), 2).unwrap();
    assert!(matches!(
        empty.density(&rows, None),
        Err(Error::NotReady { .. })
    ));
    assert!(matches!(
        empty.neighbors(&rows, 1),
        Err(Error::NotReady { .. })
    ));
    assert!(matches!(empty.impute(&rows), Err(Error::NotReady { .. })));
    let none = forest.impute(&rows.slice(0..0)).unwrap();
    assert!(none.values.is_empty());
}
