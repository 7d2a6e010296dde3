//! What is done to devices by those who own them: new software, exchange, configuration.

use crate::clock::{DAY, HOUR, MINUTE, SECOND, seconds};
use crate::families::{DATA, Family, cause};
use crate::rng::Rng;
use crate::session::Session;
use crate::world::{Sim, World};

/// The data session before a time, and how long its device stays there: for ever if it does not
/// move; until its next session if it is parked; none if it is on the road.
fn still(sim: &Sim, sessions: &[Session], at: i64) -> Option<(Session, i64)> {
    let data = || sessions.iter().filter(|s| s.service == DATA);
    let before = data().filter(|s| s.start < at).max_by_key(|s| s.start)?;
    if sim.family != Family::Tracker {
        return Some((*before, i64::MAX));
    }
    let next = data().filter(|s| s.start >= at).min_by_key(|s| s.start)?;
    (next.cell == before.cell).then_some((*before, next.start))
}

/// A time in working hours of some day.
fn working_hour(world: &World, rng: &mut Rng) -> i64 {
    let day = world.from + rng.below(world.params.days as usize) as i64 * DAY;
    day + 7 * HOUR + seconds(rng.range(0.0, 9.0) * 3600.0)
}

/// New software: a large download, a restart, another version from then on.
pub(crate) fn renew(world: &World, sim: &Sim, rng: &mut Rng, sessions: &mut Vec<Session>) {
    for (at, spread) in &world.customers[sim.customer].rollouts {
        let at = at + (rng.uniform() * *spread as f64) as i64;
        let at = at - at.rem_euclid(1000);
        let size = rng.lognormal(sim.family.firmware_bytes(), 0.1);
        let rate = rng.magnitude(8e3, 4e5);
        let missed = rng.chance(0.04);
        if at < sim.from || missed {
            continue;
        }
        let Some((model, until)) = still(sim, sessions, at) else {
            continue;
        };
        for session in sessions.iter_mut().filter(|s| s.start >= at) {
            session.firmware = session.firmware.saturating_add(1);
        }
        let end = at + seconds((size / rate).clamp(20.0, 3000.0));
        let again = end + MINUTE;
        if again < until {
            sessions.push(Session {
                start: at,
                end,
                up: (size * 0.02) as i64,
                down: size as i64,
                cause: cause::NORMAL,
                ..model
            });
            sessions.push(Session {
                start: again,
                end: again + 8 * SECOND,
                up: 2500,
                down: 1200,
                cause: cause::NORMAL,
                firmware: model.firmware.saturating_add(1),
                ..model
            });
        }
    }
}

/// A technician's visit: another device in the same place, tried at once.
pub(crate) fn exchange(world: &World, sim: &Sim, rng: &mut Rng, sessions: &mut Vec<Session>) {
    let days = (world.to - sim.from) as f64 / DAY as f64;
    if !rng.chance(0.0015 * days) {
        return;
    }
    let at = working_hour(world, rng);
    let off = at - seconds(rng.range(0.2, 2.0) * 3600.0);
    let Some((model, until)) = still(sim, sessions, at) else {
        return;
    };
    sessions.retain(|s| s.start < off || s.start >= at);
    for session in sessions.iter_mut().filter(|s| s.start >= at) {
        session.device = 1;
    }
    let mut time = at;
    for _ in 0..rng.count(1, 4) {
        if time >= until {
            break;
        }
        sessions.push(Session {
            start: time,
            end: time + seconds(rng.lognormal(25.0, 0.6)).max(1000),
            up: rng.lognormal(4000.0, 0.8) as i64,
            down: rng.lognormal(6000.0, 1.0) as i64,
            cause: cause::NORMAL,
            device: 1,
            ..model
        });
        time += seconds(rng.range(60.0, 400.0));
    }
}

/// Somebody tries something, or configures in many steps: much in an hour, and nothing is wrong.
pub(crate) fn visit(world: &World, sim: &Sim, rng: &mut Rng, sessions: &mut Vec<Session>) {
    let days = (world.to - sim.from) as f64 / DAY as f64;
    if !rng.chance(0.001 * days) {
        return;
    }
    let mut time = working_hour(world, rng);
    let Some((model, until)) = still(sim, sessions, time) else {
        return;
    };
    let size = rng.magnitude(300.0, 40_000.0);
    let gap = rng.magnitude(15.0, 200.0);
    for _ in 0..rng.count(6, 28) {
        let length = seconds(rng.lognormal(9.0, 0.7)).max(1000);
        time += length + seconds(gap * (0.3 + rng.exponential()));
        if time >= until {
            break;
        }
        let failed = rng.chance(0.2);
        sessions.push(Session {
            start: time,
            end: time + length,
            up: rng.lognormal(size, 0.8) as i64,
            down: rng.lognormal(size, 0.9) as i64,
            cause: if failed { cause::ERROR } else { cause::NORMAL },
            ..model
        });
    }
}
