//! What all SIMs share: customers, events and incidents; and each SIM's traits.

use crate::clock::{Clock, DAY, HOUR};
use crate::events::Events;
use crate::families::Family;
use crate::incidents::{Incident, plan};
use crate::places::{ABROAD, CITIES, COUNTRIES, Cell, GLOBAL, Operator};
use crate::rng::{Rng, key, unit};

/// What is to be made up.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Params {
    /// Number of SIMs.
    pub sims: u32,
    /// Number of days.
    pub days: u32,
    /// Seed of everything.
    pub seed: u64,
    /// First day, since 1970-01-01.
    pub first_day: i64,
    /// Incidents relative to the usual number; 0 for none.
    pub fraud: f64,
}

/// Purposes of random streams.
mod purpose {
    pub const CUSTOMER: u64 = 1;
    pub const FAMILY: u64 = 2;
    pub const SIM: u64 = 3;
}

/// A fleet: SIMs of one family and owner.
#[derive(Debug)]
pub struct Customer {
    /// Its name in records.
    pub name: String,
    /// What its devices are.
    pub family: Family,
    /// Network of its SIMs.
    pub home: Operator,
    /// Country where most of its devices are.
    pub market: usize,
    /// Share of its devices that are in other countries.
    pub spread: f64,
    /// Logarithm of its volumes relative to its family.
    pub level: f64,
    /// Time between reports of its devices.
    pub period: i64,
    /// Code of its tariff.
    pub plan: u8,
    /// Code of its access point name.
    pub apn: u16,
    /// Chance that a session fails.
    pub failure: f64,
    /// When new software begins to be rolled out, and over how long.
    pub rollouts: Vec<(i64, i64)>,
    /// When a batch of new SIMs is activated.
    pub batch: Option<i64>,
    /// Main version of its devices' software.
    pub version: u8,
}

/// Traits of one SIM.
#[derive(Debug)]
pub struct Sim {
    /// Its number, from 0.
    pub number: u32,
    /// Place of its customer in the world's list.
    pub customer: usize,
    /// What its device is.
    pub family: Family,
    /// Network that it uses first.
    pub operator: Operator,
    /// City where it is.
    pub city: usize,
    /// Where it is, or where its vehicle is parked.
    pub place: (f64, f64),
    /// Cells that it sees, the best first.
    pub cells: [Cell; 3],
    /// Share of the best cell.
    pub steady: f64,
    /// Logarithm of its volumes relative to its family.
    pub level: f64,
    /// Change of that a day.
    pub drift: f64,
    /// How busy it is relative to its family.
    pub pace: f64,
    /// Chance that a session fails.
    pub failure: f64,
    /// Code of its usual radio access technology.
    pub rat: u8,
    /// When it is activated.
    pub from: i64,
}

/// Everything that a seed makes, without any session.
#[derive(Debug)]
pub struct World {
    /// What was asked for.
    pub params: Params,
    /// First instant.
    pub from: i64,
    /// First instant after.
    pub to: i64,
    /// Local times.
    pub clock: Clock,
    /// All fleets.
    pub customers: Vec<Customer>,
    /// Outages.
    pub events: Events,
    /// All incidents, in the order of their numbers, which start at 1.
    pub incidents: Vec<Incident>,
    /// Places of the first customer of each family, and the end.
    fleets: [usize; 7],
    /// (SIM, place of the incident), sorted.
    affected: Vec<(u32, u32)>,
}

/// Access point names that belong to no customer, after theirs.
pub const OTHER_APNS: [&str; 3] = ["internet", "broadband", "web.mobile"];

