//! A detector's sections, which come before those of its forests.

use super::container::{Container, Sections};
use super::wire::{Reader, Writer};
use crate::config::ScoreKind;
use crate::detector::{
    Budget, DetectorState, Feature, HISTOGRAM_BINS, Histogram, Pace, QUANTILES, Relation, Scaling,
    Tail, Transform,
};
use crate::error::Result;

const LINEAR: u32 = 0;
const LOG_LINEAR: u32 = 1;
const RANK: u32 = 2;
const CATEGORY: u32 = 3;

/// Views that a file may have.
const MOST_VIEWS: u32 = 4;

/// Writes all but the forests, of which there are as many as views.
pub(super) fn write(state: &DetectorState, n_views: usize, out: &mut Sections) {
    let mut section = Writer::default();
    section.u32(n_views as u32);
    section.u32(state.features.len() as u32);
    for feature in &state.features {
        write_feature(feature, &mut section);
    }
    out.add(*b"FEAT", section);
    let mut section = Writer::default();
    section.u32(state.relations.len() as u32);
    for relation in &state.relations {
        section.f64(relation.usual);
        section.f64(relation.scale);
        section.u32(relation.terms.len() as u32);
        for &(column, weight) in &relation.terms {
            section.u32(column as u32);
            section.f64(weight);
        }
    }
    out.add(*b"RELA", section);
    let mut section = Writer::default();
    section.u32(kind_code(state.kind));
    section.u32(u32::from(state.tracks) | u32::from(!state.seeks_relations) << 1);
    section.f64(state.alert_rate);
    section.f64(state.threshold);
    section.u64(state.n_fitted);
    section.u64(state.n_sampled);
    section.f64(state.tail.excess);
    section.u64(state.tail.scores.len() as u64);
    section.f64s(&state.tail.scores);
    section.f64s(&state.tail.log_shares);
    // Files of before end here, and so do those of tables without times.
    if let Some(rows) = state.rows_per_day {
        section.f64(rows);
    }
    out.add(*b"ALRT", section);
    let mut section = Writer::default();
    if let Some(budget) = &state.budget {
        write_budget(budget, &mut section);
    }
    out.add(*b"BUDG", section);
}

/// Bins that hold nothing are left out.
pub(super) fn write_budget(budget: &Budget, out: &mut Writer) {
    out.f64(budget.scores.total);
    out.f64(budget.scores.unit);
    out.f64(budget.credit);
    out.f64(budget.level);
    out.u64(budget.rows);
    let bins = budget.scores.bins.iter().enumerate();
    let used: Vec<(usize, f64)> = bins.map(|(k, &w)| (k, w)).filter(|b| b.1 != 0.0).collect();
    out.u32(used.len() as u32);
    for (k, weight) in used {
        out.u32(k as u32);
        out.f64(weight);
    }
    // Files from before there was a pace end here, and so begins one.
    let pace = &budget.pace;
    if *pace == Pace::new(budget.rate) {
        return;
    }
    out.u64(pace.waited);
    out.u64s(&pace.gaps);
    out.f64s(&pace.latest);
    out.u32(pace.oldest as u32);
}

pub(super) fn read_budget(section: &mut Reader<'_>, rate: f64) -> Result<Budget> {
    let mut scores = Histogram {
        total: section.f64()?,
        unit: section.f64()?,
        bins: vec![0.0; HISTOGRAM_BINS],
        used: 0,
    };
    let (credit, level, rows) = (section.f64()?, section.f64()?, section.u64()?);
    let mut next = 0;
    for _ in 0..section.u32()? {
        let (k, weight) = (section.u32()? as usize, section.f64()?);
        // Ascending, and none of them empty: there is one way to write it.
        if k < next || k >= HISTOGRAM_BINS || weight == 0.0 {
            return Err(section.error("bins out of order"));
        }
        scores.bins[k] = weight;
        next = k + 1;
    }
    scores.used = next;
    let mut pace = Pace::new(rate);
    if section.len() > 0 {
        pace = read_pace(section, rate)?;
    }
    Ok(Budget {
        rate,
        scores,
        credit,
        rows,
        level,
        pace,
    })
}

fn read_pace(section: &mut Reader<'_>, rate: f64) -> Result<Pace> {
    let begun = Pace::new(rate);
    let waited = section.u64()?;
    let (mut gaps, mut latest) = (begun.gaps, begun.latest);
    for gap in &mut gaps {
        *gap = section.u64()?;
    }
    for score in &mut latest {
        *score = section.f64()?;
    }
    let pace = Pace::of(rate, waited, gaps, latest, section.u32()? as usize);
    match pace == begun {
        true => Err(section.error("a pace that need not be told")),
        false => Ok(pace),
    }
}

fn write_feature(feature: &Feature, out: &mut Writer) {
    out.text(&feature.name);
    out.u32(scaling_code(feature.scaling));
    out.f64s(&feature.quantiles);
    out.u32(feature.transforms.len() as u32);
    for transform in &feature.transforms {
        write_transform(transform, out);
    }
}

fn write_transform(transform: &Transform, out: &mut Writer) {
    match transform {
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

/// Reads what [`write`] wrote, and how many forests follow.
pub(super) fn read(file: &mut Container<'_>) -> Result<(DetectorState, usize)> {
    let mut section = file.section(b"FEAT")?;
    let n_views = section.u32()?;
    if !(1..=MOST_VIEWS).contains(&n_views) {
        return Err(section.error(format!("{n_views} views")));
    }
    let mut features = Vec::new();
    for _ in 0..section.u32()? {
        features.push(read_feature(&mut section)?);
    }
    section.finish()?;
    let mut section = file.section(b"RELA")?;
    let mut relations = Vec::new();
    for _ in 0..section.u32()? {
        relations.push(read_relation(&mut section)?);
    }
    section.finish()?;
    let mut section = file.section(b"ALRT")?;
    let code = section.u32()?;
    let kind = ScoreKind::NAMES
        .iter()
        .map(|(_, kind)| *kind)
        .find(|&kind| kind_code(kind) == code)
        .ok_or_else(|| section.error(format!("score {code} is unknown")))?;
    let flags = section.u32()?;
    if flags > 3 {
        return Err(section.error(format!("flags {flags} are more than two")));
    }
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
    let rows_per_day = match section.len() {
        0 => None,
        _ => Some(section.f64()?),
    };
    section.finish()?;
    let mut section = file.section(b"BUDG")?;
    let budget = match section.len() {
        0 => None,
        _ => Some(read_budget(&mut section, alert_rate)?),
    };
    section.finish()?;
    let state = DetectorState {
        features,
        relations,
        seeks_relations: flags & 2 == 0,
        kind,
        tail,
        alert_rate,
        threshold,
        tracks: flags & 1 != 0,
        budget,
        n_fitted,
        n_sampled,
        rows_per_day,
    };
    Ok((state, n_views as usize))
}

fn read_relation(section: &mut Reader<'_>) -> Result<Relation> {
    let usual = section.f64()?;
    let scale = section.f64()?;
    let mut terms = Vec::new();
    for _ in 0..section.u32()? {
        terms.push((section.u32()? as usize, section.f64()?));
    }
    Ok(Relation {
        terms,
        usual,
        scale,
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
    let mut transforms = Vec::new();
    for _ in 0..section.u32()? {
        transforms.push(read_transform(section)?);
    }
    Ok(Feature {
        name,
        scaling,
        transforms,
        quantiles,
    })
}

fn read_transform(section: &mut Reader<'_>) -> Result<Transform> {
    Ok(match section.u32()? {
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
        Scaling::Log => 6,
    }
}
