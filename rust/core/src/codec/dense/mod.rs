//! The dense form of a living forest: for many small forests that are kept by
//! others, as in the state of a stream. Exact, and two thirds of the file.
//!
//! What follows from something else is not stored. Points are sorted, so that
//! each is told by its distance from the one before; a tree is the set of its
//! points and its cuts in preorder, which say how the set falls apart and so
//! what is a leaf of which point; a cut lies between the least and the greatest
//! value of its set. `docs/model-file.md` has it step by step.

mod coder;
mod cuts;
mod order;
mod walk;

use super::forest;
use super::wire::{Reader, Writer};
use crate::error::{Error, Result};
use crate::state::{ClockState, ForestState};
use coder::{Decoder, Encoder};
use order::{named, renamed, sorted};
use walk::Walk;
use xxhash_rust::xxh3::xxh3_64;

/// First bytes, the last of which is the version.
const DENSE: [u8; 4] = *b"RCD\x01";

/// Writes a living forest.
///
/// # Errors
/// [`Error::Interrupted`].
pub(super) fn write(
    state: &ForestState,
    clock: ClockState,
    interrupt: &mut dyn FnMut() -> bool,
) -> Result<Vec<u8>> {
    let d = state.n_features * state.config.shingle_size;
    let (points, ranks) = sorted(&state.points, d);
    let mut recent = Writer::default();
    recent.f32s(&state.recent);
    let parts = [
        forest::config(state),
        forest::notes(&state.notes),
        recent,
        forest::clock(clock),
    ];
    let mut body = Writer::default();
    for part in parts {
        body.u32(part.bytes.len() as u32);
        body.bytes(&part.bytes);
    }
    body.u32(ranks.len() as u32);
    let mut coder = Encoder::new(body.bytes);
    let mut walk = Walk::new(state.trees.len(), state.config.sample_size, d);
    walk.points(&mut coder, points, ranks.len())
        .ok_or_else(wrong)?;
    walk.keys(&mut coder, &state.trees).ok_or_else(wrong)?;
    for (t, tree) in state.trees.iter().enumerate() {
        if interrupt() {
            return Err(Error::Interrupted);
        }
        let tree = renamed(tree, &ranks);
        walk.tree(&mut coder, t, Some(&tree)).ok_or_else(wrong)?;
    }
    let body = coder.finish();
    let mut out = Writer::with_capacity(DENSE.len() + size_of::<u64>() + body.len());
    out.bytes(&DENSE);
    out.u64(xxh3_64(&body));
    out.bytes(&body);
    Ok(out.bytes)
}

fn wrong() -> Error {
    Error::file("dense form: what it says makes no forest")
}

/// Reads a living forest, which is for the forest to check; `room` is how many
/// values it may have.
///
/// # Errors
/// [`Error::ModelFile`] says what is wrong, and [`Error::Interrupted`].
pub(super) fn read(
    bytes: &[u8],
    room: usize,
    interrupt: &mut dyn FnMut() -> bool,
) -> Result<ForestState> {
    let mut whole = Reader::new("dense form", bytes);
    let found: [u8; 4] = whole.array()?;
    if found != DENSE {
        return Err(Error::file("this is no forest in its dense form"));
    }
    let checksum = whole.u64()?;
    let body = whole.bytes(whole.len())?;
    if xxh3_64(body) != checksum {
        return Err(Error::file("the checksum does not match: damaged"));
    }
    let mut body = Reader::new("dense form", body);
    let mut part = |name| -> Result<Reader<'_>> {
        let n = body.u32()? as usize;
        Ok(Reader::new(name, body.bytes(n)?))
    };
    let mut state = forest::read_config(part("CONF")?)?;
    state.notes = forest::read_notes(part("NOTE")?)?;
    state.recent = forest::all_f32s(part("RECE")?)?;
    state.clock = Some(forest::read_clock(part("CLCK")?)?);
    let n_points = body.u32()? as usize;
    let d = state.n_features * state.config.shingle_size;
    let most = state
        .config
        .n_trees
        .saturating_mul(state.config.sample_size);
    if n_points > most || n_points.saturating_mul(d) > room {
        return Err(Error::file(format!("{n_points} points are too many")));
    }
    let mut coder = Decoder::new(body.bytes(body.len())?);
    let most = state.config.sample_size.min(room);
    let mut walk = Walk::new(state.config.n_trees, most, d);
    walk.points(&mut coder, Vec::new(), n_points)
        .ok_or_else(wrong)?;
    walk.keys(&mut coder, &[]).ok_or_else(wrong)?;
    let mut values = 0_usize;
    for t in 0..state.config.n_trees {
        if interrupt() {
            return Err(Error::Interrupted);
        }
        let tree = walk.tree(&mut coder, t, None).ok_or_else(wrong)?;
        let keys = tree.stream.as_ref().map_or(0, |stream| stream.keys.len());
        values += tree.nodes.len() + keys;
        if coder.overrun() || values > room {
            return Err(wrong());
        }
        state.trees.push(tree);
    }
    if !coder.is_done() {
        return Err(wrong());
    }
    state.points = named(&walk.values(), d, &mut state.trees).ok_or_else(wrong)?;
    Ok(state)
}