impl World {
    /// Makes the world.
    #[must_use]
    pub fn new(params: Params) -> Self {
        let from = params.first_day * DAY;
        let mut world = World {
            params,
            from,
            to: from + i64::from(params.days) * DAY,
            clock: Clock::new(from, from + i64::from(params.days) * DAY),
            customers: Vec::new(),
            events: Events::default(),
            incidents: Vec::new(),
            fleets: [0; 7],
            affected: Vec::new(),
        };
        for (place, family) in Family::ALL.into_iter().enumerate() {
            let sims = f64::from(params.sims) * Family::SHARES[place];
            let fleets = ((sims / 120.0).round() as usize).clamp(3, 64);
            for number in 0..fleets {
                let customer = world.customer(family, number);
                world.customers.push(customer);
            }
            world.fleets[place + 1] = world.customers.len();
        }
        world.events = Events::new(&world);
        world.incidents = plan(&world);
        for (place, incident) in world.incidents.iter().enumerate() {
            let sims = incident.sims.iter().map(|sim| (*sim, place as u32));
            world.affected.extend(sims);
        }
        world.affected.sort_unstable();
        world
    }

    /// A random stream of its own for a purpose and a number.
    #[must_use]
    pub fn stream(&self, purpose: u64, number: u64) -> Rng {
        Rng::new(key(self.params.seed, purpose, number))
    }

    fn customer(&self, family: Family, number: usize) -> Customer {
        let place = self.customers.len();
        let mut rng = self.stream(purpose::CUSTOMER, place as u64);
        let markets: Vec<f64> = COUNTRIES[..ABROAD]
            .iter()
            .enumerate()
            .map(|(at, _)| {
                let cities = CITIES.iter().filter(|city| city.country == at);
                cities.map(|city| city.weight).sum()
            })
            .collect();
        let market = rng.weighted(&markets);
        // Some fleets live on SIMs of another country or of none for good.
        let roams = match family {
            Family::Meter => 0.4,
            Family::Tracker | Family::Alarm => 0.3,
            Family::Pos => 0.15,
            Family::Camera | Family::Router => 0.1,
        };
        let home = if rng.chance(roams) {
            if rng.chance(0.5) {
                Operator::new(GLOBAL, rng.below(2))
            } else {
                let country = rng.weighted(&markets);
                Operator::new(country, rng.below(COUNTRIES[country].mnc.len()))
            }
        } else {
            Operator::new(market, rng.below(COUNTRIES[market].mnc.len()))
        };
        let hours: &[(f64, f64)] = match family {
            Family::Meter => &[(1.0, 0.1), (2.0, 0.15), (3.0, 0.25), (4.0, 0.3), (6.0, 0.2)],
            Family::Alarm => &[(1.0, 0.15), (2.0, 0.25), (3.0, 0.35), (6.0, 0.25)],
            _ => &[(3.0, 0.3), (4.0, 0.4), (6.0, 0.3)],
        };
        let weights: Vec<f64> = hours.iter().map(|(_, weight)| *weight).collect();
        let period = (hours[rng.weighted(&weights)].0 * HOUR as f64) as i64;
        let mut rollouts = Vec::new();
        for day in 0..self.params.days {
            if rng.chance(0.02) {
                let at =
                    self.from + i64::from(day) * DAY + (rng.range(6.0, 14.0) * HOUR as f64) as i64;
                let spread = (rng.magnitude(2.0, 48.0) * HOUR as f64) as i64;
                rollouts.push((at, spread));
            }
        }
        let midweek = 0.35 + 0.3 * rng.uniform();
        let batch = self.from + (midweek * (self.to - self.from) as f64) as i64;
        Customer {
            name: format!("{}-{:02}", family.name(), number + 1),
            family,
            home,
            market,
            spread: if rng.chance(0.4) {
                rng.range(0.05, 0.4)
            } else {
                0.0
            },
            level: 0.5 * rng.normal(),
            period,
            plan: match family {
                Family::Router => 3,
                Family::Camera => 2,
                _ => rng.below(3) as u8,
            },
            apn: place as u16,
            failure: rng.magnitude(0.005, 0.05),
            rollouts,
            batch: rng.chance(0.12).then_some(batch),
            version: rng.count(1, 6) as u8,
        }
    }

    /// Family and customer of a SIM.
    #[must_use]
    pub fn fleet_of(&self, number: u32) -> (Family, usize) {
        let bits = key(self.params.seed, purpose::FAMILY, u64::from(number));
        let mut at = unit(bits);
        let mut place = 0;
        while place < 5 && at >= Family::SHARES[place] {
            at -= Family::SHARES[place];
            place += 1;
        }
        let fleets = self.fleets[place + 1] - self.fleets[place];
        let u = unit(key(bits, purpose::FAMILY, 1));
        let within = ((fleets as f64) * u * u.sqrt()) as usize;
        (
            Family::ALL[place],
            self.fleets[place] + within.min(fleets - 1),
        )
    }

