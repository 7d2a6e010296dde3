//! One SIM's sessions in the order of time.

use crate::behaviour::live;
use crate::clock::{DAY, HOUR, MINUTE, seconds};
use crate::families::{DATA, cause};
use crate::incidents::{Kind, strike};
use crate::rng::Rng;
use crate::session::Session;
use crate::world::{Sim, World};

const LIFE: u64 = 31;
const SERVICE: u64 = 32;

/// Makes the sessions of a SIM, in the order of their start.
pub fn timeline(world: &World, sim: &Sim, sessions: &mut Vec<Session>) {
    sessions.clear();
    live(
        world,
        sim,
        world.stream(LIFE, u64::from(sim.number)),
        sessions,
    );
    let mut rng = world.stream(SERVICE, u64::from(sim.number));
    world.events.strike(sessions, &mut rng);
    renew(world, sim, &mut rng, sessions);
    exchange(world, sim, &mut rng, sessions);
    visit(world, sim, &mut rng, sessions);
    sessions.sort_by_key(|session| session.start);
    part(sessions);
    for incident in world.incidents_of(sim.number) {
        strike(world, incident, sim, sessions);
        sessions.sort_by_key(|session| session.start);
        if !matches!(incident.kind, Kind::Clone | Kind::TariffAbuse) {
            part(sessions);
        }
    }
    sessions.retain(|session| (sim.from..world.to).contains(&session.start));
}

/// New software: a large download, a restart, another version from then on.
fn renew(world: &World, sim: &Sim, rng: &mut Rng, sessions: &mut Vec<Session>) {
    let customer = &world.customers[sim.customer];
    for (at, spread) in &customer.rollouts {
        let at = at + (rng.uniform() * *spread as f64) as i64;
        let at = at - at.rem_euclid(1000);
        let size = rng.lognormal(sim.family.firmware_bytes(), 0.1);
        let rate = rng.magnitude(8e3, 4e5);
        let late = rng.chance(0.04);
        if at < sim.from || late {
            continue;
        }
        let before = sessions
            .iter()
            .filter(|s| s.start < at && s.service == DATA);
        let Some(model) = before.max_by_key(|s| s.start).copied() else {
            continue;
        };
        let (firmware, cell) = (model.firmware, model.cell);
        let next = firmware.saturating_add(1);
        for session in sessions.iter_mut().filter(|s| s.start >= at) {
            session.firmware = session.firmware.saturating_add(1);
        }
        let length = seconds((size / rate).clamp(20.0, 3000.0));
        let mut load = Session::data(at, length, (size * 0.02, size), cell);
        (load.apn, load.rat, load.device, load.firmware) =
            (model.apn, model.rat, model.device, firmware);
        let mut hello = Session::data(load.end + MINUTE, 8 * 1_000_000, (2500.0, 1200.0), cell);
        (hello.apn, hello.rat, hello.device, hello.firmware) =
            (model.apn, model.rat, model.device, next);
        sessions.push(load);
        sessions.push(hello);
    }
}

/// A technician's visit: another device in the same place, tried at once.
fn exchange(world: &World, sim: &Sim, rng: &mut Rng, sessions: &mut Vec<Session>) {
    let days = (world.to - sim.from) as f64 / DAY as f64;
    if !rng.chance(0.0015 * days) {
        return;
    }
    let day = world.from / DAY + rng.below(world.params.days as usize) as i64;
    let at = day * DAY + 7 * HOUR + rng.below(9 * 3600) as i64 * 1_000_000;
    let before = at - (rng.range(0.2, 2.0) * HOUR as f64) as i64;
    sessions.retain(|s| s.start < before || s.start >= at);
    let Some(model) = sessions
        .iter()
        .filter(|s| s.start < at)
        .max_by_key(|s| s.start)
        .copied()
    else {
        return;
    };
    for session in sessions.iter_mut().filter(|s| s.start >= at) {
        session.device = 1;
    }
    for attempt in 0..rng.count(1, 4) {
        let start = at + attempt as i64 * rng.count(60, 400) as i64 * 1_000_000;
        let bytes = (rng.lognormal(4000.0, 0.8), rng.lognormal(6000.0, 1.0));
        let mut trial = Session::data(start, seconds(rng.lognormal(25.0, 0.6)), bytes, model.cell);
        (trial.apn, trial.rat, trial.firmware, trial.device) =
            (model.apn, model.rat, model.firmware, 1);
        sessions.push(trial);
    }
}

/// A technician who tries, or a configuration in many steps: much in an hour, and nothing is wrong.
fn visit(world: &World, sim: &Sim, rng: &mut Rng, sessions: &mut Vec<Session>) {
    let days = (world.to - sim.from) as f64 / DAY as f64;
    if !rng.chance(0.001 * days) {
        return;
    }
    let day = world.from / DAY + rng.below(world.params.days as usize) as i64;
    let at = day * DAY + 7 * HOUR + seconds(rng.range(0.0, 9.0) * 3600.0);
    let before = sessions
        .iter()
        .filter(|s| s.start < at && s.service == DATA);
    let Some(model) = before.max_by_key(|s| s.start).copied() else {
        return;
    };
    let size = rng.magnitude(300.0, 40_000.0);
    let gap = rng.magnitude(15.0, 200.0);
    let mut time = at;
    for _ in 0..rng.count(6, 28) {
        let bytes = (rng.lognormal(size, 0.8), rng.lognormal(size, 0.9));
        let length = seconds(rng.lognormal(9.0, 0.7));
        time += length + seconds(gap * (0.3 + rng.exponential()));
        sessions.push(Session {
            start: time,
            end: time + length.max(1000),
            up: bytes.0 as i64,
            down: bytes.1 as i64,
            cause: if rng.chance(0.2) {
                cause::ERROR
            } else {
                cause::NORMAL
            },
            ..model
        });
    }
}

/// A healthy device has one data session at a time: the next one ends it.
fn part(sessions: &mut [Session]) {
    let mut open: Option<usize> = None;
    for at in 0..sessions.len() {
        if sessions[at].service != DATA {
            continue;
        }
        let start = sessions[at].start;
        if let Some(before) = open {
            let before = &mut sessions[before];
            if before.end > start {
                before.end = (start - 1000).max(before.start);
            }
        }
        open = Some(at);
    }
}
