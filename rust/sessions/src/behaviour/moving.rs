//! Trackers: parked with a heartbeat, or on the road with a report every few minutes.

use super::{Life, Size};
use crate::clock::{HOUR, SECOND, seconds, weekday};
use crate::places::{CITIES, Cell, kilometres};

/// Where a vehicle is: a line from one place to another, at one speed.
struct Leg {
    from: (f64, f64),
    to: (f64, f64),
    start: i64,
    end: i64,
}

impl Leg {
    fn at(&self, time: i64) -> (f64, f64) {
        let share = (time - self.start) as f64 / (self.end - self.start).max(1) as f64;
        let share = share.clamp(0.0, 1.0);
        (
            self.from.0 + share * (self.to.0 - self.from.0),
            self.from.1 + share * (self.to.1 - self.from.1),
        )
    }
}

/// The cell where a vehicle is: networks of the country of the nearest city.
fn cell(life: &Life, place: (f64, f64)) -> Cell {
    let home = &CITIES[life.sim.city];
    let near = (place.0 - home.lat).abs() + (place.1 - home.lon).abs() < 1.2;
    let city = if near {
        life.sim.city
    } else {
        let distance = |at: usize| {
            let (lat, lon) = (CITIES[at].lat - place.0, 0.65 * (CITIES[at].lon - place.1));
            lat * lat + lon * lon
        };
        (0..CITIES.len())
            .min_by(|a, b| distance(*a).total_cmp(&distance(*b)))
            .unwrap_or(life.sim.city)
    };
    let country = CITIES[city].country;
    let operator = if country == life.sim.operator.country() {
        life.sim.operator
    } else {
        life.abroad(country)
    };
    Cell::at(operator, city, place.0, place.1)
}

impl Life<'_> {
    /// The network that this SIM's home prefers in a country.
    fn abroad(&self, country: usize) -> crate::places::Operator {
        let n = crate::places::COUNTRIES[country].mnc.len();
        crate::places::Operator::new(country, (self.sim.customer + country) % n)
    }
}

/// Trips in working hours with reports on the road, heartbeats while parked.
pub fn tracker(life: &mut Life) {
    let report = Size {
        up: 1400.0,
        down: 500.0,
        sd: 0.35,
        length: 7.0,
        length_sd: 0.5,
    };
    let parked = Size {
        up: 700.0,
        down: 350.0,
        sd: 0.3,
        length: 5.0,
        length_sd: 0.4,
    };
    let every = life.rng.range(240.0, 900.0);
    let reach = life.rng.lognormal(18.0, 0.8).min(160.0);
    let weekends = life.rng.chance(0.35);
    let traveller = life.rng.chance(0.08);
    let tour_day = life.rng.range(0.1, 0.8);
    let mut place = life.sim.place;
    let mut beat = life.sim.from + seconds(life.rng.uniform() * 4.0 * 3600.0);
    let days = life.days();
    let span = (days.end() - days.start()) as f64;
    let tour = *days.start() + (tour_day * span) as i64;
    for day in days {
        let begin = life.midnight(day) + seconds(life.rng.range(5.5, 9.5) * 3600.0);
        let mut time = begin;
        let works = weekends || (weekday(day) < 5 && !life.holiday(day));
        let mut trips = Vec::new();
        if traveller && (day == tour || day == tour + 2) {
            // A long tour, often over a border, and back two days later.
            trips.push(if day == tour {
                far(life)
            } else {
                life.sim.place
            });
        } else if works || life.rng.chance(0.2) {
            let stops = 1 + (life.rng.exponential() * 1.5 * life.sim.pace).min(6.0) as usize;
            for _ in 0..stops {
                let degrees = reach * life.rng.lognormal(1.0, 0.5) / 111.0;
                let (x, y) = (life.rng.normal(), life.rng.normal());
                let norm = (x * x + y * y).sqrt().max(0.1);
                trips.push((
                    place.0 + degrees * y / norm,
                    place.1 + 1.5 * degrees * x / norm,
                ));
            }
            if !traveller || !(tour..tour + 2).contains(&day) {
                trips.push(life.sim.place);
            }
        }
        for to in trips {
            // Sites lie up to some kilometres off, so that what is seen is faster now and then.
            let speed = life.rng.range(28.0, 88.0);
            let length = kilometres(place, to) / speed;
            let end = time + seconds(length * 3600.0);
            if end > begin + 17 * HOUR {
                break;
            }
            let leg = Leg {
                from: place,
                to,
                start: time,
                end,
            };
            rest(life, &mut beat, time, place, parked);
            let mut at = time;
            while at < end {
                let here = cell(life, leg.at(at));
                life.data(at, report, here);
                at += seconds(every * life.rng.range(0.85, 1.25)).max(60 * SECOND);
            }
            place = to;
            time = end;
            let here = cell(life, place);
            life.data(time, report, here);
            beat = time + seconds(life.rng.range(0.8, 1.2) * 4.0 * 3600.0);
            time += seconds(life.rng.magnitude(0.1, 3.0) * 3600.0);
        }
    }
    rest(life, &mut beat, life.world.to, place, parked);
}

/// Heartbeats until a time.
fn rest(life: &mut Life, beat: &mut i64, until: i64, place: (f64, f64), size: Size) {
    while *beat < until {
        let here = cell(life, place);
        life.data(*beat, size, here);
        if life.rng.chance(0.01) {
            life.sms(*beat + 20 * SECOND, 1, 0, here);
        }
        *beat += seconds(life.rng.range(0.85, 1.15) * 4.0 * 3600.0);
    }
}

/// A place in a city that can be reached in half a day.
fn far(life: &mut Life) -> (f64, f64) {
    for _ in 0..40 {
        let city = &CITIES[life.rng.below(CITIES.len())];
        let to = (
            city.lat + 0.03 * life.rng.normal(),
            city.lon + 0.04 * life.rng.normal(),
        );
        let distance = kilometres(life.sim.place, to);
        if city.weight > 0.0 && (80.0..650.0).contains(&distance) {
            return to;
        }
    }
    life.sim.place
}