    /// The traits of a SIM.
    #[must_use]
    pub fn sim(&self, number: u32) -> Sim {
        let (family, place) = self.fleet_of(number);
        let customer = &self.customers[place];
        let mut rng = self.stream(purpose::SIM, u64::from(number));
        let elsewhere = rng.chance(customer.spread);
        let weights: [f64; 46] = std::array::from_fn(|at| {
            let city = &CITIES[at];
            if elsewhere || city.country == customer.market {
                city.weight
            } else {
                0.0
            }
        });
        let city = rng.weighted(&weights).min(CITIES.len() - 1);
        let country = CITIES[city].country;
        let operator = if country == customer.home.country() {
            customer.home
        } else {
            // Roaming agreements favour one network of each country.
            let favoured = key(self.params.seed, place as u64, country as u64) as usize;
            let other = if rng.chance(0.8) { 0 } else { rng.below(3) };
            Operator::new(
                country,
                (favoured % 97 + other) % COUNTRIES[country].mnc.len(),
            )
        };
        let near = |rng: &mut Rng, spread: f64| {
            (
                CITIES[city].lat + spread * rng.normal(),
                CITIES[city].lon + 1.5 * spread * rng.normal(),
            )
        };
        let place_of = near(&mut rng, 0.06);
        let cells = std::array::from_fn(|at| {
            let shift = if at == 0 { 0.0 } else { 0.02 };
            let (lat, lon) = (rng.range(-shift, shift), rng.range(-shift, shift));
            Cell::at(operator, city, place_of.0 + lat, place_of.1 + lon)
        });
        let (spread, drift) = match family {
            Family::Meter => (0.5, 0.01),
            Family::Router | Family::Camera => (0.9, 0.03),
            _ => (0.7, 0.02),
        };
        // Some sit in a cellar.
        let failure = if rng.chance(0.012) {
            rng.range(0.15, 0.4)
        } else {
            customer.failure * rng.lognormal(1.0, 0.7).min(6.0)
        };
        let new = rng.chance(0.3);
        let jitter = rng.range(0.0, 6.0) * HOUR as f64;
        let from = match customer.batch {
            Some(batch) if new => (batch + jitter as i64) / 1000 * 1000,
            _ => self.from,
        };
        Sim {
            number,
            customer: place,
            family,
            operator,
            city,
            place: place_of,
            cells,
            steady: rng.range(0.7, 1.0),
            level: customer.level + spread * rng.normal(),
            drift: drift * rng.normal(),
            pace: rng.lognormal(1.0, 0.45),
            failure,
            rat: rng.weighted(&family.rats()) as u8,
            from,
        }
    }

    /// The incidents that a SIM is part of.
    pub fn incidents_of(&self, number: u32) -> impl Iterator<Item = &Incident> {
        let from = self.affected.partition_point(|(sim, _)| *sim < number);
        let mine = self.affected[from..].iter();
        mine.take_while(move |(sim, _)| *sim == number)
            .map(|(_, place)| &self.incidents[*place as usize])
    }

    /// Name of a customer's access point, or of another.
    #[must_use]
    pub fn apn(&self, code: u16) -> String {
        match self.customers.get(usize::from(code)) {
            Some(customer) => format!("{}.iot", customer.name),
            None => OTHER_APNS[(usize::from(code) - self.customers.len()).min(2)].to_owned(),
        }
    }

    /// Code of an access point name that belongs to no customer.
    #[must_use]
    pub fn other_apn(&self, place: usize) -> u16 {
        (self.customers.len() + place) as u16
    }

    /// Rate zone of a SIM in a country: 0 at home.
    #[must_use]
    pub fn zone(&self, home: Operator, country: usize) -> u8 {
        if home.country() == country {
            0
        } else {
            COUNTRIES[country].zone
        }
    }
}
