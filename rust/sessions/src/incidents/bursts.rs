//! Very many sessions in a short time: attacks, endless reconnection, messages.

use super::Part;
use crate::clock::seconds;
use crate::families::cause;
use crate::session::Session;

/// Short uplink sessions one after the other, on many SIMs of a fleet at about the same time.
pub(super) fn botnet(part: &mut Part, sessions: &mut Vec<Session>) {
    let late = seconds(part.rng.exponential() * 500.0);
    let (from, to) = (part.incident.onset + late, part.incident.end);
    let an_hour = part.by_strength(4.0, 22.0) * part.rng.lognormal(1.0, 0.25);
    let sent = part.by_strength(4e4, 6e6);
    // A device gets no further than so many before it is cut off.
    let most = part.rng.count(10, 30);
    let mut time = from;
    for _ in 0..most {
        if time >= to {
            break;
        }
        let up = part.rng.lognormal(sent, 0.6);
        let down = up * part.rng.range(0.01, 0.12);
        let length = seconds(part.rng.lognormal(14.0, 0.7));
        let mut session = part.data(time, length, (up, down));
        session.cause = [
            cause::NORMAL,
            cause::LOST_CARRIER,
            cause::ADMIN,
            cause::ERROR,
        ][part.rng.weighted(&[0.7, 0.1, 0.05, 0.15])];
        time = session.end + seconds(part.rng.exponential() * 3600.0 / an_hour) + seconds(2.0);
        sessions.push(session);
    }
}

/// Tiny or empty sessions at nearly regular times, most of them ended badly.
pub(super) fn storm(part: &mut Part, sessions: &mut Vec<Session>) {
    let late = seconds(part.rng.exponential() * 300.0);
    let (from, to) = (part.incident.onset + late, part.incident.end);
    let gap = part.by_strength(260.0, 25.0) * part.rng.lognormal(1.0, 0.2);
    let jitter = part.rng.range(0.03, 0.35);
    let bad = part.rng.range(0.45, 0.97);
    let most = part.rng.count(60, 170);
    let empty = part.rng.range(0.3, 0.95);
    sessions.retain(|s| s.start < from || s.start >= to);
    let mut time = from;
    for _ in 0..most {
        if time >= to {
            break;
        }
        let bytes = if part.rng.chance(empty) {
            (0.0, 0.0)
        } else {
            (part.rng.range(40.0, 600.0), part.rng.range(0.0, 400.0))
        };
        let length = seconds(part.rng.exponential() * 4.0);
        let mut session = part.data(time, length, bytes);
        session.cause = if part.rng.chance(bad) {
            [
                cause::LOST_CARRIER,
                cause::ERROR,
                cause::REJECTED,
                cause::LOST_SERVICE,
            ][part.rng.weighted(&[0.4, 0.25, 0.25, 0.1])]
        } else {
            cause::NORMAL
        };
        let off = (jitter * part.rng.normal()).clamp(-0.8, 2.0);
        time = session.end + seconds((gap * (1.0 + off)).max(2.0));
        sessions.push(session);
    }
}

/// Messages sent, a few at a time, between the SIM's usual sessions.
pub(super) fn pumping(part: &mut Part, sessions: &mut Vec<Session>) {
    let (from, to) = (part.incident.onset, part.incident.end);
    let an_hour = part.by_strength(4.0, 60.0);
    let at_once = part.by_strength(1.2, 12.0);
    let most = part.rng.count(30, 110);
    let mut time = from + seconds(part.rng.exponential() * 240.0);
    for _ in 0..most {
        if time >= to {
            break;
        }
        let mut session = part.data(time, 0, (0.0, 0.0));
        session.service = crate::families::SMS;
        session.end = session.start;
        session.sms_mo = (at_once * part.rng.exponential()).clamp(1.0, 200.0) as u16;
        sessions.push(session);
        time += seconds(part.rng.exponential() * 3600.0 / an_hour) + seconds(1.0);
    }
}
