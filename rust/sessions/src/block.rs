//! The sessions of consecutive SIMs as columns, day by day.

use crate::clock::{DAY, SECOND};
use crate::families::{CAUSES, Family, PLANS, RATS, SERVICES, price};
use crate::names::{Names, device_text, session_text, sim_bits, sim_text};
use crate::places::{Cell, Operator};
use crate::rng::mix;
use crate::session::Session;
use crate::timeline::timeline;
use crate::world::{Sim, World};
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// The sessions of a block of SIMs.
#[derive(Debug)]
pub struct Block {
    sims: Vec<Sim>,
    /// Where each SIM's sessions begin, and the end.
    starts: Vec<u32>,
    sessions: Vec<Session>,
    /// For each day the places of its sessions, in order; with the place of the SIM.
    days: Vec<Vec<(u32, u32)>>,
}

/// Sessions of an incident.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tally {
    /// Its number.
    pub incident: u32,
    /// How many of its sessions are in the block.
    pub sessions: u64,
}

/// A column of few different texts.
#[derive(Debug, Default)]
pub struct Coded {
    /// For each row the place of its text.
    pub codes: Vec<i32>,
    /// The texts, in the order in which they come.
    pub names: Names,
}

/// The columns of one day, sorted by start and SIM.
#[derive(Debug, Default)]
pub struct Day {
    /// 16 hex digits for each row.
    pub session_id: Names,
    /// The SIM.
    pub sim_id: Coded,
    /// The device.
    pub device_id: Coded,
    /// Microseconds since 1970.
    pub start_ts: Vec<i64>,
    /// Microseconds since 1970.
    pub end_ts: Vec<i64>,
    /// Seconds.
    pub duration_s: Vec<f64>,
    /// Kind of the record.
    pub service: Coded,
    /// Bytes sent by the device.
    pub bytes_up: Vec<i64>,
    /// Bytes received by the device.
    pub bytes_down: Vec<i64>,
    /// Messages sent by the device.
    pub sms_mo: Vec<i32>,
    /// Messages received by the device.
    pub sms_mt: Vec<i32>,
    /// Access point name.
    pub apn: Coded,
    /// Radio access technology.
    pub rat: Coded,
    /// Network in use.
    pub visited_plmn: Coded,
    /// Network of the SIM.
    pub home_plmn: Coded,
    /// Cell in use.
    pub cell: Coded,
    /// Its latitude in degrees.
    pub cell_lat: Vec<f64>,
    /// Its longitude in degrees.
    pub cell_lon: Vec<f64>,
    /// Why the session ended.
    pub end_cause: Coded,
    /// Tariff and rate zone.
    pub tariff: Coded,
    /// What it cost.
    pub cost: Vec<f64>,
    /// Whose SIM it is.
    pub customer: Coded,
    /// What the device is.
    pub family: Coded,
    /// Version of its software.
    pub firmware: Coded,
    /// Kind of the incident; of no meaning where `labelled` has no bit.
    pub label: Coded,
    /// Number of the incident, or 0.
    pub incident: Vec<i32>,
    /// A bit for each row that is part of an incident, the lowest first.
    pub labelled: Vec<u8>,
    /// How many are.
    pub n_labelled: usize,
}

impl Block {
    /// Makes the sessions of the SIMs from one number up to another.
    #[must_use]
    pub fn new(world: &World, from: u32, to: u32) -> Self {
        let mut block = Block {
            sims: (from..to).map(|number| world.sim(number)).collect(),
            starts: vec![0],
            sessions: Vec::new(),
            days: Vec::new(),
        };
        let mut days: Vec<Vec<(i64, u64, u32, u32)>> = Vec::new();
        days.resize_with(world.params.days as usize, Vec::new);
        let mut one = Vec::new();
        for (place, sim) in block.sims.iter().enumerate() {
            timeline(world, sim, &mut one);
            let bits = sim_bits(world.params.seed, sim.number);
            for session in &one {
                let day = ((session.start - world.from) / DAY) as usize;
                let at = block.sessions.len() as u32;
                days[day].push((session.start, bits, at, place as u32));
                block.sessions.push(*session);
            }
            block.starts.push(block.sessions.len() as u32);
        }
        for mut day in days {
            day.sort_unstable();
            let places = day.iter().map(|(_, _, at, sim)| (*at, *sim));
            block.days.push(places.collect());
        }
        block
    }

    /// Number of sessions.
    #[must_use]
    pub fn len(&self) -> usize {
        self.sessions.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.sessions.is_empty()
    }

    /// Sessions of each family.
    #[must_use]
    pub fn families(&self) -> [u64; 6] {
        let mut counts = [0; 6];
        for (place, sim) in self.sims.iter().enumerate() {
            counts[sim.family as usize] += u64::from(self.starts[place + 1] - self.starts[place]);
        }
        counts
    }

