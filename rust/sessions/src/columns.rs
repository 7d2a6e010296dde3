//! A day's sessions as columns, as Arrow lays them out.

use crate::block::{Block, Row};
use crate::clock::SECOND;
use crate::families::{CAUSES, Family, PLANS, RATS, SERVICES, price};
use crate::incidents::Kind;
use crate::names::{Names, device_text, session_text, sim_text};
use crate::places::Operator;
use crate::world::{OTHER_APNS, World};

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

/// Devices that a SIM has at most.
const DEVICES: usize = 4;
/// Roll-outs of software that are told apart.
const ROLLOUTS: usize = 64;
/// Main versions of software.
const VERSIONS: usize = 8;

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

/// Makes the columns of rows, in their order.
pub(crate) fn columns(block: &Block, world: &World, rows: &[Row]) -> Day {
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
