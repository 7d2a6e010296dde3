//! One SIM's sessions in the order of time.

use crate::behaviour::live;
use crate::families::{DATA, Family};
use crate::incidents::{Kind, strike};
use crate::session::Session;
use crate::upkeep::{exchange, renew, visit};
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
    let moves = sim.family == Family::Tracker;
    world.events.strike(moves, sessions, &mut rng);
    renew(world, sim, &mut rng, sessions);
    exchange(world, sim, &mut rng, sessions);
    visit(world, sim, &mut rng, sessions);
    for session in sessions.iter_mut() {
        session.start -= session.start.rem_euclid(1000);
        session.end -= session.end.rem_euclid(1000);
    }
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
