//! The sessions of consecutive SIMs, day by day.

use crate::clock::DAY;
use crate::columns::{Day, columns};
use crate::names::sim_bits;
use crate::places::Cell;
use crate::rng::mix;
use crate::session::Session;
use crate::timeline::timeline;
use crate::world::{Sim, World};
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// The sessions of a block of SIMs.
#[derive(Debug)]
pub struct Block {
    pub(crate) sims: Vec<Sim>,
    pub(crate) cells: Vec<(Cell, f64, f64)>,
    /// The sessions of each day, by SIM and then by time.
    days: Vec<Vec<Row>>,
}

/// A session and where it belongs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row {
    pub session: Session,
    /// Place of the SIM in the block.
    pub sim: u32,
    /// Place in the SIM's timeline.
    pub ordinal: u32,
    /// Place of the cell in the block.
    pub cell: u32,
}

/// Sessions of an incident.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tally {
    /// Its number.
    pub incident: u32,
    /// How many of its sessions are in the block.
    pub sessions: u64,
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
