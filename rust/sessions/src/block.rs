//! The sessions of consecutive SIMs as columns, day by day.

use crate::clock::{DAY, SECOND};
use crate::families::{CAUSES, Family, PLANS, RATS, SERVICES, price};
use crate::incidents::Kind;
use crate::names::{Names, device_text, session_text, sim_bits, sim_text};
use crate::places::{Cell, Operator};
use crate::rng::mix;
use crate::session::Session;
use crate::timeline::timeline;
use crate::world::{OTHER_APNS, Sim, World};
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// The sessions of a block of SIMs.
#[derive(Debug)]
pub struct Block {
    sims: Vec<Sim>,
    cells: Vec<(Cell, f64, f64)>,
    /// The sessions of each day, by SIM and then by time.
    days: Vec<Vec<Row>>,
}

/// A session and where it belongs.
#[derive(Clone, Copy, Debug)]
struct Row {
    session: Session,
    /// Place of the SIM in the block.
    sim: u32,
    /// Place in the SIM's timeline.
    ordinal: u32,
    /// Place of the cell in the block.
    cell: u32,
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
            cells: Vec::new(),
            days: Vec::new(),
        };
        // Somewhat more than usual, so that little has to be moved.
        let usual = 16 * (to - from) as usize;
        let days = world.params.days as usize;
        block.days.resize_with(days, || Vec::with_capacity(usual));
        let mut one = Vec::new();
        let mut cells = Cells::default();
        for (place, sim) in block.sims.iter().enumerate() {
            timeline(world, sim, &mut one);
            for (ordinal, session) in one.iter().enumerate() {
                let day = ((session.start - world.from) / DAY) as usize;
                block.days[day].push(Row {
                    session: *session,
                    sim: place as u32,
                    ordinal: ordinal as u32,
                    cell: cells.code(session.cell),
                });
            }
        }
        block.cells = cells.all;
        block
    }

    fn rows(&self) -> impl Iterator<Item = &Row> {
        self.days.iter().flatten()
    }

    /// Number of sessions.
    #[must_use]
    pub fn len(&self) -> usize {
        self.days.iter().map(Vec::len).sum()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Sessions of each family.
    #[must_use]
    pub fn families(&self) -> [u64; 6] {
        let mut counts = [0; 6];
        for row in self.rows() {
            counts[self.sims[row.sim as usize].family as usize] += 1;
        }
        counts
    }

    /// Sessions of each incident that has any, in the order of their numbers.
    #[must_use]
    pub fn tallies(&self) -> Vec<Tally> {
        let mut numbers: Vec<u32> = self.rows().map(|row| row.session.incident).collect();
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
        match self.days.get(day) {
            Some(rows) => columns(self, world, &self.sorted(world, rows)),
            None => Day::default(),
        }
    }

    /// The rows by start and SIM.
    fn sorted(&self, world: &World, rows: &[Row]) -> Vec<Row> {
        let Some(first) = rows.iter().map(|row| row.session.start).min() else {
            return Vec::new();
        };
        // Milliseconds and the place in one number; the few that share one are put right after.
        let mut keys: Vec<u64> = rows
            .iter()
            .enumerate()
            .map(|(at, row)| ((((row.session.start - first) / 1000) as u64) << 32) | at as u64)
            .collect();
        keys.sort_unstable();
        let at = |key: &u64| rows[(key & 0xffff_ffff) as usize];
        let mut sorted: Vec<Row> = keys.iter().map(at).collect();
        let mut from = 0;
        for to in 1..=keys.len() {
            if to < keys.len() && keys[to] >> 32 == keys[from] >> 32 {
                continue;
            }
            if to - from > 1 {
                sorted[from..to].sort_unstable_by_key(|row| {
                    let number = self.sims[row.sim as usize].number;
                    let bits = sim_bits(world.params.seed, number);
                    (row.session.start, bits, row.ordinal)
                });
            }
            from = to;
        }
        sorted
    }
}

/// Cells in the order in which they come.
#[derive(Default)]
struct Cells {
    all: Vec<(Cell, f64, f64)>,
    codes: HashMap<u64, u32, BuildHasherDefault<Mixed>>,
    last: Option<(Cell, u32)>,
}

impl Cells {
    fn code(&mut self, cell: Cell) -> u32 {
        if let Some((last, code)) = self.last
            && last == cell
        {
            return code;
        }
        let fresh = self.all.len() as u32;
        let code = *self.codes.entry(cell.number()).or_insert(fresh);
        if code == fresh {
            let (lat, lon) = cell.position();
            self.all.push((cell, lat, lon));
        }
        self.last = Some((cell, code));
        code
    }
}