    /// Sessions of each incident that has any, in the order of their numbers.
    #[must_use]
    pub fn tallies(&self) -> Vec<Tally> {
        let mut numbers: Vec<u32> = self.sessions.iter().map(|s| s.incident).collect();
        numbers.retain(|number| *number > 0);
        numbers.sort_unstable();
        let mut tallies: Vec<Tally> = Vec::new();
        for incident in numbers {
            match tallies.last_mut() {
                Some(last) if last.incident == incident => last.sessions += 1,
                _ => tallies.push(Tally {
                    incident,
                    sessions: 1,
                }),
            }
        }
        tallies
    }

    /// The columns of a day, counted from the first.
    #[must_use]
    pub fn day(&self, world: &World, day: usize) -> Day {
        let Some(places) = self.days.get(day) else {
            return Day::default();
        };
        Columns::new(self, world, places.len()).take(places)
    }
}

/// Gives numbers to values as they come.
struct Coder {
    codes: Vec<i32>,
    given: Vec<i32>,
    values: Vec<u32>,
}

impl Coder {
    fn new(values: usize, rows: usize) -> Self {
        Coder {
            codes: Vec::with_capacity(rows),
            given: vec![-1; values],
            values: Vec::new(),
        }
    }

    fn push(&mut self, value: usize) {
        let given = &mut self.given[value];
        if *given < 0 {
            *given = self.values.len() as i32;
            self.values.push(value as u32);
        }
        self.codes.push(*given);
    }

    fn named(self, mut name: impl FnMut(usize, &mut Names)) -> Coded {
        let mut names = Names::default();
        for value in self.values {
            name(value as usize, &mut names);
        }
        Coded {
            codes: self.codes,
            names,
        }
    }
}

/// Hashes numbers of cells.
#[derive(Default)]
struct Mixed(u64);

impl Hasher for Mixed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = mix(self.0 ^ u64::from(*byte));
        }
    }

    fn write_u64(&mut self, value: u64) {
        self.0 = mix(value);
    }
}

/// Devices that a SIM has at most.
const DEVICES: usize = 4;
/// Roll-outs of software that are told apart.
const ROLLOUTS: usize = 64;
/// Main versions of software.
const VERSIONS: usize = 8;

struct Columns<'a> {
    block: &'a Block,
    world: &'a World,
    day: Day,
    sim: Coder,
    device: Coder,
    service: Coder,
    apn: Coder,
    rat: Coder,
    visited: Coder,
    home: Coder,
    cause: Coder,
    tariff: Coder,
    customer: Coder,
    family: Coder,
    firmware: Coder,
    label: Coder,
    cell: Vec<i32>,
    cells: Vec<(Cell, f64, f64)>,
    codes: HashMap<u64, i32, BuildHasherDefault<Mixed>>,
}

impl<'a> Columns<'a> {
    fn new(block: &'a Block, world: &'a World, n: usize) -> Self {
        let customers = world.customers.len();
        Columns {
            block,
            world,
            day: Day {
                start_ts: Vec::with_capacity(n),
                end_ts: Vec::with_capacity(n),
                duration_s: Vec::with_capacity(n),
                bytes_up: Vec::with_capacity(n),
                bytes_down: Vec::with_capacity(n),
                sms_mo: Vec::with_capacity(n),
                sms_mt: Vec::with_capacity(n),
                cell_lat: Vec::with_capacity(n),
                cell_lon: Vec::with_capacity(n),
                cost: Vec::with_capacity(n),
                incident: Vec::with_capacity(n),
                labelled: vec![0; n.div_ceil(8)],
                ..Day::default()
            },
            sim: Coder::new(block.sims.len(), n),
            device: Coder::new(block.sims.len() * DEVICES, n),
            service: Coder::new(SERVICES.len(), n),
            apn: Coder::new(customers + 3, n),
            rat: Coder::new(RATS.len(), n),
            visited: Coder::new(256, n),
            home: Coder::new(256, n),
            cause: Coder::new(CAUSES.len(), n),
            tariff: Coder::new(4 * PLANS.len(), n),
            customer: Coder::new(customers, n),
            family: Coder::new(6, n),
            firmware: Coder::new(Family::ALL.len() * VERSIONS * ROLLOUTS, n),
            label: Coder::new(10, n),
            cell: Vec::with_capacity(n),
            cells: Vec::new(),
            codes: HashMap::default(),
        }
    }

    fn take(mut self, places: &[(u32, u32)]) -> Day {
        self.day.session_id.bytes.reserve(16 * places.len());
        self.day.session_id.offsets.reserve(places.len());
        for (at, sim) in places {
            self.row(*at, *sim as usize);
        }
        self.finish()
    }

