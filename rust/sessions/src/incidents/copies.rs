//! SIMs that are in two places at once, and devices that are nowhere.

use super::Part;
use super::theft::cell_there;
use crate::clock::{HOUR, MINUTE, seconds};
use crate::session::Session;

/// The copy lives elsewhere while the original goes on.
pub(super) fn cloned(part: &mut Part, sessions: &mut Vec<Session>) {
    let (onset, end) = (part.incident.onset, part.incident.end);
    let other_device = part.rng.chance(0.75);
    let a_day = part.by_strength(5.0, 26.0);
    let times = part.by_strength(0.4, 12.0);
    let (up, down) = (part.usual.up, part.usual.down * part.rng.range(0.5, 3.0));
    let sessions_a_day = part.usual.sessions;
    let originals: Vec<(i64, i64)> = sessions
        .iter()
        .filter(|s| (onset..end).contains(&s.start))
        .map(|s| (s.start, s.end))
        .collect();
    let mut cell = cell_there(part);
    let mut time = onset;
    while time < end {
        let mut start = time;
        // A copy that is used at the same hours meets the original now and then.
        if !originals.is_empty() && part.rng.chance(0.35) {
            let (from, to) = originals[part.rng.below(originals.len())];
            start = from + (part.rng.uniform() * (to - from) as f64) as i64;
        }
        if part.rng.chance(0.1) {
            cell = cell_there(part);
        }
        let bytes = (
            part.rng.lognormal(up * times / sessions_a_day, 0.7),
            part.rng.lognormal(down * times / sessions_a_day, 0.8),
        );
        let length = seconds(part.rng.lognormal(60.0, 1.0));
        let mut session = part.data(start, length, bytes);
        session.cell = cell;
        if other_device {
            session.device = 2;
        }
        sessions.push(session);
        time += seconds(part.rng.exponential() * 86_400.0 / a_day) + MINUTE;
    }
}

/// Nothing for many usual gaps; whoever comes back is labelled once.
pub(super) fn silent(part: &mut Part, sessions: &mut Vec<Session>) {
    let onset = part.incident.onset + seconds(part.rng.exponential() * 900.0);
    let gap = (24.0 / part.usual.sessions * HOUR as f64) as i64;
    let least = (part.by_strength(6.0, 20.0) * gap as f64) as i64;
    let to = part.world.to;
    let until = if part.incident.returns {
        let late = to - (to - onset).max(0) / 6;
        part.incident.end.max(onset + least).min(late)
    } else {
        to
    };
    sessions.retain(|s| s.start < onset || s.start >= until);
    if let Some(back) = sessions.iter_mut().find(|s| s.start >= until) {
        back.incident = part.incident.number;
    }
}
