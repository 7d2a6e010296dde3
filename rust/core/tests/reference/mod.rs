//! A forest written to be read, which checks the engine step by step: it
//! follows the engine's random choices (which rows are taken, where a new cut
//! goes) and finds everything else by itself, in double precision.
#![allow(dead_code, reason = "not every test file uses all of it")]
#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a test that fails may panic"
)]

pub mod random;
pub mod tree;

use fastrcf::state::{ForestState, TreeStream};
use fastrcf::{ForestConfig, Sampling};
use std::cmp::Ordering;
use std::collections::VecDeque;
use tree::{Node, Parts, Point};

/// A row that a tree holds.
#[derive(Clone, Debug)]
struct Held {
    key: f64,
    point: Point,
}

/// One tree and what its sampler holds.
#[derive(Clone, Debug, Default)]
struct Member {
    tree: Option<Node>,
    held: Vec<Held>,
    /// The tree has turned rows away: it holds the rows with the smallest keys,
    /// and takes no row with a larger key than those.
    closed: bool,
}

#[derive(Clone)]
pub struct Reference {
    config: ForestConfig,
    d: usize,
    recent: VecDeque<Vec<f32>>,
    n_seen: u64,
    clock_reference: i64,
    members: Vec<Member>,
}

/// By key, then by point.
fn order(a: &Held, b: &Held) -> Ordering {
    let points = a.point.iter().zip(&b.point);
    let points = points.map(|(a, b)| a.total_cmp(b));
    a.key.total_cmp(&b.key).then_with(|| {
        points
            .into_iter()
            .find(|o| o.is_ne())
            .unwrap_or(Ordering::Equal)
    })
}

fn held_by(stream: &TreeStream, points: &[f32], d: usize) -> Vec<Held> {
    let held = stream.keys.iter().zip(&stream.points);
    let held = held.map(|(&key, &at)| Held {
        key,
        point: points[at as usize * d..][..d].to_vec(),
    });
    let mut held: Vec<Held> = held.collect();
    held.sort_by(order);
    held
}

/// What sorted lists have more than each other: rows that left, rows that came.
fn difference(before: &[Held], after: &[Held]) -> (Vec<Held>, Vec<Held>) {
    let (mut before, mut after) = (before.iter().peekable(), after.iter().peekable());
    let (mut left, mut came) = (Vec::new(), Vec::new());
    while let (Some(old), Some(new)) = (before.peek(), after.peek()) {
        match order(old, new) {
            Ordering::Less => left.extend(before.next().cloned()),
            Ordering::Greater => came.extend(after.next().cloned()),
            Ordering::Equal => drop((before.next(), after.next())),
        }
    }
    left.extend(before.cloned());
    came.extend(after.cloned());
    (left, came)
}

impl Member {
    fn largest_key(&self) -> f64 {
        self.held.last().map_or(f64::NEG_INFINITY, |held| held.key)
    }

    /// Checks the row `point` that came, and takes what the engine did over.
    /// Returns how many tree operations were checked.
    fn take(
        &mut self,
        point: &Point,
        after: Vec<Held>,
        tree: Option<Node>,
        config: &ForestConfig,
        row: u64,
    ) -> Result<u64, String> {
        let (left, came) = difference(&self.held, &after);
        let mut steps = 0;
        let largest = self.largest_key();
        match (left.as_slice(), came.as_slice()) {
            ([], []) if self.closed => {}
            ([], []) => return Err("an open tree turned a row away".into()),
            (left, [new]) if new.point == *point => {
                let must_leave = usize::from(self.held.len() == config.sample_size);
                if left.len() != must_leave {
                    return Err(format!("{} rows left for one", left.len()));
                }
                if left.iter().any(|old| old.key != largest) {
                    return Err(format!("{left:?} left, the largest key is {largest}"));
                }
                if config.sampling == Sampling::Window {
                    if new.key != -(row as f64) {
                        return Err(format!("row {row} has the key {}", new.key));
                    }
                } else if self.closed && new.key > largest {
                    return Err(format!("key {} got past {largest}", new.key));
                }
                for old in left {
                    self.tree = self.tree.take().and_then(|tree| tree.without(&old.point));
                    steps += 1;
                }
                match (&self.tree, &tree) {
                    (None, Some(tree)) if *tree == Node::leaf(point) => {}
                    (Some(old), Some(new)) => old.joined_by(point, new)?,
                    (old, new) => return Err(format!("{old:?} became {new:?}")),
                }
                steps += 1;
                self.tree = tree.clone();
            }
            (left, came) => return Err(format!("{left:?} left for {came:?}")),
        }
        if self.tree != tree {
            return Err("the tree changed without a row".into());
        }
        self.held = after;
        if self.held.len() == config.sample_size && config.sampling != Sampling::Window {
            self.closed = true;
        }
        Ok(steps)
    }

    /// Checks a deletion of `point`; returns whether the tree held it.
    fn delete(
        &mut self,
        point: &Point,
        after: Vec<Held>,
        tree: Option<Node>,
        config: &ForestConfig,
    ) -> Result<bool, String> {
        let (left, came) = difference(&self.held, &after);
        let holds = self.tree.as_ref().is_some_and(|tree| tree.holds(point));
        if !came.is_empty() || left.len() != usize::from(holds) {
            return Err(format!("{left:?} left and {came:?} came by a deletion"));
        }
        if left.iter().any(|old| old.point != *point) {
            return Err(format!("{left:?} left instead of {point:?}"));
        }
        if holds {
            self.tree = self.tree.take().and_then(|tree| tree.without(point));
        }
        if self.tree != tree {
            return Err(format!("deletion gives {:?}, not {tree:?}", self.tree));
        }
        self.held = after;
        // A tree that has lost nearly all starts over with what comes.
        if (self.held.len() as u64) < config.rows_needed() {
            self.closed = false;
        }
        Ok(holds)
    }
}