    fn row(&mut self, at: u32, place: usize) {
        let session = &self.block.sessions[at as usize];
        let sim = &self.block.sims[place];
        let customer = &self.world.customers[sim.customer];
        let row = self.day.start_ts.len();
        let day = &mut self.day;
        let ordinal = at - self.block.starts[place];
        session_text(
            self.world.params.seed,
            sim.number,
            ordinal,
            &mut day.session_id.bytes,
        );
        day.session_id.close();
        day.start_ts.push(session.start);
        day.end_ts.push(session.end);
        day.duration_s
            .push((session.end - session.start) as f64 / SECOND as f64);
        day.bytes_up.push(session.up);
        day.bytes_down.push(session.down);
        day.sms_mo.push(i32::from(session.sms_mo));
        day.sms_mt.push(i32::from(session.sms_mt));
        day.incident.push(session.incident as i32);
        let zone = self
            .world
            .zone(customer.home, session.cell.operator.country());
        let messages = session.sms_mo + session.sms_mt;
        day.cost
            .push(price(customer.plan, zone, session.bytes(), messages));
        let label = match session.incident {
            0 => 9,
            number => {
                day.labelled[row / 8] |= 1 << (row % 8);
                day.n_labelled += 1;
                self.world.incidents[number as usize - 1].kind as usize
            }
        };
        let fresh = self.cells.len() as i32;
        let code = *self.codes.entry(session.cell.number()).or_insert(fresh);
        if code == fresh {
            let (lat, lon) = session.cell.position();
            self.cells.push((session.cell, lat, lon));
        }
        let (_, lat, lon) = self.cells[code as usize];
        self.cell.push(code);
        day.cell_lat.push(lat);
        day.cell_lon.push(lon);
        self.sim.push(place);
        self.device
            .push(place * DEVICES + usize::from(session.device));
        self.service.push(usize::from(session.service));
        self.apn.push(usize::from(session.apn));
        self.rat.push(usize::from(session.rat));
        self.visited.push(usize::from(session.cell.operator.0));
        self.home.push(usize::from(customer.home.0));
        self.cause.push(usize::from(session.cause));
        self.tariff
            .push(usize::from(customer.plan) * 4 + usize::from(zone));
        self.customer.push(sim.customer);
        self.family.push(sim.family as usize);
        let main = sim.family as usize * VERSIONS + usize::from(customer.version);
        let rollouts = usize::from(session.firmware).min(ROLLOUTS - 1);
        self.firmware.push(main * ROLLOUTS + rollouts);
        self.label.push(label);
    }

    fn finish(self) -> Day {
        let (world, block) = (self.world, self.block);
        let seed = world.params.seed;
        let plmn = |value: usize, names: &mut Names| names.push(&Operator(value as u8).text());
        let mut cells = Names::default();
        for (cell, _, _) in &self.cells {
            cells.push(&cell.text());
        }
        Day {
            sim_id: self.sim.named(|value, names| {
                sim_text(seed, block.sims[value].number, &mut names.bytes);
                names.close();
            }),
            device_id: self.device.named(|value, names| {
                let (sim, device) = (&block.sims[value / DEVICES], value % DEVICES);
                device_text(seed, sim.number, device as u8, &mut names.bytes);
                names.close();
            }),
            service: self
                .service
                .named(|value, names| names.push(SERVICES[value])),
            apn: self
                .apn
                .named(|value, names| names.push(&world.apn(value as u16))),
            rat: self.rat.named(|value, names| names.push(RATS[value])),
            visited_plmn: self.visited.named(plmn),
            home_plmn: self.home.named(plmn),
            cell: Coded {
                codes: self.cell,
                names: cells,
            },
            end_cause: self.cause.named(|value, names| names.push(CAUSES[value])),
            tariff: self.tariff.named(|value, names| {
                names.push(&format!("{}/zone{}", PLANS[value / 4], value % 4));
            }),
            customer: self
                .customer
                .named(|value, names| names.push(&world.customers[value].name)),
            family: self
                .family
                .named(|value, names| names.push(Family::ALL[value].name())),
            firmware: self.firmware.named(|value, names| {
                let (main, rollouts) = (value / ROLLOUTS, value % ROLLOUTS);
                let family = Family::ALL[main / VERSIONS].name();
                names.push(&format!("{family}-{}.{}", main % VERSIONS, 2 + rollouts));
            }),
            label: self.label.named(|value, names| {
                let kind = crate::incidents::Kind::ALL.get(value);
                names.push(kind.map_or("", |kind| kind.label()));
            }),
            ..self.day
        }
    }
}