/// Makes a column of texts: values are numbers below `most`, each named once.
fn coded(
    rows: &[Row],
    most: usize,
    value: impl Fn(&Row) -> usize,
    mut name: impl FnMut(usize, &mut Names),
) -> Coded {
    let mut given = vec![-1_i32; most];
    let mut next = 0;
    let mut names = Names::default();
    let codes = rows
        .iter()
        .map(|row| {
            let value = value(row);
            if given[value] < 0 {
                given[value] = next;
                next += 1;
                name(value, &mut names);
            }
            given[value]
        })
        .collect();
    Coded { codes, names }
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

fn columns(block: &Block, world: &World, rows: &[Row]) -> Day {
    let seed = world.params.seed;
    let sim = |row: &Row| &block.sims[row.sim as usize];
    let customer = |row: &Row| &world.customers[sim(row).customer];
    let place = |row: &Row| row.sim as usize;
    let cell = |row: &Row| row.cell as usize;
    let zone = |row: &Row| world.zone(customer(row).home, row.session.cell.operator.country());
    let plmn = |value: usize, names: &mut Names| names.push(&Operator(value as u8).text());
    let customers = world.customers.len();
    let mut labelled = vec![0_u8; rows.len().div_ceil(8)];
    let mut n_labelled = 0;
    for (at, row) in rows.iter().enumerate() {
        if row.session.incident > 0 {
            labelled[at / 8] |= 1 << (at % 8);
            n_labelled += 1;
        }
    }
    let mut session_id = Names {
        bytes: Vec::with_capacity(16 * rows.len()),
        offsets: (0..=rows.len()).map(|at| 16 * at as i32).collect(),
    };
    for row in rows {
        session_text(seed, sim(row).number, row.ordinal, &mut session_id.bytes);
    }
    Day {
        session_id,
        sim_id: coded(rows, block.sims.len(), place, |value, names| {
            sim_text(seed, block.sims[value].number, &mut names.bytes);
            names.close();
        }),
        device_id: coded(
            rows,
            block.sims.len() * DEVICES,
            |row| place(row) * DEVICES + usize::from(row.session.device),
            |value, names| {
                let (sim, device) = (&block.sims[value / DEVICES], value % DEVICES);
                device_text(seed, sim.number, device as u8, &mut names.bytes);
                names.close();
            },
        ),
        start_ts: numbers(rows, |row| row.session.start),
        end_ts: numbers(rows, |row| row.session.end),
        duration_s: numbers(rows, |row| {
            (row.session.end - row.session.start) as f64 / SECOND as f64
        }),
        service: coded(
            rows,
            SERVICES.len(),
            |row| usize::from(row.session.service),
            |value, names| names.push(SERVICES[value]),
        ),
        bytes_up: numbers(rows, |row| row.session.up),
        bytes_down: numbers(rows, |row| row.session.down),
        sms_mo: numbers(rows, |row| i32::from(row.session.sms_mo)),
        sms_mt: numbers(rows, |row| i32::from(row.session.sms_mt)),
        apn: coded(
            rows,
            customers + OTHER_APNS.len(),
            |row| usize::from(row.session.apn),
            |value, names| names.push(&world.apn(value as u16)),
        ),
        rat: coded(
            rows,
            RATS.len(),
            |row| usize::from(row.session.rat),
            |value, names| names.push(RATS[value]),
        ),
        visited_plmn: coded(
            rows,
            256,
            |row| usize::from(row.session.cell.operator.0),
            plmn,
        ),
        home_plmn: coded(rows, 256, |row| usize::from(customer(row).home.0), plmn),
        cell: coded(rows, block.cells.len(), cell, |value, names| {
            names.push(&block.cells[value].0.text());
        }),
        cell_lat: numbers(rows, |row| block.cells[cell(row)].1),
        cell_lon: numbers(rows, |row| block.cells[cell(row)].2),
        end_cause: coded(
            rows,
            CAUSES.len(),
            |row| usize::from(row.session.cause),
            |value, names| names.push(CAUSES[value]),
        ),
        tariff: coded(
            rows,
            4 * PLANS.len(),
            |row| usize::from(customer(row).plan) * 4 + usize::from(zone(row)),
            |value, names| names.push(&format!("{}/zone{}", PLANS[value / 4], value % 4)),
        ),
        cost: numbers(rows, |row| {
            let messages = row.session.sms_mo + row.session.sms_mt;
            price(customer(row).plan, zone(row), row.session.bytes(), messages)
        }),
        customer: coded(
            rows,
            customers,
            |row| sim(row).customer,
            |value, names| names.push(&world.customers[value].name),
        ),
        family: coded(
            rows,
            Family::ALL.len(),
            |row| sim(row).family as usize,
            |value, names| names.push(Family::ALL[value].name()),
        ),
        firmware: coded(
            rows,
            Family::ALL.len() * VERSIONS * ROLLOUTS,
            |row| {
                let main = sim(row).family as usize * VERSIONS + usize::from(customer(row).version);
                main * ROLLOUTS + usize::from(row.session.firmware).min(ROLLOUTS - 1)
            },
            |value, names| {
                let (main, rollouts) = (value / ROLLOUTS, value % ROLLOUTS);
                let family = Family::ALL[main / VERSIONS].name();
                names.push(&format!("{family}-{}.{}", main % VERSIONS, 2 + rollouts));
            },
        ),
        label: coded(
            rows,
            Kind::ALL.len() + 1,
            |row| match row.session.incident {
                0 => Kind::ALL.len(),
                number => world.incidents[number as usize - 1].kind as usize,
            },
            |value, names| names.push(Kind::ALL.get(value).map_or("", |kind| kind.label())),
        ),
        incident: numbers(rows, |row| row.session.incident as i32),
        labelled,
        n_labelled,
    }
}

fn numbers<T>(rows: &[Row], value: impl Fn(&Row) -> T) -> Vec<T> {
    rows.iter().map(value).collect()
}
