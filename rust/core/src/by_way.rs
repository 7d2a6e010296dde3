//! Scores and attributions by a way of one's choice: for `examples/crossover.rs`, which measures what
//! `shape.rs` should choose, and for tests that hold all ways to the same bits. No part
//! of the interface: it may change with any version.

use crate::attribution::Attribution;
use crate::config::ScoreKind;
use crate::error::Result;
use crate::forest::Forest;
use crate::frozen::{Asked, FrozenForest};
use crate::local_range::Blend;
use crate::questions::{self, Trees, never};
use crate::rows::Rows;
pub use crate::shape::Way;

/// Every way.
pub const WAYS: [Way; 4] = [Way::Alone, Way::Groups, Way::Blocks, Way::Frozen];

/// The way that so many rows take through a living forest.
pub fn chosen(forest: &Forest, n_rows: usize) -> Way {
    match n_rows >= forest.worth_freezing() {
        true => Way::Frozen,
        false => questions::way(forest, n_rows),
    }
}

/// The way that so many rows take through a frozen forest.
///
/// # Errors
/// None at present.
pub fn chosen_when_frozen(forest: &FrozenForest, n_rows: usize) -> Result<Way> {
    if forest.takes_blocks(n_rows) {
        return Ok(Way::Blocks);
    }
    forest.build(&mut never)?;
    Ok(questions::way(forest, n_rows))
}

/// As [`Forest::score_by`]; nothing if a living forest has no such way.
///
/// # Errors
/// As [`Forest::score_by`].
pub fn score(
    forest: &Forest,
    way: Way,
    kind: ScoreKind,
    rows: &Rows<'_>,
) -> Result<Option<Vec<f64>>> {
    forest.check_question(rows, &mut never)?;
    match way {
        Way::Frozen => forest.freeze()?.score_by(kind, rows).map(Some),
        Way::Blocks => Ok(None),
        _ => walk(forest, way, kind, forest.config().sample_size, rows),
    }
}

/// As [`FrozenForest::score_by`]; nothing if this forest has no such way.
///
/// # Errors
/// As [`FrozenForest::score_by`].
pub fn score_frozen(
    forest: &FrozenForest,
    way: Way,
    kind: ScoreKind,
    rows: &Rows<'_>,
) -> Result<Option<Vec<f64>>> {
    let sample_size = forest.config().sample_size;
    forest.check_question(rows, &mut never)?;
    forest.build(&mut never)?;
    match way {
        Way::Blocks if forest.can_take_blocks() => {
            let asked = Asked::of(kind, sample_size);
            let scores = forest.score_blocks(forest.intake(), rows, asked, &mut never);
            scores.map(Some)
        }
        Way::Blocks | Way::Frozen => Ok(None),
        _ => walk(forest, way, kind, sample_size, rows),
    }
}

/// The way that so many rows take through a living forest to be attributed.
pub fn chosen_for_parts(forest: &Forest, kind: ScoreKind, n_rows: usize) -> Way {
    match forest.is_worth_freezing_for_parts(kind, n_rows) {
        true => Way::Frozen,
        false => Way::Groups,
    }
}

/// The same for a frozen forest.
pub fn chosen_for_parts_when_frozen(forest: &FrozenForest, kind: ScoreKind, n_rows: usize) -> Way {
    match forest.attributes_blocks(kind, n_rows) {
        true => Way::Blocks,
        false => Way::Groups,
    }
}

/// As [`Forest::attribution_by`]; nothing if a living forest has no such way.
///
/// # Errors
/// As [`Forest::attribution_by`].
pub fn attribution(
    forest: &Forest,
    way: Way,
    kind: ScoreKind,
    rows: &Rows<'_>,
) -> Result<Option<Attribution>> {
    forest.check_question(rows, &mut never)?;
    match way {
        Way::Frozen => forest.freeze()?.attribution_by(kind, rows).map(Some),
        Way::Groups => {
            let sample_size = forest.config().sample_size;
            questions::attributions(forest, rows, kind, sample_size, &mut never).map(Some)
        }
        _ => Ok(None),
    }
}

/// As [`FrozenForest::attribution_by`]; nothing if this forest has no such way.
///
/// # Errors
/// As [`FrozenForest::attribution_by`].
pub fn attribution_frozen(
    forest: &FrozenForest,
    way: Way,
    kind: ScoreKind,
    rows: &Rows<'_>,
) -> Result<Option<Attribution>> {
    forest.check_question(rows, &mut never)?;
    forest.build(&mut never)?;
    match way {
        Way::Blocks if forest.can_attribute_blocks(kind) => forest
            .attribute_in_blocks(forest.intake(), rows, kind, &mut never)
            .map(Some),
        Way::Groups => {
            let sample_size = forest.config().sample_size;
            questions::attributions(forest, rows, kind, sample_size, &mut never).map(Some)
        }
        _ => Ok(None),
    }
}

/// Scores of checked rows, alone or in groups; nothing if they are displacements,
/// which have one way.
fn walk(
    trees: &impl Trees,
    way: Way,
    kind: ScoreKind,
    sample_size: usize,
    rows: &Rows<'_>,
) -> Result<Option<Vec<f64>>> {
    if kind == ScoreKind::Displacement {
        return Ok(None);
    }
    let blend: Option<Blend> = kind.blend(sample_size);
    questions::scores_by(trees, way, rows, blend, &mut never).map(Some)
}
