//! A forest's sections.

use super::container::{Container, Sections};
use super::trees::{Leaves, kinds, read_nodes, write_nodes};
use super::wire::{Reader, Writer};
use crate::config::{ForestConfig, Sampling};
use crate::error::Result;
use crate::notes::Notes;
use crate::state::{ClockState, ForestState, TreeState, TreeStream};

/// Writes a forest; `ask` may stop it before each tree.
pub(super) fn write<E>(
    state: &ForestState,
    out: &mut Sections,
    ask: &mut impl FnMut() -> std::result::Result<(), E>,
) -> std::result::Result<(), E> {
    out.add(*b"CONF", config(state));
    out.add(*b"NOTE", notes(&state.notes));
    let mut section = Writer::default();
    section.f32s(&state.recent);
    out.add(*b"RECE", section);
    let mut section = Writer::default();
    section.f32s(&state.points);
    out.add(*b"PNTS", section);
    let mut counts = Writer::default();
    let (mut nodes, mut copies) = (Writer::default(), Writer::default());
    let kinds = kinds(state);
    for tree in &state.trees {
        ask()?;
        counts.u32(tree.nodes.len() as u32);
        write_nodes(tree, kinds, &mut nodes, &mut copies);
    }
    out.add(*b"TREE", counts);
    out.add(*b"NODE", nodes);
    out.add(*b"COPY", copies);
    if let Some(clock) = state.clock {
        write_stream(state, clock, out);
    }
    Ok(())
}

fn write_stream(state: &ForestState, clock: ClockState, out: &mut Sections) {
    out.add(*b"CLCK", self::clock(clock));
    let (mut samplers, mut keys, mut places) =
        (Writer::default(), Writer::default(), Writer::default());
    let mut leaves = Leaves::default();
    for tree in &state.trees {
        let Some(stream) = &tree.stream else {
            continue;
        };
        samplers.u64(stream.keys.len() as u64);
        samplers.f64(stream.target);
        samplers.u64s(&stream.sampler_rng);
        samplers.u64s(&stream.cut_rng);
        keys.f64s(&stream.keys);
        leaves.write(tree, &stream.points, &mut places);
    }
    out.add(*b"SMPL", samplers);
    out.add(*b"KEYS", keys);
    out.add(*b"PLCS", places);
}

pub(super) fn clock(clock: ClockState) -> Writer {
    let mut out = Writer::default();
    out.i64(clock.now);
    out.i64(clock.reference);
    out.f64(clock.cumulative);
    out
}

pub(super) fn read_clock(mut section: Reader<'_>) -> Result<ClockState> {
    let clock = ClockState {
        now: section.i64()?,
        reference: section.i64()?,
        cumulative: section.f64()?,
    };
    section.finish()?;
    Ok(clock)
}

pub(super) fn notes(notes: &Notes) -> Writer {
    let mut out = Writer::default();
    out.u32(notes.len() as u32);
    for (name, text) in notes {
        out.text(name);
        out.text(text);
    }
    out
}

pub(super) fn read_notes(mut section: Reader<'_>) -> Result<Notes> {
    let mut notes = Notes::new();
    for _ in 0..section.u32()? {
        let (name, text) = (section.text()?, section.text()?);
        if notes
            .last_key_value()
            .is_some_and(|(last, _)| *last >= name)
        {
            return Err(section.error("notes out of order"));
        }
        notes.insert(name, text);
    }
    section.finish()?;
    Ok(notes)
}

pub(super) fn config(state: &ForestState) -> Writer {
    let config = &state.config;
    let (sampling, rate) = match config.sampling {
        Sampling::Decay { rate: None } => (0, 0.0),
        Sampling::Decay { rate: Some(rate) } => (1, rate),
        Sampling::Uniform => (2, 0.0),
        Sampling::Window => (3, 0.0),
    };
    let mut out = Writer::default();
    out.u64(config.n_trees as u64);
    out.u64(config.sample_size as u64);
    out.u64(config.shingle_size as u64);
    out.u64(state.n_features as u64);
    out.u64(config.seed);
    out.u64(state.n_seen);
    out.u32(sampling);
    out.u32(u32::from(config.feature_weights.is_some()));
    out.f64(rate);
    out.f64s(config.feature_weights.as_deref().unwrap_or_default());
    out
}

