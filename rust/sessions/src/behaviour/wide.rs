//! Devices with much to send or to fetch: cameras and routers.

use super::{Life, Size};
use crate::clock::{DAY, HOUR, seconds, weekday};
use crate::families::cause;

/// Clips when something moves, day and evening, heartbeats between; mostly uplink.
pub fn camera(life: &mut Life) {
    let clip = Size {
        up: 1.8e6,
        down: 60_000.0,
        sd: 0.7,
        length: 28.0,
        length_sd: 0.6,
    };
    let beat = Size {
        up: 9000.0,
        down: 4000.0,
        sd: 0.3,
        length: 6.0,
        length_sd: 0.4,
    };
    let view = Size {
        up: 9e6,
        down: 250_000.0,
        sd: 0.9,
        length: 150.0,
        length_sd: 0.8,
    };
    let night = life.rng.magnitude(0.05, 0.9);
    let work = life.rng.chance(0.5);
    life.reports(life.customer.period, 0.02, |life, at| {
        let cell = life.cell();
        life.data(at, beat, cell);
    });
    life.arrivals(
        |_, hour, day| {
            let light = if (7..20).contains(&hour) { 1.0 } else { night };
            let quiet = if work && weekday(day) > 4 { 0.4 } else { 1.0 };
            0.3 * light * quiet
        },
        |life, at| {
            let cell = life.cell();
            let mut at = at;
            for _ in 0..1 + (life.rng.exponential() * 2.0).min(9.0) as usize {
                life.data(at, clip, cell);
                at += seconds(life.rng.range(40.0, 400.0));
            }
        },
    );
    // Somebody looks at the live picture.
    life.arrivals(
        |_, hour, _| if (8..23).contains(&hour) { 0.03 } else { 0.004 },
        |life, at| {
            let cell = life.cell();
            life.data(at, view, cell);
        },
    );
}

/// One long session after the other, busy in the evening, most of it downlink.
pub fn router(life: &mut Life) {
    let home = life.rng.chance(0.6);
    let hourly = 1.6e7;
    let mean = life.rng.magnitude(0.7, 3.5);
    let mut at = life.sim.from + seconds(life.rng.exponential() * 1800.0);
    while at < life.world.to {
        let (hour, day) = life.local(at);
        let evening = if home {
            (18..24).contains(&hour)
        } else {
            (8..18).contains(&hour)
        };
        let quiet = hour < 6 || (!home && weekday(day) > 4);
        let busy = if evening {
            2.5
        } else if quiet {
            0.15
        } else {
            0.8
        };
        let hours = (mean * life.rng.exponential() / life.sim.pace).clamp(0.02, 12.0);
        let volume = hourly * busy * hours.sqrt();
        let size = Size {
            up: volume * 0.1,
            down: volume,
            sd: 0.6,
            length: hours * 3600.0,
            length_sd: 0.05,
        };
        let cell = life.cell();
        life.data(at, size, cell);
        let Some(last) = life.sessions.last_mut() else {
            return;
        };
        let end = last.end.min(at + DAY);
        if last.cause == cause::IDLE && hours < 0.5 {
            last.cause = cause::NORMAL;
        }
        let gap = if life.rng.chance(0.75) { 20.0 } else { 1500.0 };
        at = end.max(at) + seconds(5.0 + life.rng.exponential() * gap);
        if life.rng.chance(0.01) {
            at += HOUR;
        }
    }
    if life.rng.chance(0.2) {
        let at =
            life.sim.from + (life.rng.uniform() * (life.world.to - life.sim.from) as f64) as i64;
        let cell = life.cell();
        life.sms(at - at % 1000, 0, 1, cell);
    }
}
