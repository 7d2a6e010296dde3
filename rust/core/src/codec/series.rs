//! A series detector's sections, which follow those of its forest, and a set's.

use super::container::{Container, Sections};
use super::detector::{read_budget, write_budget};
use super::forest;
use super::wire::{Reader, Writer};
use crate::error::{Error, Result};
use crate::series::{
    AlertBudget, Alerts, ContextState, Counts, Event, FEATURES, Running, SeriesConfig,
    SeriesDetector, SeriesSet, SeriesState, Traffic,
};
use crate::state::ForestState;

pub(super) fn write(state: &SeriesState, out: &mut Sections) {
    let mut section = Writer::default();
    write_config(&state.config, &mut section);
    write_columns(&state.columns, &mut section);
    let counts = &state.counts;
    section.u64s(&[
        counts.seen,
        counts.missing,
        counts.repeated,
        counts.backward,
    ]);
    section.u32(match state.timed {
        None => 0,
        Some(false) => 1,
        Some(true) => 2,
    });
    section.f64(state.time);
    out.add(*b"SERI", section);
    let mut section = Writer::default();
    for context in &state.contexts {
        write_context(context, &mut section);
    }
    out.add(*b"CTXT", section);
    let mut section = Writer::default();
    section.u64(state.pending.len() as u64);
    section.f64s(&state.pending);
    for &(origin, unit) in &state.frames {
        section.f64s(&[origin, unit]);
    }
    out.add(*b"WARM", section);
    let mut section = Writer::default();
    section.u64(state.events.len() as u64);
    for event in &state.events {
        section.u64(event.row);
        section.f64(event.value);
    }
    out.add(*b"EVNT", section);
    write_alerts(&state.config, &state.alerts, out);
}

const SHARE: u32 = 0;
const PER_DAY: u32 = 1;

/// What rows are alerts by, if that is a number of them: files of before had only thresholds,
/// and such have no section of it still.
fn write_alerts(config: &SeriesConfig, alerts: &Alerts, out: &mut Sections) {
    let (kind, asked) = match config.budget {
        None => return,
        Some(AlertBudget::Share(share)) => (SHARE, share),
        Some(AlertBudget::PerDay(alerts)) => (PER_DAY, alerts),
    };
    let mut section = Writer::default();
    section.u32(kind);
    section.f64(asked);
    section.u64(alerts.n_scored);
    if let Some(latest) = alerts.traffic.latest {
        section.f64s(&[latest, alerts.traffic.rows, alerts.traffic.seconds]);
    }
    if let Some(budget) = &alerts.budget {
        section.f64(budget.rate);
        write_budget(budget, &mut section);
    }
    out.add(*b"ALRT", section);
}

fn read_alerts(file: &mut Container<'_>, config: &mut SeriesConfig) -> Result<Alerts> {
    if !file.has(b"ALRT") {
        return Ok(Alerts::default());
    }
    let mut section = file.section(b"ALRT")?;
    let (kind, asked) = (section.u32()?, section.f64()?);
    let per_day = match kind {
        SHARE => false,
        PER_DAY => true,
        other => return Err(section.error(format!("a budget of kind {other} is unknown"))),
    };
    config.budget = Some(match per_day {
        false => AlertBudget::Share(asked),
        true => AlertBudget::PerDay(asked),
    });
    let mut alerts = Alerts {
        n_scored: section.u64()?,
        ..Alerts::default()
    };
    if per_day && alerts.n_scored > 0 {
        alerts.traffic = Traffic {
            latest: Some(section.f64()?),
            rows: section.f64()?,
            seconds: section.f64()?,
        };
    }
    if section.len() > 0 {
        let rate = section.f64()?;
        alerts.budget = Some(read_budget(&mut section, rate)?);
    }
    section.finish()?;
    Ok(alerts)
}

