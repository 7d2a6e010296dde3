//! Frauds and faults: when they begin, how long they last, whom they befall, how strong they are.
//!
//! Strengths are spread evenly from nearly hidden to obvious. Only sessions that an
//! incident makes or changes carry its label; the SIM's others do not.

mod bursts;
mod copies;
mod leaks;
mod theft;

use crate::clock::{DAY, HOUR};
use crate::families::Family;
use crate::places::{ABROAD, CITIES, COUNTRIES, Operator, kilometres};
use crate::rng::Rng;
use crate::session::Session;
use crate::world::{Sim, World};

/// What an incident is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// A SIM taken out of its device and used for data.
    StolenSim,
    /// A copy used elsewhere at the same time.
    Clone,
    /// Devices of a fleet made to attack.
    Botnet,
    /// Devices that reconnect without end.
    ReconnectStorm,
    /// SIMs used in a network where the fleet never was.
    RoamingMisuse,
    /// Messages sent for money.
    SmsPumping,
    /// Data that leaves at night.
    Exfiltration,
    /// A device that stops.
    SilentDevice,
    /// A SIM in a router, used as broadband.
    TariffAbuse,
}

impl Kind {
    /// All of them, in the order of their numbers.
    pub const ALL: [Kind; 9] = [
        Kind::StolenSim,
        Kind::Clone,
        Kind::Botnet,
        Kind::ReconnectStorm,
        Kind::RoamingMisuse,
        Kind::SmsPumping,
        Kind::Exfiltration,
        Kind::SilentDevice,
        Kind::TariffAbuse,
    ];

    /// The label of its sessions.
    #[must_use]
    pub fn label(self) -> &'static str {
        [
            "stolen_sim",
            "clone",
            "botnet",
            "reconnect_storm",
            "roaming_misuse",
            "sms_pumping",
            "exfiltration",
            "silent_device",
            "tariff_abuse",
        ][self as usize]
    }

    /// Families that it befalls, how many SIMs at once, and hours that it lasts.
    fn habits(self) -> (&'static [Family], (f64, f64), (f64, f64)) {
        use Family::{Alarm, Camera, Meter, Pos, Router, Tracker};
        match self {
            Kind::StolenSim => (
                &[Meter, Pos, Alarm, Tracker, Camera],
                (1.0, 1.0),
                (10.0, 72.0),
            ),
            Kind::Clone => (
                &[Meter, Pos, Tracker, Alarm, Router],
                (1.0, 1.0),
                (12.0, 72.0),
            ),
            Kind::Botnet => (&[Camera, Router, Alarm], (4.0, 18.0), (0.7, 5.0)),
            Kind::ReconnectStorm => (&[Meter, Tracker, Alarm, Pos], (1.0, 4.0), (0.8, 5.0)),
            Kind::RoamingMisuse => (&[Tracker, Meter, Alarm, Pos], (1.0, 6.0), (18.0, 96.0)),
            Kind::SmsPumping => (&[Meter, Alarm, Tracker, Pos], (1.0, 4.0), (1.0, 12.0)),
            Kind::Exfiltration => (&[Camera, Router, Pos, Meter], (1.0, 2.0), (50.0, 120.0)),
            Kind::SilentDevice => (&[Meter, Alarm, Pos, Camera], (1.0, 4.0), (16.0, 50.0)),
            Kind::TariffAbuse => (&[Meter, Pos, Alarm, Tracker], (1.0, 2.0), (20.0, 96.0)),
        }
    }
}

/// One incident.
#[derive(Clone, Debug)]
pub struct Incident {
    /// Its number, from 1.
    pub number: u32,
    /// What it is.
    pub kind: Kind,
    /// When it begins.
    pub onset: i64,
    /// When it ends, at the latest.
    pub end: i64,
    /// From 0, nearly hidden, to 1, obvious.
    pub strength: f64,
    /// Numbers of the SIMs that it befalls.
    pub sims: Vec<u32>,
    /// City where the SIMs are used, if they are moved.
    pub city: usize,
    /// Network used there.
    pub operator: Operator,
    /// Whether a silent device comes back.
    pub returns: bool,
}

