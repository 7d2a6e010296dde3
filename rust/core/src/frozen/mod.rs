//! The frozen forest: immutable, contiguous, every box stored.

mod alone;
mod attribution;
mod block;
mod displaced;
mod keys;
mod missing;
mod node_rows;
mod part;
mod score;
mod shares;
mod sort;
mod surroundings;
mod tree;

pub(crate) use block::{Block, rank_body};
pub(crate) use displaced::displace_part_body;
pub(crate) use keys::Cuts;
pub(crate) use part::{blend_part_body, score_part_body};
pub(crate) use score::Asked;
pub(crate) use shares::{PartsAsked, PartsBlock, attribute_part_body};
pub(crate) use tree::{FrozenTree, PartTree, build_bounds_body};

use crate::attribution::Attribution;
use crate::config::{ForestConfig, ScoreKind};
use crate::error::{Error, Result};
use crate::forest::Forest;
use crate::intake::Intake;
use crate::kernels::grove::Grove;
use crate::kernels::{self, lanes};
use crate::local_range::Blend;
use crate::lockstep::Lockstep;
use crate::notes::Notes;
use crate::parallel;
use crate::questions::{self, Trees, never};
use crate::rows::Rows;
use crate::shape;
use crate::state::{FlatNode, ForestState, TreeState};
use crate::tree::{NONE, Tree};
use std::ops::Range;
use std::sync::OnceLock;

/// An immutable forest, safe to share, that gives the scores of the
/// [`Forest`] it was made from, bit for bit.
///
/// Boxes are built by the first question, so that freezing a forest and opening
/// a saved one take next to no time.
#[derive(Clone, Debug)]
pub struct FrozenForest {
    config: ForestConfig,
    intake: Intake,
    n_seen: u64,
    notes: Notes,
    /// Smallest mass of a tree.
    smallest: u64,
    /// Distinct points.
    points: Vec<f32>,
    /// Each tree's checked nodes in preorder.
    flat: Vec<Vec<FlatNode>>,
    built: OnceLock<Built>,
}

/// What questions are asked of.
#[derive(Clone, Debug)]
struct Built {
    /// The points, padded.
    points: Vec<f32>,
    /// Each built once, by whoever comes first: threads that ask at the same
    /// time share the work, and what an interrupted call has built stays.
    trees: Vec<OnceLock<FrozenTree>>,
    /// The cuts of all trees, for blocks of rows.
    cuts: OnceLock<Vec<Cuts>>,
    /// The trees in pieces, for rows that come alone, if that can be done.
    groves: OnceLock<Option<Vec<Grove>>>,
}

impl FrozenForest {
    pub(crate) fn of(forest: &Forest, interrupt: &mut dyn FnMut() -> bool) -> Result<FrozenForest> {
        let (config, intake, store) = (forest.config(), forest.intake(), forest.store());
        let mut names = vec![NONE; store.places()];
        let d = intake.n_dimensions();
        let mut points = Vec::with_capacity(store.len() * d);
        let mut name = |id: u32| {
            let name = &mut names[id as usize];
            if *name == NONE {
                *name = (points.len() / d) as u32;
                points.extend_from_slice(&store.row(id)[..d]);
            }
            *name
        };
        let flatten = |tree: &Tree| match interrupt() {
            true => Err(Error::Interrupted),
            false => Ok(tree.to_flat(&mut name)),
        };
        let flat = forest.trees().map(flatten).collect::<Result<Vec<_>>>()?;
        Ok(FrozenForest {
            config: config.clone(),
            intake: intake.clone(),
            n_seen: forest.n_seen(),
            notes: forest.notes().clone(),
            smallest: smallest(&flat),
            points,
            flat,
            built: OnceLock::new(),
        })
    }

    fn built(&self) -> &Built {
        self.built.get_or_init(|| Built {
            points: lanes::padded(&self.points, self.n_dimensions(), self.intake.stride()),
            trees: vec![OnceLock::new(); self.flat.len()],
            cuts: OnceLock::new(),
            groves: OnceLock::new(),
        })
    }