/// What of the parameters is not the forest's.
pub(super) fn write_config(config: &SeriesConfig, out: &mut Writer) {
    out.f64(config.period.unwrap_or(0.0));
    out.u64(config.trailing as u64);
    out.u64(config.warm_up as u64);
    out.u64(config.episode.unwrap_or(0));
    out.f64(config.habituation.unwrap_or(0.0));
    out.f64(config.kappa);
    out.f64(config.exponent);
    out.f64(config.threshold);
    for name in [&config.time_column, &config.key_column] {
        out.u32(u32::from(name.is_some()));
        out.text(name.as_deref().unwrap_or_default());
    }
}

pub(super) fn write_columns(columns: &[String], out: &mut Writer) {
    out.u32(columns.len() as u32);
    columns.iter().for_each(|name| out.text(name));
}

fn write_context(context: &ContextState, out: &mut Writer) {
    out.u64(context.recent.len() as u64);
    context.recent.iter().for_each(|&x| out.f64(x));
    for running in [&context.all, &context.means, &context.spreads] {
        write_running(running, out);
    }
    out.u64(context.slots.len() as u64);
    context
        .slots
        .iter()
        .for_each(|slot| write_running(slot, out));
}

fn write_running(running: &Running, out: &mut Writer) {
    out.u32(running.count);
    out.f64s(&[
        running.mean,
        running.variance,
        running.least,
        running.greatest,
    ]);
}

pub(super) fn read(file: &mut Container<'_>, forest: &ForestState) -> Result<SeriesState> {
    let mut section = file.section(b"SERI")?;
    let mut config = read_config(&mut section)?;
    let rate = match forest.config.sampling {
        crate::config::Sampling::Decay { rate: Some(rate) } => rate,
        _ => return Err(section.error("its forest keeps other rows")),
    };
    config.n_trees = forest.config.n_trees;
    config.sample_size = forest.config.sample_size;
    config.time_decay = rate;
    config.seed = forest.config.seed;
    config.n_threads = forest.config.n_threads;
    let columns = read_columns(&mut section)?;
    // Before a forest is built: one without rows may be as wide as it says.
    let width = columns.len().saturating_mul(FEATURES);
    if (forest.n_features, forest.config.shingle_size) != (width, 1) {
        return Err(section.error("its forest has other columns"));
    }
    let counts = Counts {
        seen: section.u64()?,
        missing: section.u64()?,
        repeated: section.u64()?,
        backward: section.u64()?,
    };
    let timed = match section.u32()? {
        0 => None,
        1 => Some(false),
        2 => Some(true),
        other => return Err(section.error(format!("clock {other} is unknown"))),
    };
    let time = section.f64()?;
    section.finish()?;
    let mut section = file.section(b"CTXT")?;
    let mut contexts = Vec::new();
    for _ in &columns {
        contexts.push(read_context(&mut section)?);
    }
    section.finish()?;
    let mut section = file.section(b"WARM")?;
    let n = section.count()?;
    let pending = section.f64s(n)?;
    let mut frames = Vec::new();
    while section.len() > 0 {
        frames.push((section.f64()?, section.f64()?));
    }
    section.finish()?;
    let mut section = file.section(b"EVNT")?;
    let mut events = Vec::new();
    for _ in 0..section.u64()? {
        events.push(Event {
            row: section.u64()?,
            value: section.f64()?,
        });
    }
    section.finish()?;
    let alerts = read_alerts(file, &mut config)?;
    Ok(SeriesState {
        config,
        columns,
        counts,
        timed,
        time,
        contexts,
        events,
        pending,
        frames,
        alerts,
    })
}

/// The parameters, those of the forest as they are by default.
pub(super) fn read_config(section: &mut Reader<'_>) -> Result<SeriesConfig> {
    let period = some(section.f64()?);
    let (trailing, warm_up) = (section.count()?, section.count()?);
    let episode = Some(section.u64()?).filter(|&rows| rows > 0);
    let habituation = some(section.f64()?);
    Ok(SeriesConfig {
        period,
        trailing,
        warm_up,
        episode,
        habituation,
        kappa: section.f64()?,
        exponent: section.f64()?,
        threshold: section.f64()?,
        time_column: read_name(section)?,
        key_column: read_name(section)?,
        ..SeriesConfig::default()
    })
}

