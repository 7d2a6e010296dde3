//! What a series detector is but for its forest, and how one comes of it.

use super::alerts::Alerts;
use super::config::{FEATURES, MAX_SERIES_VALUE, SeriesConfig};
use super::context::{ALL_ROWS, ContextState, Running, SLOT_ROWS};
use super::detector::{Clock, Counts, SeriesDetector};
use super::events::{Event, Events};
use crate::error::{Error, Result};
use crate::forest::Forest;

/// What a model file holds of a series detector beside its forest.
#[derive(Clone, Debug, PartialEq)]
pub struct SeriesState {
    /// The parameters.
    pub config: SeriesConfig,
    /// The columns' names.
    pub columns: Vec<String>,
    /// What rows were like.
    pub counts: Counts,
    /// Whether rows have times; not known before the first.
    pub timed: Option<bool>,
    /// The last row's time; 0 without one.
    pub time: f64,
    /// Each column's past.
    pub contexts: Vec<ContextState>,
    /// Events that still count.
    pub events: Vec<Event>,
    /// Features of the warm-up's rows, until it is over.
    pub pending: Vec<f64>,
    /// Where each column is thought to begin, and its unit; empty during the warm-up.
    pub frames: Vec<(f64, f64)>,
    /// What decides which rows are alerts.
    pub alerts: Alerts,
}

impl SeriesDetector {
    /// What it is, but for its forest.
    pub fn to_state(&self) -> SeriesState {
        let (timed, time) = match self.clock {
            Clock::Unknown => (None, 0.0),
            Clock::Absent => (Some(false), 0.0),
            Clock::At(time) => (Some(true), time),
        };
        SeriesState {
            config: self.config.clone(),
            columns: self.columns.clone(),
            counts: self.counts,
            timed,
            time,
            contexts: self.contexts.clone(),
            events: self.events.past.iter().copied().collect(),
            pending: self.pending.clone(),
            frames: self.frames.clone(),
            alerts: self.alerts.clone(),
        }
    }

    /// The detector that a state and a forest make. Nothing is trusted. The number of
    /// threads is the forest's.
    ///
    /// # Errors
    /// [`Error::ModelFile`] says what does not hold together.
    pub fn from_state(mut state: SeriesState, forest: Forest) -> Result<SeriesDetector> {
        state.config.n_threads = forest.config().n_threads;
        state.check(&forest)?;
        let clock = match state.timed {
            None => Clock::Unknown,
            Some(false) => Clock::Absent,
            Some(true) => Clock::At(state.time),
        };
        Ok(SeriesDetector {
            config: state.config,
            columns: state.columns,
            forest,
            contexts: state.contexts,
            events: Events {
                past: state.events.into(),
            },
            counts: state.counts,
            clock,
            pending: state.pending,
            frames: state.frames,
            alerts: state.alerts,
        })
    }
}

impl SeriesState {
    fn check(&self, forest: &Forest) -> Result<()> {
        let wrong = |message: &str| Err(Error::file(message));
        let n = self.columns.len();
        let config = &self.config;
        config
            .validate(n)
            .map_err(|error| Error::file(error.to_string()))?;
        if *forest.config() != config.forest() || forest.n_features() != n * FEATURES {
            return wrong("the series detector's parameters are not those of its forest");
        }
        let Counts {
            seen,
            missing,
            repeated,
            backward,
        } = self.counts;
        if missing > seen || repeated.checked_add(backward).is_none_or(|n| n > seen) {
            return wrong("the series' rows are counted wrong");
        }
        let learnt = seen - missing;
        let clock = match self.timed {
            None => seen == 0 && self.time == 0.0,
            Some(false) => seen > 0 && self.time == 0.0 && repeated + backward == 0,
            Some(true) => seen > 0 && self.time.is_finite(),
        };
        // What is 0 is written in one way.
        if !clock || (self.timed != Some(true) && self.time.to_bits() != 0) {
            return wrong("the series' clock shows what it cannot");
        }
        let warm = learnt >= config.warm_up as u64;
        let (pending, frames, held) = match warm {
            true => (0, n, learnt),
            false => (learnt as usize * n * FEATURES, 0, 0),
        };
        if self.pending.len() != pending
            || self.frames.len() != frames
            || forest.n_seen() != held
            || (warm && forest.tree_mass(0) != Some(learnt.min(config.sample_size as u64)))
        {
            return wrong("the series' forest has not learnt its rows");
        }
        let known = |x: &f64| x.abs() <= 10.0 * MAX_SERIES_VALUE;
        let frame = |(origin, unit): &(f64, f64)| {
            known(origin) && known(unit) && *unit >= f64::MIN_POSITIVE && (n > 1 || *unit == 1.0)
        };
        if !self.pending.iter().all(known) || !self.frames.iter().all(frame) {
            return wrong("the series' columns have units that are none");
        }
        if self.contexts.len() != n {
            return wrong("the series' columns are not those of its context");
        }
        let recent = learnt.min(config.trailing as u64) as usize;
        for context in &self.contexts {
            let ContextState {
                recent: values,
                all,
                means,
                spreads,
                slots,
            } = context;
            let whole = [all, means, spreads];
            let count = learnt.min(u64::from(ALL_ROWS)) as u32;
            if values.len() != recent
                || !values.iter().all(known)
                || !whole.iter().all(|r| r.count == count && is_sound(r))
                || slots.len() != config.n_slots()
                || !slots.iter().all(|r| r.count <= SLOT_ROWS && is_sound(r))
            {
                return wrong("the series' context does not fit its rows");
            }
        }
        let scored = learnt.saturating_sub(config.warm_up as u64);
        if ![0, scored].contains(&self.alerts.n_scored) || !self.alerts.is_sound(config) {
            return wrong("what the series' threshold rests on does not hold together");
        }
        self.check_events(learnt)
    }

    fn check_events(&self, learnt: u64) -> Result<()> {
        let config = &self.config;
        let apart = |events: &[Event]| {
            let length = config.episode.unwrap_or_default();
            events[1].row > events[0].row && events[1].row - events[0].row > length
        };
        let sound = |event: &Event| {
            event.row >= config.warm_up as u64
                && event.row < learnt
                && event.value > 0.0
                && event.value.is_finite()
        };
        if self.events.len() > config.most_events()
            || !self.events.iter().all(sound)
            || !self.events.windows(2).all(apart)
        {
            return Err(Error::file("the series' events are none"));
        }
        Ok(())
    }
}

fn is_sound(running: &Running) -> bool {
    let Running {
        count,
        mean,
        variance,
        least,
        greatest,
    } = *running;
    let values = [mean, least, greatest];
    let known = values.iter().all(|x| x.abs() <= 10.0 * MAX_SERIES_VALUE);
    let sound = known && (0.0..=1e61).contains(&variance) && least <= greatest;
    sound
        && (count > 0
            || *running == Running::default()
                && ![mean, variance, least, greatest].iter().any(signed))
}

/// Whether a zero would be written in another way.
fn signed(x: &f64) -> bool {
    x.is_sign_negative()
}