impl Incident {
    /// What happened, in words.
    #[must_use]
    pub fn words(&self) -> String {
        let hours = (self.end - self.onset) as f64 / HOUR as f64;
        let sims = match self.sims.len() {
            1 => "one SIM".to_owned(),
            n => format!("{n} SIMs of a fleet"),
        };
        let strength = match self.strength {
            s if s < 0.33 => "faint",
            s if s < 0.67 => "clear",
            _ => "strong",
        };
        let network = self.operator.text();
        let what = match self.kind {
            Kind::StolenSim => format!("taken out and used for data in network {network}"),
            Kind::Clone => format!("copied; the copy is used in network {network}"),
            Kind::Botnet => "made to attack: bursts of short uplink sessions".to_owned(),
            Kind::ReconnectStorm => "reconnecting without end".to_owned(),
            Kind::RoamingMisuse => {
                format!("used abroad in network {network}, which is not the fleet's")
            }
            Kind::SmsPumping => "sending messages that someone is paid for".to_owned(),
            Kind::Exfiltration => "sending data away at night".to_owned(),
            Kind::SilentDevice if self.returns => "silent, then back".to_owned(),
            Kind::SilentDevice => "silent for good".to_owned(),
            Kind::TariffAbuse => "put into a router and used as broadband".to_owned(),
        };
        format!("{sims} {what}, for {hours:.1} h at most; {strength}")
    }
}

const PLAN: u64 = 21;
const VICTIM: u64 = 22;

/// SIM-days on which each kind of incident happens ten times.
const SIM_DAYS: f64 = 70_000.0;

/// Draws all incidents. No SIM is part of two.
pub(crate) fn plan(world: &World) -> Vec<Incident> {
    let mut incidents: Vec<Incident> = Vec::new();
    let mut taken = std::collections::HashSet::new();
    let sim_days = f64::from(world.params.sims) * f64::from(world.params.days);
    let usual = 10.0 * sim_days / SIM_DAYS * world.params.fraud;
    if usual <= 0.0 {
        return incidents;
    }
    let each = usual.round().max(1.0) as usize;
    let span = (world.to - world.from) as f64;
    for kind in Kind::ALL {
        let mut rng = world.stream(PLAN, kind as u64);
        for at in 0..each {
            // Three in ten begin in the first half, where a detector may learn them.
            let early = (at as f64) < 0.3 * (each as f64) - 0.5;
            let share = if early {
                rng.range(0.08, 0.55)
            } else {
                rng.range(0.58, 0.92)
            };
            let share = if kind == Kind::SilentDevice {
                share * 0.85
            } else {
                share
            };
            let onset = world.from + (share * span) as i64;
            let onset = onset - onset.rem_euclid(1000);
            let (families, (least, most), (short, long)) = kind.habits();
            let length = (rng.magnitude(short, long) * HOUR as f64) as i64;
            let strength = (at as f64 + rng.uniform()) / each as f64;
            // Small worlds have small incidents.
            let most = most
                .min(3.0 + 0.004 * f64::from(world.params.sims))
                .max(least);
            let n = rng.magnitude(least, most + 0.99) as usize;
            let family = families[rng.below(families.len())];
            let sims = victims(world, &mut taken, &mut rng, family, n);
            let Some(first) = sims.first() else { continue };
            let first = world.sim(*first);
            let (city, operator) = elsewhere(world, kind, &first, strength, &mut rng);
            incidents.push(Incident {
                number: incidents.len() as u32 + 1,
                kind,
                onset,
                end: (onset + length).min(world.to),
                strength,
                sims,
                city,
                operator,
                // Two of three come back.
                returns: at % 3 != 2,
            });
        }
        // Strengths are in no order of time.
        let of_kind = incidents
            .iter()
            .position(|i| i.kind == kind)
            .unwrap_or(incidents.len());
        for at in (of_kind + 1..incidents.len()).rev() {
            let other = of_kind + rng.below(at - of_kind + 1);
            let strength = incidents[at].strength;
            incidents[at].strength = incidents[other].strength;
            incidents[other].strength = strength;
        }
    }
    incidents
}

/// SIMs of one fleet that have lived for a while and are part of nothing else.
fn victims(
    world: &World,
    taken: &mut std::collections::HashSet<u32>,
    rng: &mut Rng,
    family: Family,
    n: usize,
) -> Vec<u32> {
    let mut sims: Vec<u32> = Vec::new();
    let mut fleet = None;
    for _ in 0..2000 * n {
        let sim = rng.below(world.params.sims as usize) as u32;
        let (its, customer) = world.fleet_of(sim);
        if its != family || fleet.is_some_and(|fleet| fleet != customer) || taken.contains(&sim) {
            continue;
        }
        if world.sim(sim).from > world.from {
            continue;
        }
        taken.insert(sim);
        fleet = Some(customer);
        sims.push(sim);
        if sims.len() == n {
            break;
        }
    }
    sims.sort_unstable();
    sims
}