/// Reads a forest. Lengths fit each other; values are for the forest to check.
pub(super) fn read(file: &mut Container<'_>, living: bool) -> Result<ForestState> {
    let mut state = read_config(file.section(b"CONF")?)?;
    state.notes = read_notes(file.section(b"NOTE")?)?;
    state.recent = all_f32s(file.section(b"RECE")?)?;
    state.points = all_f32s(file.section(b"PNTS")?)?;
    let mut counts = file.section(b"TREE")?;
    let mut nodes = file.section(b"NODE")?;
    let mut copies = file.section(b"COPY")?;
    if counts.len() != state.config.n_trees.saturating_mul(4) {
        return Err(counts.error("not one count per tree"));
    }
    let kinds = kinds(&state);
    for count in counts.u32s(state.config.n_trees)? {
        state.trees.push(TreeState {
            nodes: read_nodes(count as usize, kinds, &mut nodes, &mut copies)?,
            stream: None,
        });
    }
    nodes.finish()?;
    copies.finish()?;
    if living {
        read_stream(file, &mut state)?;
    }
    Ok(state)
}

pub(super) fn read_config(mut section: Reader<'_>) -> Result<ForestState> {
    let n_trees = section.count()?;
    let sample_size = section.count()?;
    let shingle_size = section.count()?;
    let n_features = section.count()?;
    let seed = section.u64()?;
    let n_seen = section.u64()?;
    let sampling = section.u32()?;
    let weighted = section.u32()?;
    let rate = section.f64()?;
    let sampling = match sampling {
        0 => Sampling::Decay { rate: None },
        1 => Sampling::Decay { rate: Some(rate) },
        2 => Sampling::Uniform,
        3 => Sampling::Window,
        other => return Err(section.error(format!("sampling {other} is unknown"))),
    };
    if sampling != (Sampling::Decay { rate: Some(rate) }) && rate.to_bits() != 0 {
        return Err(section.error("a rate that has no meaning"));
    }
    let feature_weights = match weighted {
        0 => None,
        1 => Some(section.f64s(n_features)?),
        other => return Err(section.error(format!("flag {other} is unknown"))),
    };
    section.finish()?;
    let config = ForestConfig {
        n_trees,
        sample_size,
        shingle_size,
        sampling,
        feature_weights,
        seed,
        n_threads: 0,
    };
    config
        .validate(n_features)
        .map_err(|error| section.error(error.to_string()))?;
    Ok(ForestState {
        config,
        n_features,
        n_seen,
        notes: Notes::new(),
        recent: Vec::new(),
        points: Vec::new(),
        clock: None,
        trees: Vec::new(),
    })
}

pub(super) fn all_f32s(mut section: Reader<'_>) -> Result<Vec<f32>> {
    let values = section.f32s(section.len() / 4)?;
    section.finish()?;
    Ok(values)
}

fn read_stream(file: &mut Container<'_>, state: &mut ForestState) -> Result<()> {
    state.clock = Some(read_clock(file.section(b"CLCK")?)?);
    let mut samplers = file.section(b"SMPL")?;
    let mut keys = file.section(b"KEYS")?;
    let mut places = file.section(b"PLCS")?;
    let rng = |section: &mut Reader<'_>| -> Result<[u64; 4]> {
        Ok([
            section.u64()?,
            section.u64()?,
            section.u64()?,
            section.u64()?,
        ])
    };
    let mut leaves = Leaves::default();
    for tree in &mut state.trees {
        let n = samplers.count()?;
        let target = samplers.f64()?;
        tree.stream = Some(TreeStream {
            keys: keys.f64s(n)?,
            points: leaves.read(tree, n, &mut places)?,
            target,
            sampler_rng: rng(&mut samplers)?,
            cut_rng: rng(&mut samplers)?,
        });
    }
    samplers.finish()?;
    keys.finish()?;
    places.finish()
}