impl Reference {
    pub fn new(config: &ForestConfig, n_features: usize) -> Reference {
        Reference {
            config: config.clone(),
            d: n_features * config.shingle_size,
            recent: VecDeque::new(),
            n_seen: 0,
            clock_reference: 0,
            members: vec![Member::default(); config.n_trees],
        }
    }

    fn weighted(&self, row: &[f64]) -> Vec<f32> {
        let weight = |j: usize| {
            let weights = self.config.feature_weights.as_ref();
            weights.map_or(1.0, |w| w[j % w.len()])
        };
        // A sum with zero turns minus zero into zero.
        let values = row.iter().enumerate();
        values.map(|(j, v)| (v * weight(j)) as f32 + 0.0).collect()
    }

    /// The point of a row that is asked about: a whole shingle, or one row
    /// that follows those seen.
    pub fn point_of(&self, row: &[f64]) -> Point {
        let mut point = Vec::new();
        if row.len() < self.d {
            self.recent
                .iter()
                .for_each(|row| point.extend_from_slice(row));
        }
        point.extend(self.weighted(row));
        point
    }

    /// Checks the engine's state after one more row of the stream. Returns how
    /// many tree operations were checked.
    pub fn follow_row(&mut self, row: &[f64], state: &ForestState) -> Result<u64, String> {
        let whole = self.recent.len() + 1 == self.config.shingle_size;
        let point = self.point_of(row);
        self.recent.push_back(self.weighted(row));
        if whole {
            self.recent.pop_front();
        }
        let number = self.n_seen;
        self.n_seen += 1;
        let recent: Vec<f32> = self.recent.iter().flatten().copied().collect();
        if state.n_seen != self.n_seen || state.recent != recent {
            return Err("rows seen or recent rows differ".into());
        }
        self.move_clock(state);
        let mut steps = 0;
        for (t, member) in self.members.iter_mut().enumerate() {
            let (held, tree) = parts_of(state, t, self.d);
            let taken = match whole {
                true => member.take(&point, held, tree, &self.config, number),
                false => match (held.is_empty(), tree) {
                    (true, None) => Ok(0),
                    _ => Err("a part of a shingle went in".into()),
                },
            };
            steps += taken.map_err(|message| format!("tree {t}: {message}"))?;
        }
        Ok(steps)
    }

    /// Keys refer to the clock's reference, and move with it.
    fn move_clock(&mut self, state: &ForestState) {
        let reference = state.clock.expect("a living forest").reference;
        if reference == self.clock_reference || self.config.sampling == Sampling::Window {
            return;
        }
        let moved = i128::from(reference) - i128::from(self.clock_reference);
        let shift = moved as f64 * self.config.decay_rate();
        for member in &mut self.members {
            member.held.iter_mut().for_each(|held| held.key += shift);
            member.held.sort_by(order);
        }
        self.clock_reference = reference;
    }

    /// Checks the engine's state after a deletion that it says took `copies`.
    pub fn follow_delete(
        &mut self,
        row: &[f64],
        copies: u64,
        state: &ForestState,
    ) -> Result<u64, String> {
        let point = self.weighted(row);
        let mut removed = 0;
        for (t, member) in self.members.iter_mut().enumerate() {
            let (held, tree) = parts_of(state, t, self.d);
            let took = member
                .delete(&point, held, tree, &self.config)
                .map_err(|message| format!("tree {t}: {message}"))?;
            removed += u64::from(took);
        }
        match removed == copies {
            true => Ok(removed),
            false => Err(format!("{removed} copies removed, not {copies}")),
        }
    }

    /// Any point that a tree holds.
    pub fn some_point(&self, number: usize) -> Option<Point> {
        let member = &self.members[number % self.members.len()];
        let held = member.held.get(number % member.held.len().max(1))?;
        Some(held.point.clone())
    }

    fn mean(&self, of_tree: impl Fn(&Node) -> f64) -> f64 {
        let trees = self.members.iter().filter_map(|m| m.tree.as_ref());
        trees.map(of_tree).sum::<f64>() / self.members.len() as f64
    }

    pub fn score(&self, q: &[f32]) -> f64 {
        self.mean(|tree| tree.score(q))
    }

    pub fn displacement(&self, q: &[f32]) -> f64 {
        self.mean(|tree| tree.displacement(q))
    }

    pub fn codisp(&self, q: &[f32]) -> f64 {
        self.mean(|tree| tree.codisp(q))
    }

    pub fn attribution(&self, q: &[f32]) -> Parts {
        let trees = self.members.iter().filter_map(|m| m.tree.as_ref());
        let parts: Vec<Parts> = trees.map(|tree| tree.attribution(q)).collect();
        let mean = |side: fn(&Parts) -> &Vec<f64>, j: usize| {
            parts.iter().map(|p| side(p)[j]).sum::<f64>() / parts.len() as f64
        };
        let low = (0..self.d).map(|j| mean(|p| &p.0, j)).collect();
        let high = (0..self.d).map(|j| mean(|p| &p.1, j)).collect();
        (low, high)
    }
}

/// What a state says that tree `t` holds.
fn parts_of(state: &ForestState, t: usize, d: usize) -> (Vec<Held>, Option<Node>) {
    let tree = &state.trees[t];
    let stream = tree.stream.as_ref().expect("a living forest");
    let held = held_by(stream, &state.points, d);
    (held, Node::from_flat(&tree.nodes, &state.points, d))
}
