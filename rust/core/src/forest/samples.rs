//! Forests whose trees are each given rows of their own, and the rows of a tree.

use super::update::Buffers;
use super::{Forest, Member, MemberBlock, MemberBuffers};
use crate::config::{ForestConfig, ScoreKind};
use crate::error::{Error, Result};
use crate::intake::Intake;
use crate::kernels::entry;
use crate::parallel;
use crate::points::PointStore;
use crate::questions::never;
use crate::rng::Rng;
use crate::rows::Rows;
use crate::sampler::Sampler;
use crate::tree::{NONE, Tree};

impl Forest {
    /// A forest in which each tree holds rows of its own: of `n` rows, tree `t` of
    /// `T` takes numbers `t n / T` to `(t + 1) n / T`, in their order.
    ///
    /// The forest is one of `n / T` rows seen, and tree `t` is, bit for bit, that of a
    /// forest of one tree with the seed `seeds[t]` that has seen the tree's rows alone.
    /// So it scores a row by the mean of what these forests give, and a stream goes on
    /// in all trees as in any forest.
    ///
    /// # Errors
    /// [`Error::InvalidConfig`] if a parameter is out of its range, there are
    /// shingles, or not as many seeds as trees; [`Error::InvalidInput`] if trees would
    /// not get equally many rows, none, or more than `sample_size`; and
    /// [`Error::InvalidValue`].
    ///
    /// # Examples
    /// ```
    /// use fastrcf::{Forest, ForestConfig, Rows, Sampling};
    ///
    /// let config = ForestConfig {
    ///     n_trees: 2,
    ///     sample_size: 3,
    ///     sampling: Sampling::Window,
    ///     ..Default::default()
    /// };
    /// let values = [0.0, 1.0, 2.0, 10.0, 11.0, 12.0];
    /// let forest = Forest::from_samples(config, &Rows::from_f64(&values, 1)?, &[7, 8])?;
    /// assert_eq!(forest.sample(1), Some(vec![10.0, 11.0, 12.0]));
    /// # Ok::<(), fastrcf::Error>(())
    /// ```
    pub fn from_samples(config: ForestConfig, rows: &Rows<'_>, seeds: &[u64]) -> Result<Forest> {
        Forest::from_samples_with(config, rows, seeds, &mut never)
    }

    /// [`Forest::from_samples`] with an interrupt callback.
    ///
    /// # Errors
    /// As [`Forest::from_samples`], and [`Error::Interrupted`].
    pub fn from_samples_with(
        config: ForestConfig,
        rows: &Rows<'_>,
        seeds: &[u64],
        interrupt: &mut dyn FnMut() -> bool,
    ) -> Result<Forest> {
        config.validate(rows.n_columns())?;
        let size = sample_size(&config, rows.n_rows(), seeds.len())?;
        let mut forest = Forest::new(config, rows.n_columns())?;
        forest.intake.check_stream(rows, interrupt)?;
        forest.members = seeds
            .iter()
            .map(|&seed| Member::seeded(&forest.config, &forest.intake, seed, 0))
            .collect();
        let mut values = Vec::new();
        forest
            .intake
            .load_stream(rows, 0..rows.n_rows(), &mut values);
        // Each row is held once until the tree has it.
        forest.points = PointStore::from_padded(values, forest.intake.stride());
        let ids: Vec<u32> = (0..rows.n_rows() as u32).collect();
        ids.iter().for_each(|&id| forest.points.acquire(id));
        let mut start = 0;
        while start < size {
            let end = forest.tick_block(start..size, None);
            forest.plan(start as u64, end - start, &forest.buffers.ticks.clone());
            forest.grow(start..end, size, &ids, interrupt)?;
            start = end;
        }
        forest.n_seen = size as u64;
        forest.settle(&ids);
        Ok(forest)
    }

    /// Takes rows `range` of each tree's `size` rows, which it has planned, into it.
    fn grow(
        &mut self,
        range: std::ops::Range<usize>,
        size: usize,
        ids: &[u32],
        interrupt: &mut dyn FnMut() -> bool,
    ) -> Result<()> {
        let (stride, trees, points) = (self.intake.stride(), self.members.len(), &self.points);
        let needed = self.config.rows_needed();
        let threads = parallel::threads_for(self.config.n_threads, 4 * range.len(), trees, stride);
        parallel::for_each(
            self.members.iter_mut().zip(ids.chunks(size)),
            threads,
            interrupt,
            || MemberBuffers::new(stride),
            |buffers, (member, ids), _| {
                let block = MemberBlock {
                    points,
                    rows: &[],
                    stride,
                    ids: &ids[range.clone()],
                    needed,
                    kind: ScoreKind::ExpectedInverseDepth,
                    blend: None,
                    novelty: None,
                };
                entry::run_member(member, &block, &mut [], buffers);
            },
        )
    }

    /// Leaves each point to the trees that hold it.
    fn settle(&mut self, ids: &[u32]) {
        for member in &mut self.members {
            member.acquire(&mut self.points);
            member.release(&mut self.points);
            member.shrink();
        }
        ids.iter().for_each(|&id| self.points.release(id));
        self.buffers = Buffers::default();
        if let Some(names) = self.points.compact() {
            self.members
                .iter_mut()
                .for_each(|member| member.rename(&names));
        }
    }

    /// The rows that tree `t` holds, [`n_dimensions`](Forest::n_dimensions) values
    /// each, times the columns' weights; `None` if there is no such tree. With
    /// [`Sampling::Window`](crate::Sampling::Window) the oldest is first; else the order
    /// says nothing.
    pub fn sample(&self, t: usize) -> Option<Vec<f32>> {
        let member = self.members.get(t)?;
        let d = self.n_dimensions();
        let (keys, slots) = (member.sampler.keys(), member.sampler.slots());
        let mut order: Vec<usize> = (0..keys.len()).collect();
        order.sort_by(|&a, &b| keys[b].total_cmp(&keys[a]));
        let ids = order.iter().map(|&at| member.places[slots[at] as usize]);
        Some(
            ids.flat_map(|id| &self.points.row(id)[..d])
                .copied()
                .collect(),
        )
    }
}

impl Member {
    /// An empty tree and sampler. Two streams a tree: what the sampler draws must not
    /// depend on what the tree draws in between.
    pub(super) fn seeded(config: &ForestConfig, intake: &Intake, seed: u64, t: u64) -> Member {
        let (sampler, cuts) = (Rng::new(seed, 2 * t), Rng::new(seed, 2 * t + 1));
        Member::new(
            Sampler::new(config.sampling, config.sample_size, sampler),
            Tree::new(intake.stride(), cuts),
        )
    }
}

/// Rows that each tree gets.
fn sample_size(config: &ForestConfig, n_rows: usize, n_seeds: usize) -> Result<usize> {
    if config.shingle_size != 1 {
        return Err(Error::config(
            "shingle_size",
            format!("{} rows: trees are given whole points", config.shingle_size),
        ));
    }
    if n_seeds != config.n_trees {
        return Err(Error::config(
            "seeds",
            format!("{n_seeds} for {} trees", config.n_trees),
        ));
    }
    let size = n_rows / config.n_trees;
    if size == 0 || size > config.sample_size || size * config.n_trees != n_rows {
        return Err(Error::input(format!(
            "{n_rows} rows for {} trees: each takes equally many, 1 to {}",
            config.n_trees, config.sample_size
        )));
    }
    if n_rows >= NONE as usize {
        return Err(Error::input(format!("{n_rows} rows are too many")));
    }
    Ok(size)
}
