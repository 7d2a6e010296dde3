//! SIMs that are used in other devices: stolen, taken abroad, put into a router.

use super::Part;
use crate::clock::{DAY, HOUR, MINUTE, seconds};
use crate::families::{LTE, cause};
use crate::places::{CITIES, Cell};
use crate::session::Session;

/// A cell of the incident's city.
pub(super) fn cell_there(part: &mut Part) -> Cell {
    let city = &CITIES[part.incident.city];
    let lat = city.lat + 0.04 * part.rng.normal();
    let lon = city.lon + 0.06 * part.rng.normal();
    Cell::at(part.incident.operator, part.incident.city, lat, lon)
}

/// The device has no SIM any more; a thief has, mostly in the evening, mostly downlink.
pub(super) fn stolen(part: &mut Part, sessions: &mut Vec<Session>) {
    let (onset, end) = (part.incident.onset, part.incident.end);
    // Blocked in the end, or given back.
    let gone = if part.rng.chance(0.5) {
        part.world.to
    } else {
        end
    };
    sessions.retain(|s| s.start < onset || s.start >= gone);
    let other_device = part.rng.chance(0.8);
    let other_apn = part.rng.chance(0.2 + 0.5 * part.incident.strength);
    let a_day = part.by_strength(5.0, 28.0);
    let volume = (part.usual.up + part.usual.down) * part.by_strength(3.0, 150.0);
    let volume = volume.clamp(3e5, 6e9) / a_day;
    let mut cell = cell_there(part);
    let mut time = onset + seconds(part.rng.range(0.05, 3.0) * 3600.0);
    while time < end {
        let evening = matches!(part.hour(time), 17..=23 | 0);
        if part.rng.chance(if evening { 1.0 } else { 0.3 }) {
            if part.rng.chance(0.15) {
                cell = cell_there(part);
            }
            let down = part.rng.lognormal(volume, 0.9);
            let up = down * part.rng.range(0.04, 0.18);
            let length = seconds(part.rng.lognormal(420.0, 0.9));
            let mut session = part.data(time, length, (up, down));
            session.cell = cell;
            session.rat = LTE;
            session.cause = if part.rng.chance(0.3) {
                cause::IDLE
            } else {
                cause::NORMAL
            };
            if other_device {
                session.device = 2;
            }
            if other_apn {
                session.apn = part.world.other_apn(0);
            }
            time = session.end;
            sessions.push(session);
        }
        time += seconds(part.rng.exponential() * 0.55 * 86_400.0 / a_day) + MINUTE / 2;
    }
}

/// In another country for good, with more use the stronger it is.
pub(super) fn roaming(part: &mut Part, sessions: &mut Vec<Session>) {
    let onset = part.incident.onset + seconds(part.rng.exponential() * 5400.0);
    let end = part.incident.end;
    let times = part.by_strength(0.8, 25.0);
    let other_device = part.rng.chance(0.15 + 0.5 * part.incident.strength);
    let a_day = (part.usual.sessions * part.by_strength(0.7, 1.8)).clamp(4.0, 24.0);
    // Travelling there takes a while.
    let away = onset - 4 * HOUR;
    sessions.retain(|s| s.start < away || s.start >= end + 5 * HOUR);
    let mut cell = cell_there(part);
    let (up, down) = (
        part.usual.up * times / a_day,
        part.usual.down * times / a_day,
    );
    let mut time = onset;
    while time < end {
        if part.rng.chance(0.1) {
            cell = cell_there(part);
        }
        let bytes = (part.rng.lognormal(up, 0.6), part.rng.lognormal(down, 0.7));
        let length = seconds(part.rng.lognormal(40.0, 0.9));
        let mut session = part.data(time, length, bytes);
        session.cell = cell;
        if other_device {
            session.device = 2;
        }
        time = session.end + seconds(part.rng.exponential() * 86_400.0 / a_day) + MINUTE / 3;
        sessions.push(session);
    }
}

/// A household behind the SIM: long sessions, some at the same time, busy evenings.
pub(super) fn tariff(part: &mut Part, sessions: &mut Vec<Session>) {
    let (onset, end) = (part.incident.onset, part.incident.end);
    let keeps = part.rng.chance(0.4);
    if !keeps {
        sessions.retain(|s| s.start < onset || s.start >= end);
    }
    let other_device = part.rng.chance(0.55);
    let other_apn = part.rng.chance(0.4);
    let a_day = part.by_strength(3e6, 3e9);
    let lines = if part.incident.strength < 0.25 { 1 } else { 2 };
    for line in 0..lines {
        let mut time = onset + seconds(part.rng.range(0.0, 4.0) * 3600.0);
        while time < end {
            let busy = match part.hour(time) {
                18..=23 => 2.2,
                1..=6 => 0.1,
                _ => 0.8,
            };
            let hours = part.rng.lognormal(2.2, 0.5).min(9.0);
            let down = part
                .rng
                .lognormal(a_day / 14.0 / lines as f64 * busy * hours, 0.6);
            let up = down * part.rng.range(0.05, 0.16);
            let mut session = part.data(time, seconds(hours * 3600.0), (up, down));
            session.end = session.end.min(time + DAY);
            session.rat = LTE;
            session.cause = if part.rng.chance(0.4) {
                cause::TIMEOUT
            } else {
                cause::NORMAL
            };
            if other_device {
                session.device = 2 + line;
            }
            if other_apn {
                session.apn = part.world.other_apn(1);
            }
            time = session.end + seconds(part.rng.exponential() * 1200.0) + MINUTE / 6;
            sessions.push(session);
        }
    }
}
