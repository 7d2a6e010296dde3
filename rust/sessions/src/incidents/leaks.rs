//! Data that leaves slowly.

use super::Part;
use crate::clock::{DAY, HOUR, seconds};
use crate::session::Session;

/// A few uplink sessions each night, a little more each time.
pub(super) fn leak(part: &mut Part, sessions: &mut Vec<Session>) {
    let (onset, end) = (part.incident.onset, part.incident.end);
    let a_night = part.by_strength(2.0, 6.0);
    let share = part.by_strength(0.25, 6.0);
    let volume = (part.usual.up * share).max(8000.0) / a_night;
    let mut night = onset - onset.rem_euclid(DAY) + 22 * HOUR;
    let mut nights = 0;
    while night < end {
        let n = (a_night * part.rng.range(0.7, 1.4)).round().max(1.0) as usize;
        let growth = 1.0 + 0.15 * f64::from(nights);
        let mut time = night + seconds(part.rng.range(0.0, 2.0) * 3600.0);
        for _ in 0..n {
            let up = part.rng.lognormal(volume * growth, 0.35);
            let down = up * part.rng.range(0.01, 0.08);
            let rate = part.rng.magnitude(8_000.0, 90_000.0);
            let length = (up / rate).clamp(15.0, 2400.0);
            let session = part.data(time, seconds(length), (up, down));
            time = session.end + seconds(part.rng.range(0.1, 1.3) * 3600.0);
            sessions.push(session);
        }
        night += DAY;
        nights += 1;
    }
}
