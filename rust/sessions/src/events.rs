//! Outages: harmless, never labelled, and hard on whoever sees one SIM alone.

use crate::clock::{DAY, HOUR, MINUTE, SECOND, seconds};
use crate::families::cause;
use crate::places::{CITIES, COUNTRIES, Cell, SLOTS};
use crate::rng::Rng;
use crate::session::Session;
use crate::world::World;

const AREA: u64 = 11;
const NETWORK: u64 = 12;

/// Times when something is out, as (from, to).
type Spans = Vec<(i64, i64)>;

/// All outages.
#[derive(Debug, Default)]
pub struct Events {
    /// Of an operator's cells in a city: nothing works.
    areas: Vec<Spans>,
    /// Of an operator: SIMs are steered to another.
    networks: Vec<Spans>,
}

impl Events {
    /// Draws them: each area is out one day in a hundred, each network one in two hundred.
    #[must_use]
    pub fn new(world: &World) -> Self {
        let spans = |rng: &mut Rng, chance: f64, low: f64, high: f64| {
            let mut spans = Spans::new();
            for day in 0..world.params.days {
                if rng.chance(chance) {
                    let at = world.from + i64::from(day) * DAY;
                    let from = at + (rng.range(0.0, 22.0) * HOUR as f64) as i64;
                    let length = (rng.magnitude(low, high) * MINUTE as f64) as i64;
                    spans.push((from, from + length));
                }
            }
            spans
        };
        let areas = (0..CITIES.len() * SLOTS)
            .map(|at| spans(&mut world.stream(AREA, at as u64), 0.01, 20.0, 240.0));
        let networks = (0..COUNTRIES.len() * SLOTS)
            .map(|at| spans(&mut world.stream(NETWORK, at as u64), 0.005, 60.0, 480.0));
        Events {
            areas: areas.collect(),
            networks: networks.collect(),
        }
    }

    fn area(&self, cell: Cell) -> &[(i64, i64)] {
        &self.areas[usize::from(cell.city) * SLOTS + cell.operator.slot()]
    }

    /// Does to a timeline what outages do to it.
    pub(crate) fn strike(&self, moves: bool, sessions: &mut Vec<Session>, rng: &mut Rng) {
        let mut last = 0;
        let mut again = Vec::new();
        sessions.retain_mut(|session| {
            let networks = &self.networks[usize::from(session.cell.operator.0)];
            if within(networks, session.start).is_some() {
                session.cell = session.cell.of(session.cell.operator.next());
            }
            let spans = self.area(session.cell);
            if spans.is_empty() {
                return true;
            }
            if let Some((from, to)) = within(spans, session.start) {
                if last != from && !moves {
                    last = from;
                    // All that are still there reconnect when the cells are back.
                    let at = to + seconds(rng.exponential() * 90.0);
                    for attempt in 0..rng.count(1, 3) {
                        let at = at + attempt as i64 * rng.count(15, 60) as i64 * SECOND;
                        let bytes = (session.up as f64 * 0.3, session.down as f64 * 0.3);
                        let length = (session.end - session.start).min(MINUTE);
                        again.push(Session {
                            start: at,
                            end: at + length,
                            up: bytes.0 as i64,
                            down: bytes.1 as i64,
                            ..*session
                        });
                    }
                }
                session.end =
                    session.start + seconds(rng.range(1.0, 30.0)).min(session.end - session.start);
                (session.up, session.down) = (0, 0);
                session.cause = if rng.chance(0.6) {
                    cause::LOST_SERVICE
                } else {
                    cause::REJECTED
                };
                return rng.chance(0.6);
            }
            for (from, _) in spans {
                if session.start < *from && session.end > *from {
                    let share =
                        (from - session.start) as f64 / (session.end - session.start) as f64;
                    session.up = (session.up as f64 * share) as i64;
                    session.down = (session.down as f64 * share) as i64;
                    session.end = *from;
                    session.cause = cause::LOST_SERVICE;
                }
            }
            true
        });
        sessions.append(&mut again);
    }
}

fn within(spans: &[(i64, i64)], time: i64) -> Option<(i64, i64)> {
    spans
        .iter()
        .copied()
        .find(|(from, to)| (*from..*to).contains(&time))
}
