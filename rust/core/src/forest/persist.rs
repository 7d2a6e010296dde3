//! A living forest to and from its flat state.

use super::{Forest, Member};
use crate::error::{Error, Result};
use crate::intake::Intake;
use crate::kernels::lanes;
use crate::points::PointStore;
use crate::questions::{asking, never};
use crate::rng::Rng;
use crate::sampler::{Clock, Sampler};
use crate::state::{ForestState, TreeState, TreeStream};
use crate::tree::{NONE, Scratch, Tree};
use std::convert::Infallible;

impl Forest {
    /// Everything that the forest is; equal for forests that behave alike.
    pub fn to_state(&self) -> ForestState {
        let Ok(state) = self.flattened(&mut || Ok::<(), Infallible>(()));
        state
    }

    /// [`Forest::to_state`] with an interrupt callback.
    ///
    /// # Errors
    /// [`Error::Interrupted`].
    pub fn to_state_with(&self, interrupt: &mut dyn FnMut() -> bool) -> Result<ForestState> {
        self.flattened(&mut asking(interrupt))
    }

    /// The state; `ask` may stop it before each tree.
    fn flattened<E>(
        &self,
        ask: &mut impl FnMut() -> std::result::Result<(), E>,
    ) -> std::result::Result<ForestState, E> {
        let d = self.n_dimensions();
        let mut names = vec![NONE; self.points.places()];
        let mut points = Vec::with_capacity(self.points.len() * d);
        let mut name = |id: u32| {
            let name = &mut names[id as usize];
            if *name == NONE {
                *name = (points.len() / d) as u32;
                points.extend_from_slice(&self.points.row(id)[..d]);
            }
            *name
        };
        let mut trees = Vec::with_capacity(self.members.len());
        for member in &self.members {
            ask()?;
            let nodes = member.tree.to_flat(&mut name);
            let slots = member.sampler.slots().iter();
            let stream = TreeStream {
                keys: member.sampler.keys().to_vec(),
                points: slots.map(|&s| name(member.places[s as usize])).collect(),
                target: member.sampler.target(),
                sampler_rng: member.sampler.rng_state(),
                cut_rng: member.tree.rng_state(),
            };
            trees.push(TreeState {
                nodes,
                stream: Some(stream),
            });
        }
        Ok(ForestState {
            config: self.config.clone(),
            n_features: self.n_features(),
            n_seen: self.n_seen,
            notes: self.notes.clone(),
            recent: self.intake.recent().to_vec(),
            points,
            clock: Some(self.clock.state()),
            trees,
        })
    }

    /// The forest that a state describes. Nothing in the state is trusted.
    ///
    /// # Errors
    /// [`Error::ModelFile`] says what does not hold together.
    pub fn from_state(state: ForestState) -> Result<Forest> {
        Forest::from_state_with(state, &mut never)
    }

    /// [`Forest::from_state`] with an interrupt callback.
    ///
    /// # Errors
    /// As [`Forest::from_state`], and [`Error::Interrupted`].
    pub fn from_state_with(
        state: ForestState,
        interrupt: &mut dyn FnMut() -> bool,
    ) -> Result<Forest> {
        state.check(interrupt)?;
        let Some(clock) = state.clock else {
            return Err(Error::file("a living forest has a clock"));
        };
        if !(clock.cumulative >= 0.0 && clock.cumulative.is_finite()) {
            return Err(Error::file("the clock's hazard is no finite sum"));
        }
        let mut forest = Forest::new(state.config, state.n_features).map_err(file)?;
        let (d, stride) = (forest.n_dimensions(), forest.intake.stride());
        forest.intake = Intake::new(&forest.config, state.n_features, state.recent);
        forest.points = PointStore::from_padded(lanes::padded(&state.points, d, stride), stride);
        forest.clock = Clock::from_state(forest.config.decay_rate(), clock);
        forest.n_seen = state.n_seen;
        forest.notes = state.notes;
        let mut scratch = Scratch::new(forest.intake.stride());
        let mut counts = vec![0; forest.points.places()];
        for (t, tree) in state.trees.into_iter().enumerate() {
            if interrupt() {
                return Err(Error::Interrupted);
            }
            let wrong = |message: String| Error::file(format!("tree {t}: {message}"));
            let stream = tree
                .stream
                .ok_or_else(|| wrong("a living forest has its samplers".into()))?;
            let member = forest
                .revive(&tree.nodes, stream, &mut scratch)
                .and_then(|member| {
                    member.check(&forest.points, &mut counts)?;
                    Ok(member)
                })
                .map_err(wrong)?;
            forest.members[t] = member;
        }
        for (id, &count) in counts.iter().enumerate() {
            if count == 0 {
                return Err(Error::file(format!("no tree holds point {id}")));
            }
            forest.points.set_count(id as u32, count);
        }
        Ok(forest)
    }

    fn revive(
        &self,
        nodes: &[crate::state::FlatNode],
        stream: TreeStream,
        scratch: &mut Scratch,
    ) -> std::result::Result<Member, String> {
        let config = &self.config;
        let TreeStream {
            keys,
            points,
            target,
            ..
        } = stream;
        if keys.len() != points.len() || keys.len() > config.sample_size {
            return Err(format!(
                "{} keys and {} rows sampled of at most {}",
                keys.len(),
                points.len(),
                config.sample_size
            ));
        }
        if !keys.iter().chain([&target]).all(|key| key.is_finite()) {
            return Err("a key is not finite".into());
        }
        if [stream.cut_rng, stream.sampler_rng].contains(&[0; 4]) {
            return Err("a generator's state is all zero".into());
        }
        let rng = Rng::from_state(stream.cut_rng);
        let tree = Tree::from_flat(nodes, &self.points, rng, scratch);
        let sampler = Sampler::from_parts(
            config.sampling,
            config.sample_size,
            keys,
            target,
            Rng::from_state(stream.sampler_rng),
        );
        let mut member = Member::new(sampler, tree);
        member.places = points;
        Ok(member)
    }
}

/// A configuration that a file brings is the file's fault.
fn file(error: Error) -> Error {
    Error::file(error.to_string())
}
