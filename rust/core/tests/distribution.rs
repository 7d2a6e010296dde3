//! Trees after many insertions and deletions are distributed as fresh random
//! cut trees on the points that are left.
//!
//! Fresh trees are made from scratch by the definition; depths of points, first
//! cuts, masses and scores are compared. Error rate: 1e-4 for each family of
//! hypotheses if all are true. The same tests must tell trees of wrong rules of
//! insertion from fresh ones, even where most trees are right.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that fails may panic"
)]

mod files;
mod reference;
mod statistics;

use fastrcf::{Forest, ForestConfig, Sampling};
use files::{Numbers, rows_of};
use reference::random::{Insertion, fresh_tree, grown_tree};
use reference::tree::{Node, Point};
use statistics::{Family, same_categories, same_distribution};

const LEVEL: f64 = 1e-4;
const ENGINE_TREES: usize = 4000;
const FRESH_TREES: usize = 8000;

/// Points that trees are made of, and rows to ask about.
struct Scene {
    name: &'static str,
    points: Vec<Point>,
    asked: Vec<Point>,
}

/// Columns of very different ranges, so that it matters which one is cut.
fn scenes() -> Vec<Scene> {
    let mut numbers = Numbers(11);
    let mut points = |n: usize, ranges: &[f64]| -> Vec<Point> {
        let point = |numbers: &mut Numbers| {
            // Sums of two, so that the middle is denser than the ends.
            let mut value = |r: &f64| (r * (numbers.unit() + numbers.unit())) as f32;
            ranges.iter().map(&mut value).collect()
        };
        (0..n).map(|_| point(&mut numbers)).collect()
    };
    let mut few = points(8, &[100.0, 10.0]);
    few[7] = vec![400.0, 5.0];
    let mut copies = points(16, &[1.0, 3.0, 0.0, 0.05]);
    for i in 12..16 {
        copies[i] = copies[i - 12 + i % 2].clone();
    }
    let many = points(32, &[1.0, 0.03, 5.0, 0.3, 2.0]);
    // Inside, at the border, outside in the small column, far outside.
    let few_asked = vec![vec![100.0, 10.0], vec![0.0, 40.0], vec![1000.0, 10.0]];
    let mut copies_asked = points(2, &[1.0, 3.0, 0.0, 0.05]);
    copies_asked.push(copies[0].clone());
    copies_asked.push(vec![1.0, 3.0, 0.5, 0.05]);
    let mut many_asked = points(2, &[1.0, 0.03, 5.0, 0.3, 2.0]);
    many_asked.push(vec![1.0, 3.0, 5.0, 0.3, 2.0]);
    // So far from zero that numbers of single precision are 8 apart.
    let offset = |steps: [i32; 2]| steps.map(|s| 1e8 + 8.0 * s as f32).to_vec();
    let steps = [[0, 0], [2, 1], [4, 2], [20, 1], [8, 0], [9, 2], [6, 1]];
    vec![
        Scene {
            name: "steps of single precision",
            points: steps.map(offset).to_vec(),
            asked: [[0, 1], [2, 2], [7, 1], [30, 9]].map(offset).to_vec(),
        },
        Scene {
            name: "8 points",
            points: few,
            asked: few_asked,
        },
        Scene {
            name: "16 points with copies",
            points: copies,
            asked: copies_asked,
        },
        Scene {
            name: "32 points",
            points: many,
            asked: many_asked,
        },
    ]
}

/// The engine's trees once many rows have come and gone: evicted by others,
/// deleted, put back.
fn churned_trees(scene: &Scene) -> Vec<Node> {
    let (n, d) = (scene.points.len(), scene.points[0].len());
    let config = ForestConfig {
        n_trees: ENGINE_TREES,
        sample_size: n,
        sampling: Sampling::Window,
        seed: 12,
        n_threads: 1,
        ..Default::default()
    };
    let mut forest = Forest::new(config, d).unwrap();
    let doubles =
        |points: &[Point]| -> Vec<f64> { points.iter().flatten().map(|&v| f64::from(v)).collect() };
    let mut numbers = Numbers(13);
    // Rows of another shape, two of three of which the points evict.
    let base = f64::from(scene.points[0][0]);
    let strangers: Vec<f64> = (0..3 * n * d)
        .map(|_| base + 1000.0 + numbers.unit() * 50.0)
        .collect();
    let strangers = rows_of(&strangers, d);
    let points = doubles(&scene.points);
    let points = rows_of(&points, d);
    forest.insert(&strangers).unwrap();
    forest.insert(&points.slice(0..n / 2)).unwrap();
    // What is deleted leaves places open, which others take and lose.
    forest.delete(&points.slice(0..n / 4)).unwrap();
    forest.insert(&strangers.slice(0..n / 4)).unwrap();
    forest.insert(&points.slice(n / 2..n)).unwrap();
    forest.delete(&strangers).unwrap();
    forest.insert(&points.slice(0..n / 4)).unwrap();
    forest.check().unwrap();
    assert_eq!(forest.tree_mass(0), Some(n as u64));
    let state = forest.to_state();
    let trees = state.trees.iter();
    let trees = trees.map(|tree| Node::from_flat(&tree.nodes, &state.points, d).unwrap());
    trees.collect()
}

