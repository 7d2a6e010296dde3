//! Devices that stay where they are and send little: meters, alarm panels, card terminals.

use super::{Life, Size};
use crate::clock::{HOUR, MINUTE, SECOND, civil, seconds, weekday};

/// Readings at regular times; more at the start of a month; woken by messages now and then.
pub fn meter(life: &mut Life) {
    let reading = Size {
        up: 1800.0,
        down: 600.0,
        sd: 0.3,
        length: 12.0,
        length_sd: 0.5,
    };
    let jitter = life.rng.range(0.005, 0.06);
    let woken = life.rng.chance(0.3);
    life.reports(life.customer.period, jitter, |life, at| {
        let cell = life.cell();
        if woken && life.rng.chance(0.15) {
            let ahead = seconds(life.rng.range(4.0, 40.0));
            life.sms(at - ahead, 0, 1, cell);
        }
        life.data(at, reading, cell);
    });
    let readout = Size {
        up: 24_000.0,
        down: 3000.0,
        sd: 0.3,
        length: 45.0,
        length_sd: 0.4,
    };
    for day in life.days() {
        let first = civil(day).2 == 1;
        // Some fleets read everything out once a week, others once a month.
        if first || (life.customer.version.is_multiple_of(3) && weekday(day) == 0) {
            let at = life.midnight(day) + seconds(life.rng.range(0.2, 5.0) * 3600.0);
            let cell = life.cell();
            life.data(at, readout, cell);
        }
    }
}

/// Heartbeats, arming and disarming on working days, and seldom an alarm with messages.
pub fn alarm(life: &mut Life) {
    let beat = Size {
        up: 400.0,
        down: 300.0,
        sd: 0.25,
        length: 4.0,
        length_sd: 0.5,
    };
    let event = Size {
        up: 1500.0,
        down: 700.0,
        sd: 0.5,
        length: 9.0,
        length_sd: 0.6,
    };
    let picture = Size {
        up: 250_000.0,
        down: 9000.0,
        sd: 0.7,
        length: 40.0,
        length_sd: 0.6,
    };
    let jitter = life.rng.range(0.002, 0.03);
    let woken = life.rng.chance(0.35);
    life.reports(life.customer.period, jitter, |life, at| {
        let cell = life.cell();
        if woken && life.rng.chance(0.04) {
            let ahead = seconds(life.rng.range(3.0, 20.0));
            life.sms(at - ahead, 0, 1, cell);
        }
        life.data(at, beat, cell);
    });
    let shop = life.rng.chance(0.7);
    let busy = 0.6 * life.sim.pace;
    for day in life.days() {
        let open = !shop || (weekday(day) < 6 && !life.holiday(day));
        if !open {
            continue;
        }
        let hours = [
            7.0 + 2.0 * life.rng.uniform(),
            17.5 + 3.0 * life.rng.uniform(),
        ];
        for hour in hours {
            let at = life.midnight(day) + seconds(hour * 3600.0);
            for extra in 0..1 + usize::from(life.rng.chance(busy)) {
                let cell = life.cell();
                life.data(at + extra as i64 * 3 * MINUTE, event, cell);
            }
        }
    }
    life.arrivals(
        |_, hour, _| {
            if !(6..=20).contains(&hour) {
                0.016
            } else {
                0.006
            }
        },
        |life, at| {
            let cell = life.cell();
            let n = life.rng.count(3, 9);
            let mut at = at;
            if life.rng.chance(0.6) {
                let messages = life.rng.count(1, 3) as u16;
                life.sms(at, messages, 0, cell);
            }
            for _ in 0..n {
                at += seconds(life.rng.range(20.0, 120.0));
                let size = if life.rng.chance(0.3) { picture } else { event };
                life.data(at, size, cell);
            }
        },
    );
}

/// Payments in opening hours, the day's settlement, a look for new software at night.
pub fn pos(life: &mut Life) {
    let payment = Size {
        up: 3200.0,
        down: 2100.0,
        sd: 0.3,
        length: 11.0,
        length_sd: 0.6,
    };
    let settlement = Size {
        up: 60_000.0,
        down: 15_000.0,
        sd: 0.7,
        length: 35.0,
        length_sd: 0.5,
    };
    let check = Size {
        up: 1500.0,
        down: 12_000.0,
        sd: 0.6,
        length: 8.0,
        length_sd: 0.4,
    };
    let open = life.rng.count(7, 11);
    let close = life.rng.count(17, 23);
    let sundays = life.rng.chance(0.3);
    let closed = move |life: &Life, day: i64| !sundays && (weekday(day) == 6 || life.holiday(day));
    life.arrivals(
        |life, hour, day| {
            if hour < open || hour >= close || closed(life, day) {
                return 0.0;
            }
            let noon = if (12..=13).contains(&hour) || (17..=18).contains(&hour) {
                1.6
            } else {
                1.0
            };
            noon * [1.1, 1.1, 1.2, 1.3, 1.7, 2.1, 1.2][weekday(day) as usize]
        },
        |life, at| {
            let cell = life.cell();
            life.data(at, payment, cell);
        },
    );
    for day in life.days() {
        if !closed(life, day) {
            let at = life.midnight(day) + close as i64 * HOUR;
            let cell = life.cell();
            let late = seconds(life.rng.range(60.0, 2400.0));
            life.data(at + late, settlement, cell);
        }
        let night = life.midnight(day) + 3 * HOUR + life.rng.below(3600) as i64 * SECOND;
        let cell = life.cell();
        life.data(night, check, cell);
    }
}