    /// The cuts of all trees, which are built.
    fn cuts(&self) -> &[Cuts] {
        let built = self.built();
        let trees = || built.trees.iter().filter_map(OnceLock::get);
        let all = || Cuts::of(trees(), self.n_dimensions());
        built.cuts.get_or_init(all)
    }

    #[cold]
    fn build_tree<'a>(&self, built: &'a Built, t: usize) -> &'a FrozenTree {
        built.trees[t]
            .get_or_init(|| FrozenTree::of(&self.flat[t], &built.points, self.intake.stride()))
    }

    /// Builds the boxes of all trees, where that is not done.
    pub(crate) fn build(&self, interrupt: &mut dyn FnMut() -> bool) -> Result<()> {
        let built = self.built();
        if built.trees.iter().all(|tree| tree.get().is_some()) {
            return Ok(());
        }
        let n = self.flat.iter().map(Vec::len).sum();
        let threads = parallel::threads_for(self.config.n_threads, n, 1, self.n_dimensions());
        parallel::for_each(
            0..self.flat.len(),
            threads,
            interrupt,
            || (),
            |(), t, _| {
                self.tree(t);
            },
        )
    }

    /// The parameters of the forest this was made from.
    pub fn config(&self) -> &ForestConfig {
        &self.config
    }

    /// Columns of the input.
    pub fn n_features(&self) -> usize {
        self.intake.n_features()
    }

    /// Columns of a point: those of the input times the shingle size.
    pub fn n_dimensions(&self) -> usize {
        self.intake.n_dimensions()
    }

    /// Rows that the forest had seen.
    pub fn n_seen(&self) -> u64 {
        self.n_seen
    }

    /// What people wrote down about it.
    pub fn notes(&self) -> &Notes {
        &self.notes
    }

    /// Rows that every tree must hold before a forest answers.
    pub fn rows_needed(&self) -> u64 {
        self.config.rows_needed()
    }

    /// Whether the forest answers.
    pub fn is_ready(&self) -> bool {
        self.smallest >= self.rows_needed()
    }

    /// Sets the number of threads (0: what the process may use). No result
    /// depends on it.
    pub fn set_threads(&mut self, n_threads: usize) {
        self.config.n_threads = n_threads;
    }

    /// Bytes that the forest takes.
    pub fn memory_usage(&self) -> usize {
        size_of::<FrozenForest>()
            + self.points.capacity() * 4
            + self
                .flat
                .iter()
                .map(|nodes| nodes.capacity() * size_of::<FlatNode>())
                .sum::<usize>()
            + self.built.get().map_or(0, |built| {
                built.points.capacity() * 4
                    + built
                        .trees
                        .iter()
                        .filter_map(OnceLock::get)
                        .map(FrozenTree::memory_usage)
                        .sum::<usize>()
                    + built
                        .cuts
                        .get()
                        .into_iter()
                        .flatten()
                        .map(Cuts::memory_usage)
                        .sum::<usize>()
                    + built
                        .groves
                        .get()
                        .into_iter()
                        .flatten()
                        .flatten()
                        .map(Grove::memory_usage)
                        .sum::<usize>()
            })
    }

    pub(crate) fn check_question(
        &self,
        rows: &Rows<'_>,
        interrupt: &mut dyn FnMut() -> bool,
    ) -> Result<()> {
        self.intake.check_query(rows, interrupt)?;
        self.check_ready()
    }

    fn check_ready(&self) -> Result<()> {
        if self.is_ready() {
            Ok(())
        } else {
            Err(Error::NotReady {
                seen: self.smallest,
                needed: self.rows_needed(),
            })
        }
    }

    /// The anomaly score of each row, as [`Forest::score`].
    ///
    /// # Errors
    /// As [`Forest::score`].
    pub fn score(&self, rows: &Rows<'_>) -> Result<Vec<f64>> {
        self.score_with(rows, &mut never)
    }

    /// [`FrozenForest::score`] with a callback that is asked now and then
    /// whether to stop.
    ///
    /// # Errors
    /// As [`Forest::score_with`].
    pub fn score_with(
        &self,
        rows: &Rows<'_>,
        interrupt: &mut dyn FnMut() -> bool,
    ) -> Result<Vec<f64>> {
        self.blends(rows, None, interrupt)
    }

    /// The score of another kind of each row, as [`Forest::score_by`].
    ///
    /// # Errors
    /// As [`Forest::score`].
    pub fn score_by(&self, kind: ScoreKind, rows: &Rows<'_>) -> Result<Vec<f64>> {
        self.score_by_with(kind, rows, &mut never)
    }

    /// [`FrozenForest::score_by`] with an interrupt callback.
    ///
    /// # Errors
    /// As [`Forest::score_with`].
    pub fn score_by_with(
        &self,
        kind: ScoreKind,
        rows: &Rows<'_>,
        interrupt: &mut dyn FnMut() -> bool,
    ) -> Result<Vec<f64>> {
        match kind {
            ScoreKind::Displacement => self.displacement_with(rows, interrupt),
            _ => self.blends(rows, kind.blend(self.config.sample_size), interrupt),
        }
    }

    fn blends(
        &self,
        rows: &Rows<'_>,
        blend: Option<Blend>,
        interrupt: &mut dyn FnMut() -> bool,
    ) -> Result<Vec<f64>> {
        if !self.takes_blocks(rows.n_rows()) || !self.is_ready() {
            self.check_question(rows, interrupt)?;
            self.build(interrupt)?;
            return questions::scores(self, rows, blend, interrupt);
        }
        self.intake.check_query_shape(rows)?;
        self.score_blocks(&self.intake, rows, Asked::Score(blend), interrupt)
    }

    /// Which columns each score comes from, as [`Forest::attribution`].
    ///
    /// # Errors
    /// As [`Forest::score`].
    pub fn attribution(&self, rows: &Rows<'_>) -> Result<Attribution> {
        self.attribution_with(rows, &mut never)
    }

    /// [`FrozenForest::attribution`] with an interrupt callback.
    ///
    /// # Errors
    /// As [`Forest::score_with`].
    pub fn attribution_with(
        &self,
        rows: &Rows<'_>,
        interrupt: &mut dyn FnMut() -> bool,
    ) -> Result<Attribution> {
        self.attribution_by_with(ScoreKind::ExpectedInverseDepth, rows, interrupt)
    }

    /// Which columns a score of some kind comes from, as [`Forest::attribution_by`].
    ///
    /// # Errors
    /// As [`Forest::score`].
    pub fn attribution_by(&self, kind: ScoreKind, rows: &Rows<'_>) -> Result<Attribution> {
        self.attribution_by_with(kind, rows, &mut never)
    }

    /// [`FrozenForest::attribution_by`] with an interrupt callback.
    ///
    /// # Errors
    /// As [`Forest::score_with`].
    pub fn attribution_by_with(
        &self,
        kind: ScoreKind,
        rows: &Rows<'_>,
        interrupt: &mut dyn FnMut() -> bool,
    ) -> Result<Attribution> {
        if !self.attributes_blocks(kind, rows.n_rows()) || !self.is_ready() {
            self.check_question(rows, interrupt)?;
            self.build(interrupt)?;
            let sample_size = self.config.sample_size;
            return questions::attributions(self, rows, kind, sample_size, interrupt);
        }
        self.intake.check_query_shape(rows)?;
        self.attribute_in_blocks(&self.intake, rows, kind, interrupt)
    }

    /// The expected displacement of each row, as [`Forest::displacement`].
    ///
    /// # Errors
    /// As [`Forest::score`].
    pub fn displacement(&self, rows: &Rows<'_>) -> Result<Vec<f64>> {
        self.displacement_with(rows, &mut never)
    }

    /// [`FrozenForest::displacement`] with an interrupt callback.
    ///
    /// # Errors
    /// As [`Forest::score_with`].
    pub fn displacement_with(
        &self,
        rows: &Rows<'_>,
        interrupt: &mut dyn FnMut() -> bool,
    ) -> Result<Vec<f64>> {
        if !self.takes_blocks(rows.n_rows()) || !self.is_ready() {
            self.check_question(rows, interrupt)?;
            self.build(interrupt)?;
            return questions::displacements(self, rows, interrupt);
        }
        self.intake.check_query_shape(rows)?;
        self.score_blocks(&self.intake, rows, Asked::Displacement, interrupt)
    }

    /// The expected collusive displacement of each row, as [`Forest::codisp`].
    ///
    /// # Errors
    /// As [`Forest::score`].
    pub fn codisp(&self, rows: &Rows<'_>) -> Result<Vec<f64>> {
        self.codisp_with(rows, &mut never)
    }

    /// [`FrozenForest::codisp`] with an interrupt callback.
    ///
    /// # Errors
    /// As [`Forest::score_with`].
    pub fn codisp_with(
        &self,
        rows: &Rows<'_>,
        interrupt: &mut dyn FnMut() -> bool,
    ) -> Result<Vec<f64>> {
        self.check_question(rows, interrupt)?;
        self.build(interrupt)?;
        questions::codisps(self, rows, interrupt)
    }

    /// Everything that the forest is; a state without clock and samplers.
    pub fn to_state(&self) -> ForestState {
        ForestState {
            config: self.config.clone(),
            n_features: self.n_features(),
            n_seen: self.n_seen,
            notes: self.notes.clone(),
            recent: self.intake.recent().to_vec(),
            points: self.points.clone(),
            clock: None,
            trees: self
                .flat
                .iter()
                .map(|nodes| TreeState {
                    nodes: nodes.clone(),
                    stream: None,
                })
                .collect(),
        }
    }

    /// The forest that a state describes. Nothing in the state is trusted.
    ///
    /// # Errors
    /// [`Error::ModelFile`] says what does not hold together.
    pub fn from_state(state: ForestState) -> Result<FrozenForest> {
        FrozenForest::from_state_with(state, &mut never)
    }

    /// [`FrozenForest::from_state`] with an interrupt callback.
    ///
    /// # Errors
    /// As [`FrozenForest::from_state`], and [`Error::Interrupted`].
    pub fn from_state_with(
        state: ForestState,
        interrupt: &mut dyn FnMut() -> bool,
    ) -> Result<FrozenForest> {
        state.check(interrupt)?;
        let flat: Vec<_> = state.trees.into_iter().map(|tree| tree.nodes).collect();
        Ok(FrozenForest {
            intake: Intake::new(&state.config, state.n_features, state.recent),
            config: state.config,
            n_seen: state.n_seen,
            notes: state.notes,
            smallest: smallest(&flat),
            points: state.points,
            flat,
            built: OnceLock::new(),
        })
    }
}

