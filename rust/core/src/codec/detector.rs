//! A detector's sections, which follow those of its forest.

use super::container::{Container, Sections};
use super::wire::{Reader, Writer};
use crate::config::ScoreKind;
use crate::detector::{DetectorState, Feature, QUANTILES, Scaling, Tail, Transform};
use crate::error::Result;

const LINEAR: u32 = 0;
const LOG_LINEAR: u32 = 1;
const RANK: u32 = 2;
const CATEGORY: u32 = 3;

pub(super) fn write(state: &DetectorState, out: &mut Sections) {
    let mut section = Writer::default();
    for feature in &state.features {
        write_feature(feature, &mut section);
    }
    out.add(*b"FEAT", section);
    let mut section = Writer::default();
    section.u32(kind_code(state.kind));
    section.f64(state.alert_rate);
    section.f64(state.threshold);
    section.u64(state.n_fitted);
    section.u64(state.n_sampled);
    section.f64(state.tail.excess);
    section.u64(state.tail.scores.len() as u64);
    section.f64s(&state.tail.scores);
    section.f64s(&state.tail.log_shares);
    out.add(*b"ALRT", section);
}

fn write_feature(feature: &Feature, out: &mut Writer) {
    out.text(&feature.name);
    out.u32(scaling_code(feature.scaling));
    out.f64s(&feature.quantiles);
    match &feature.transform {
        Transform::Linear { log, center, scale } => {
            out.u32(if *log { LOG_LINEAR } else { LINEAR });
            out.f64(*center);
            out.f64(*scale);
        }
        Transform::Rank { knots, shares } => {
            out.u32(RANK);
            out.u32(knots.len() as u32);
            out.f64s(knots);
            out.f64s(shares);
        }
        Transform::Category {
            names,
            counts,
            total,
        } => {
            out.u32(CATEGORY);
            out.u64(*total);
            out.u32(names.len() as u32);
            for (name, count) in names.iter().zip(counts) {
                out.text(name);
                out.u64(*count);
            }
        }
    }
}

pub(super) fn read(file: &mut Container<'_>, n_features: usize) -> Result<DetectorState> {
    let mut section = file.section(b"FEAT")?;
    let mut features = Vec::new();
    for _ in 0..n_features {
        features.push(read_feature(&mut section)?);
    }
    section.finish()?;
    let mut section = file.section(b"ALRT")?;
    let code = section.u32()?;
    let kind = ScoreKind::NAMES
        .iter()
        .map(|(_, kind)| *kind)
        .find(|&kind| kind_code(kind) == code)
        .ok_or_else(|| section.error(format!("score {code} is unknown")))?;
    let alert_rate = section.f64()?;
    let threshold = section.f64()?;
    let n_fitted = section.u64()?;
    let n_sampled = section.u64()?;
    let excess = section.f64()?;
    let n = section.count()?;
    let tail = Tail {
        scores: section.f64s(n)?,
        log_shares: section.f64s(n)?,
        excess,
    };
    section.finish()?;
    Ok(DetectorState {
        features,
        kind,
        tail,
        alert_rate,
        threshold,
        n_fitted,
        n_sampled,
    })
}

fn read_feature(section: &mut Reader<'_>) -> Result<Feature> {
    let name = section.text()?;
    let code = section.u32()?;
    let scaling = Scaling::NAMES
        .iter()
        .map(|(_, scaling)| *scaling)
        .find(|&scaling| scaling_code(scaling) == code)
        .ok_or_else(|| section.error(format!("scaling {code} is unknown")))?;
    let mut quantiles = [0.0; QUANTILES.len()];
    for quantile in &mut quantiles {
        *quantile = section.f64()?;
    }
    let transform = match section.u32()? {
        kind @ (LINEAR | LOG_LINEAR) => Transform::Linear {
            log: kind == LOG_LINEAR,
            center: section.f64()?,
            scale: section.f64()?,
        },
        RANK => {
            let n = section.u32()? as usize;
            Transform::Rank {
                knots: section.f64s(n)?,
                shares: section.f64s(n)?,
            }
        }
        CATEGORY => {
            let total = section.u64()?;
            let (mut names, mut counts) = (Vec::new(), Vec::new());
            for _ in 0..section.u32()? {
                names.push(section.text()?);
                counts.push(section.u64()?);
            }
            Transform::Category {
                names,
                counts,
                total,
            }
        }
        other => return Err(section.error(format!("transform {other} is unknown"))),
    };
    Ok(Feature {
        name,
        scaling,
        transform,
        quantiles,
    })
}

fn kind_code(kind: ScoreKind) -> u32 {
    match kind {
        ScoreKind::Auto => 0,
        ScoreKind::ExpectedInverseDepth => 1,
        ScoreKind::LocalRange => 2,
        ScoreKind::Displacement => 3,
    }
}

fn scaling_code(scaling: Scaling) -> u32 {
    match scaling {
        Scaling::Auto => 0,
        Scaling::None => 1,
        Scaling::Standard => 2,
        Scaling::Robust => 3,
        Scaling::LogRobust => 4,
        Scaling::Rank => 5,
    }
}