/// Where moved SIMs are used.
fn elsewhere(
    world: &World,
    kind: Kind,
    sim: &Sim,
    strength: f64,
    rng: &mut Rng,
) -> (usize, Operator) {
    let at_home = CITIES[sim.city].country;
    let fits = |city: usize| {
        let country = CITIES[city].country;
        match kind {
            Kind::RoamingMisuse => {
                let fleet = &world.customers[sim.customer];
                let near = strength < 0.4 && fleet.spread == 0.0;
                let far =
                    country >= ABROAD || (COUNTRIES[country].zone == 2 && fleet.spread == 0.0);
                country != fleet.market && country != at_home && (near || far)
            }
            Kind::Clone => {
                let place = |city: usize| (CITIES[city].lat, CITIES[city].lon);
                let way = kilometres(place(city), place(sim.city));
                city != sim.city && (strength > 0.5 || way < 700.0)
            }
            _ => country == at_home && (strength > 0.5 || city == sim.city),
        }
    };
    let mut city = sim.city;
    for _ in 0..500 {
        let other = rng.below(CITIES.len());
        if fits(other) {
            city = other;
            break;
        }
    }
    let country = CITIES[city].country;
    let operator = if country == at_home && rng.chance(0.6) {
        sim.operator
    } else {
        Operator::new(country, rng.below(COUNTRIES[country].mnc.len()))
    };
    (city, operator)
}

/// What a SIM does in usual times, as far as incidents are measured by it.
pub(crate) struct Usual {
    /// Bytes sent a day.
    pub up: f64,
    /// Bytes received a day.
    pub down: f64,
    /// Sessions a day.
    pub sessions: f64,
}

impl Usual {
    fn of(world: &World, sim: &Sim, sessions: &[Session]) -> Self {
        let days = ((world.to - sim.from) as f64 / DAY as f64).max(0.2);
        let total = |bytes: fn(&Session) -> i64| {
            let mut all: Vec<i64> = sessions.iter().map(bytes).collect();
            // Without the largest, which may be a roll-out's.
            all.sort_unstable();
            all.pop();
            all.iter().sum::<i64>() as f64 / days
        };
        Usual {
            up: total(|s| s.up).max(500.0),
            down: total(|s| s.down).max(500.0),
            sessions: (sessions.len() as f64 / days).max(0.5),
        }
    }
}

/// One SIM's part of an incident while it is made.
pub(crate) struct Part<'a> {
    pub world: &'a World,
    pub incident: &'a Incident,
    pub sim: &'a Sim,
    pub usual: Usual,
    pub rng: Rng,
    /// Session with the SIM's usual access, to be changed.
    pub model: Session,
}

impl Part<'_> {
    /// A labelled data session of the incident, like the model.
    pub fn data(&self, start: i64, length: i64, bytes: (f64, f64)) -> Session {
        let start = start - start.rem_euclid(1000);
        Session {
            start,
            end: start + length.max(1000),
            up: bytes.0 as i64,
            down: bytes.1 as i64,
            incident: self.incident.number,
            ..self.model
        }
    }

    /// Geometric: `low` at strength 0, `high` at strength 1.
    pub fn by_strength(&self, low: f64, high: f64) -> f64 {
        low * libm::exp(libm::log(high / low) * self.incident.strength)
    }

    /// Hours of the local clock at a time.
    pub fn hour(&self, time: i64) -> i64 {
        let country = &COUNTRIES[self.sim.operator.country()];
        (time + self.world.clock.offset(country, time)).rem_euclid(DAY) / HOUR
    }
}

/// Does to a SIM's timeline, in time order, what an incident does to it.
pub(crate) fn strike(world: &World, incident: &Incident, sim: &Sim, sessions: &mut Vec<Session>) {
    let Some(model) = sessions
        .iter()
        .rev()
        .find(|s| s.start < incident.onset && s.service == 0)
    else {
        return;
    };
    let number = (u64::from(incident.number) << 32) | u64::from(sim.number);
    let mut part = Part {
        world,
        incident,
        sim,
        usual: Usual::of(world, sim, sessions),
        rng: world.stream(VICTIM, number),
        model: Session { cause: 0, ..*model },
    };
    match incident.kind {
        Kind::StolenSim => theft::stolen(&mut part, sessions),
        Kind::RoamingMisuse => theft::roaming(&mut part, sessions),
        Kind::TariffAbuse => theft::tariff(&mut part, sessions),
        Kind::Clone => copies::cloned(&mut part, sessions),
        Kind::SilentDevice => copies::silent(&mut part, sessions),
        Kind::Botnet => bursts::botnet(&mut part, sessions),
        Kind::ReconnectStorm => bursts::storm(&mut part, sessions),
        Kind::SmsPumping => bursts::pumping(&mut part, sessions),
        Kind::Exfiltration => leaks::leak(&mut part, sessions),
    }
}
