//! What devices do when nothing is wrong with them: one file for each way of life.

mod fixed;
mod moving;
mod wide;

use crate::clock::{DAY, HOUR, SECOND, seconds};
use crate::families::{Family, RATES, cause};
use crate::places::{COUNTRIES, Cell, Operator};
use crate::rng::Rng;
use crate::session::Session;
use crate::world::{Customer, Sim, World};

/// One SIM's life while it is made.
pub(crate) struct Life<'a> {
    pub world: &'a World,
    pub customer: &'a Customer,
    pub sim: &'a Sim,
    pub rng: Rng,
    pub sessions: &'a mut Vec<Session>,
    cell: Cell,
    /// Another network of the country, where a roaming SIM is steered to now and then.
    second: Option<Operator>,
}

/// How large sessions are: medians of both directions, deviation of the logarithm, median length
/// in seconds and the deviation of its logarithm.
#[derive(Clone, Copy)]
pub(crate) struct Size {
    pub up: f64,
    pub down: f64,
    pub sd: f64,
    pub length: f64,
    pub length_sd: f64,
}

/// Makes the sessions of a healthy SIM, unsorted.
pub(crate) fn live(world: &World, sim: &Sim, mut rng: Rng, sessions: &mut Vec<Session>) {
    let customer = &world.customers[sim.customer];
    let roams = sim.operator.country() != customer.home.country();
    let mut life = Life {
        world,
        customer,
        second: (roams && rng.chance(0.6)).then(|| sim.operator.next()),
        sim,
        rng,
        sessions,
        cell: sim.cells[0],
    };
    match sim.family {
        Family::Meter => fixed::meter(&mut life),
        Family::Alarm => fixed::alarm(&mut life),
        Family::Pos => fixed::pos(&mut life),
        Family::Tracker => moving::tracker(&mut life),
        Family::Camera => wide::camera(&mut life),
        Family::Router => wide::router(&mut life),
    }
}