fn smallest(flat: &[Vec<FlatNode>]) -> u64 {
    let mass = |nodes: &Vec<FlatNode>| nodes.iter().map(|n| u64::from(n.mass())).sum();
    flat.iter().map(mass).min().unwrap_or(0)
}

impl Trees for FrozenForest {
    type Tree<'a> = PartTree<'a>;

    fn n_trees(&self) -> usize {
        self.flat.len()
    }

    #[inline(always)]
    fn tree(&self, t: usize) -> PartTree<'_> {
        let built = self.built();
        let tree = match built.trees[t].get() {
            Some(tree) => tree,
            None => self.build_tree(built, t),
        };
        tree.part(&built.points, self.n_dimensions(), self.intake.stride())
    }

    fn intake(&self) -> &Intake {
        &self.intake
    }

    fn n_threads(&self) -> usize {
        self.config.n_threads
    }

    fn one_by_one(&self) -> bool {
        shape::better_alone(self.n_dimensions(), kernels::level()) && self.groves().is_some()
    }

    fn add_scores_of_row(
        &self,
        some: Range<usize>,
        needed: u64,
        blend: Option<Blend>,
        q: &[f32],
        buffers: &mut Lockstep,
        total: &mut f64,
    ) {
        self.add_scores_alone(some, needed, blend, q, buffers, total);
    }
}