fn fresh_trees(scene: &Scene, seed: u64) -> Vec<Node> {
    let mut numbers = Numbers(seed);
    (0..FRESH_TREES)
        .map(|_| fresh_tree(&scene.points, &mut numbers))
        .collect()
}

fn grown_trees(scene: &Scene, rule: Insertion) -> Vec<Node> {
    let mut numbers = Numbers(14);
    (0..ENGINE_TREES)
        .map(|_| grown_tree(&scene.points, rule, &mut numbers))
        .collect()
}

/// How many trees have each value.
fn tally(trees: &[Node], of_tree: impl Fn(&Node) -> usize) -> Vec<u64> {
    let mut counts = Vec::new();
    for value in trees.iter().map(of_tree) {
        counts.resize(counts.len().max(value + 1), 0);
        counts[value] += 1;
    }
    counts
}

fn root(tree: &Node) -> (usize, f32, u32) {
    match tree {
        Node::Split { dim, cut, children } => (*dim, *cut, children[0].mass()),
        Node::Leaf { .. } => (0, 0.0, 0),
    }
}

/// All that is compared of two lots of trees on one scene.
fn compare(family: &mut Family, scene: &Scene, a: &[Node], b: &[Node]) {
    let name = scene.name;
    for (i, point) in scene.points.iter().enumerate() {
        let depths = |trees| tally(trees, |tree| tree.depth(point));
        let p = same_categories(&depths(a), &depths(b));
        family.add(format!("{name}: depth of point {i}"), p);
    }
    let columns = |trees| tally(trees, |tree| root(tree).0);
    let p = same_categories(&columns(a), &columns(b));
    family.add(format!("{name}: column of the first cut"), p);
    let masses = |trees| tally(trees, |tree| root(tree).2 as usize);
    let p = same_categories(&masses(a), &masses(b));
    family.add(format!("{name}: mass left of the first cut"), p);
    for column in 0..scene.points[0].len() {
        let cuts = |trees: &[Node]| -> Vec<f64> {
            let cuts = trees.iter().map(root).filter(|root| root.0 == column);
            cuts.map(|root| f64::from(root.1)).collect()
        };
        let (a, b) = (cuts(a), cuts(b));
        if a.len() > 30 && b.len() > 30 {
            let p = same_distribution(&a, &b);
            family.add(format!("{name}: where column {column} is cut first"), p);
        }
    }
    for (i, q) in scene.asked.iter().enumerate() {
        let scores = |trees: &[Node]| -> Vec<f64> { trees.iter().map(|t| t.score(q)).collect() };
        let p = same_distribution(&scores(a), &scores(b));
        family.add(format!("{name}: score of row {i}"), p);
    }
}

#[test]
fn trees_after_many_changes_are_distributed_as_fresh_ones() {
    let mut family = Family::new(LEVEL);
    for scene in scenes() {
        let fresh = fresh_trees(&scene, 15);
        compare(&mut family, &scene, &churned_trees(&scene), &fresh);
    }
    family.accept();
}

#[test]
fn a_naive_insertion_at_the_top_most_cut_gives_fresh_trees() {
    let mut family = Family::new(LEVEL);
    for scene in scenes() {
        let grown = grown_trees(&scene, Insertion::TopMost);
        compare(&mut family, &scene, &grown, &fresh_trees(&scene, 16));
    }
    family.accept();
}

#[test]
fn wrong_rules_of_insertion_are_told_from_the_right_one() {
    for scene in scenes() {
        let (right, fresh) = (
            grown_trees(&scene, Insertion::TopMost),
            fresh_trees(&scene, 17),
        );
        for rule in [Insertion::First, Insertion::AnyColumn] {
            let wrong = grown_trees(&scene, rule);
            let mut family = Family::new(LEVEL);
            compare(&mut family, &scene, &wrong, &fresh);
            assert!(!family.rejected().is_empty(), "{} {rule:?}", scene.name);
            if rule == Insertion::AnyColumn {
                continue;
            }
            // One wrong tree of eight is enough.
            let mixed: Vec<Node> = wrong
                .chunks(8)
                .zip(right.chunks(8))
                .flat_map(|(wrong, right)| wrong[..1].iter().chain(&right[1..]).cloned())
                .collect();
            let mut family = Family::new(LEVEL);
            compare(&mut family, &scene, &mixed, &fresh);
            let found = family.rejected().len();
            assert!(found > 3, "{}: {found} tests fail", scene.name);
        }
    }
}