impl Life<'_> {
    /// The cell that a device which does not move sees now; seldom another than before.
    pub fn cell(&mut self) -> Cell {
        if self.rng.chance(0.2) {
            self.cell = if self.rng.chance(self.sim.steady) {
                self.sim.cells[0]
            } else {
                self.sim.cells[1 + self.rng.below(2)]
            };
            if let Some(second) = self.second
                && self.rng.chance(0.05)
            {
                self.cell = self.cell.of(second);
            }
        }
        self.cell
    }

    /// How large volumes are now, for this SIM: its level and drift.
    pub fn level(&self, time: i64) -> f64 {
        let days = (time - self.world.from) as f64 / DAY as f64;
        libm::exp(self.sim.level + (self.sim.drift * days).clamp(-1.5, 1.5))
    }

    /// Local hour of the day and day since 1970 at a time.
    pub fn local(&self, time: i64) -> (usize, i64) {
        let country = &COUNTRIES[self.sim.cells[0].operator.country()];
        let local = time + self.world.clock.offset(country, time);
        (
            (local.rem_euclid(DAY) / HOUR) as usize,
            local.div_euclid(DAY),
        )
    }

    /// When a local day begins.
    pub fn midnight(&self, day: i64) -> i64 {
        let country = &COUNTRIES[self.sim.cells[0].operator.country()];
        day * DAY - self.world.clock.offset(country, day * DAY)
    }

    /// Local days that the SIM sees.
    pub fn days(&self) -> std::ops::RangeInclusive<i64> {
        self.local(self.sim.from).1..=self.local(self.world.to - 1).1
    }

    /// Whether a local day is a public holiday here.
    pub fn holiday(&self, day: i64) -> bool {
        let country = self.sim.cells[0].operator.country();
        crate::clock::holiday(self.world.params.seed, country, day)
    }

    /// Whether records of this time are part of what is made.
    pub fn covers(&self, time: i64) -> bool {
        (self.sim.from..self.world.to).contains(&time)
    }

    /// Adds a data session, or its failure and the attempts after it.
    pub fn data(&mut self, start: i64, size: Size, cell: Cell) {
        // Who is on the road has gone on after a minute.
        let (most, wait) = match self.sim.family {
            Family::Tracker => (1, 60.0),
            _ => (6, 180.0),
        };
        let (mut start, mut tries) = (start, 0);
        while tries < most && self.rng.chance(self.sim.failure) {
            if self.covers(start) {
                let length = seconds(self.rng.exponential() * size.length.min(20.0));
                let part = if self.rng.chance(0.5) {
                    0.0
                } else {
                    0.2 * self.rng.uniform()
                };
                let bytes = (size.up * part, size.down * part);
                let mut session = self.plain(start, length, bytes, cell);
                session.cause = [
                    cause::LOST_CARRIER,
                    cause::ERROR,
                    cause::LOST_SERVICE,
                    cause::REJECTED,
                ][self.rng.weighted(&[0.5, 0.2, 0.2, 0.1])];
                start = session.end;
                self.sessions.push(session);
            }
            start += seconds(self.rng.range(8.0, wait));
            tries += 1;
        }
        if !self.covers(start) {
            return;
        }
        let level = self.level(start);
        let mut up = level * self.rng.lognormal(size.up, size.sd);
        let mut down = level * self.rng.lognormal(size.down, size.sd);
        let mut length = self.rng.lognormal(size.length, size.length_sd);
        if self.rng.chance(4e-4) {
            // A log that is fetched, a configuration, a film: large, and nothing is wrong.
            let most = (4e9 / (up + down)).clamp(8.5, 80.0);
            let times = self.rng.magnitude(8.0, most);
            if self.rng.chance(0.5) {
                up *= times
            } else {
                down *= times
            }
            length *= 1.0 + 0.2 * times;
        }
        let mut session = self.plain(start, 0, (up, down), cell);
        length = length.max((up + down) / RATES[usize::from(session.rat)]);
        session.end = start + seconds(length).max(1000);
        session.cause = match self.rng.below(16) {
            0..=3 => cause::IDLE,
            4 if length > 3600.0 => cause::TIMEOUT,
            _ => cause::NORMAL,
        };
        self.sessions.push(session);
    }

    /// A session with the SIM's usual access.
    pub fn plain(&mut self, start: i64, length: i64, bytes: (f64, f64), cell: Cell) -> Session {
        let mut session = Session::data(start, length, bytes, cell);
        session.apn = self.customer.apn;
        session.rat = self.rat();
        session
    }

    fn rat(&mut self) -> u8 {
        if self.rng.chance(0.05) {
            [1, 0, 1, 2, 3, 2][usize::from(self.sim.rat)]
        } else {
            self.sim.rat
        }
    }

    /// Adds messages.
    pub fn sms(&mut self, start: i64, sent: u16, received: u16, cell: Cell) {
        if self.covers(start) {
            let mut session = Session::sms(start, sent, received, cell);
            session.apn = self.customer.apn;
            session.rat = self.rat();
            self.sessions.push(session);
        }
    }

    /// Times of a Poisson process whose rate an hour depends on the local hour and day.
    pub fn arrivals(
        &mut self,
        rate: impl Fn(&Self, usize, i64) -> f64,
        mut body: impl FnMut(&mut Self, i64),
    ) {
        let mut need = self.rng.exponential();
        let mut hour = self.sim.from - self.sim.from.rem_euclid(HOUR);
        while hour < self.world.to {
            let (local, day) = self.local(hour);
            let rate = self.sim.pace * rate(self, local, day);
            let mut at = 0.0;
            while rate > 0.0 && need < rate * (1.0 - at) {
                at += need / rate;
                body(self, hour + seconds(at * 3600.0));
                need = self.rng.exponential();
            }
            need -= rate * (1.0 - at);
            hour += HOUR;
        }
    }

    /// Small reports at regular times, each a little off.
    pub fn reports(&mut self, period: i64, jitter: f64, mut body: impl FnMut(&mut Self, i64)) {
        let phase = (self.rng.uniform() * period as f64) as i64;
        let mut slot = self.sim.from + phase;
        while slot < self.world.to {
            let off = jitter * period as f64 * self.rng.normal().clamp(-2.5, 2.5);
            let at = slot + (off as i64 / SECOND * SECOND);
            if !self.rng.chance(0.01) {
                let fine = 1000 * self.rng.below(1000) as i64;
                body(self, at - at.rem_euclid(1000) + fine);
            }
            slot += period;
        }
    }
}