fn read_name(section: &mut Reader<'_>) -> Result<Option<String>> {
    let code = section.u32()?;
    let name = section.text()?;
    match (code, name.is_empty()) {
        (0, true) => Ok(None),
        (1, _) => Ok(Some(name)),
        _ => Err(section.error("a column's name that is none")),
    }
}

/// None is a zero without a sign.
fn some(x: f64) -> Option<f64> {
    Some(x).filter(|x| x.to_bits() != 0)
}

pub(super) fn read_columns(section: &mut Reader<'_>) -> Result<Vec<String>> {
    let mut columns = Vec::new();
    for _ in 0..section.u32()? {
        columns.push(section.text()?);
    }
    Ok(columns)
}

fn read_context(section: &mut Reader<'_>) -> Result<ContextState> {
    let n = section.count()?;
    let recent = section.f64s(n)?.into();
    let all = read_running(section)?;
    let means = read_running(section)?;
    let spreads = read_running(section)?;
    let mut slots = Vec::new();
    for _ in 0..section.u64()? {
        slots.push(read_running(section)?);
    }
    Ok(ContextState {
        recent,
        all,
        means,
        spreads,
        slots,
    })
}

fn read_running(section: &mut Reader<'_>) -> Result<Running> {
    Ok(Running {
        count: section.u32()?,
        mean: section.f64()?,
        variance: section.f64()?,
        least: section.f64()?,
        greatest: section.f64()?,
    })
}

/// A set's own sections; each series follows as a file of its own.
pub(super) fn write_set(set: &SeriesSet, files: &[(&str, u64, Vec<u8>)], out: &mut Sections) {
    let config = set.config();
    let mut section = Writer::default();
    section.u64s(&[config.n_trees as u64, config.sample_size as u64]);
    section.f64(config.time_decay);
    section.u64(config.seed);
    write_config(config, &mut section);
    write_columns(set.columns(), &mut section);
    section.u64s(&[set.max_series() as u64, set.n_seen(), set.n_dropped()]);
    out.add(*b"SSET", section);
    out.add(*b"NOTE", forest::notes(set.notes()));
    let (mut keys, mut all) = (Writer::default(), Writer::default());
    keys.u64(files.len() as u64);
    for (key, last, file) in files {
        keys.text(key);
        keys.u64s(&[*last, file.len() as u64]);
        all.bytes(file);
    }
    out.add(*b"SKEY", keys);
    out.add(*b"SALL", all);
    write_alerts(config, set.alerts(), out);
}

/// Reads a set; `series` reads one of its series from its file.
pub(super) fn read_set(
    file: &mut Container<'_>,
    mut series: impl FnMut(&[u8]) -> Result<SeriesDetector>,
) -> Result<SeriesSet> {
    let mut section = file.section(b"SSET")?;
    let (n_trees, sample_size) = (section.count()?, section.count()?);
    let (time_decay, seed) = (section.f64()?, section.u64()?);
    let mut config = SeriesConfig {
        n_trees,
        sample_size,
        time_decay,
        seed,
        ..read_config(&mut section)?
    };
    let columns = read_columns(&mut section)?;
    let max_series = section.count()?;
    let (n_seen, n_dropped) = (section.u64()?, section.u64()?);
    section.finish()?;
    let notes = forest::read_notes(file.section(b"NOTE")?)?;
    let mut keys = file.section(b"SKEY")?;
    let mut all = file.section(b"SALL")?;
    let mut kept = Vec::new();
    for _ in 0..keys.u64()? {
        let key = keys.text()?;
        let last = keys.u64()?;
        let length = keys.count()?;
        kept.push((key, last, series(all.bytes(length)?)?));
    }
    keys.finish()?;
    all.finish()?;
    let alerts = read_alerts(file, &mut config)?;
    file.finish()?;
    let mut set = SeriesSet::new(config, columns, max_series)
        .map_err(|error| Error::file(error.to_string()))?;
    set.set_notes(notes)
        .map_err(|error| Error::file(error.to_string()))?;
    set.fill(n_seen, n_dropped, kept, alerts)?;
    Ok(set)
}
