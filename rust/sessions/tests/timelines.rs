//! What holds for every timeline, whatever the seed.

use fastrcf_sessions::{Block, Family, Kind, Params, Session, World, kilometres, timeline};

fn params(seed: u64) -> Params {
    Params {
        sims: 3000,
        days: 7,
        seed,
        first_day: 20_514,
        fraud: 1.0,
    }
}

fn lives(world: &World) -> Vec<Vec<Session>> {
    (0..world.params.sims)
        .map(|number| {
            let mut sessions = Vec::new();
            timeline(world, &world.sim(number), &mut sessions);
            sessions
        })
        .collect()
}

#[test]
fn sessions_are_in_order_inside_the_days_and_no_device_has_two_at_once() {
    for seed in 0..3 {
        let world = World::new(params(seed));
        for (number, sessions) in lives(&world).iter().enumerate() {
            let sim = world.sim(number as u32);
            let healthy = world.incidents_of(number as u32).next().is_none();
            for session in sessions {
                assert!((sim.from..world.to).contains(&session.start));
                assert!(session.end >= session.start);
                assert!(session.up >= 0 && session.down >= 0);
                assert_eq!(session.start % 1000, 0, "whole milliseconds");
                let message = session.sms_mo + session.sms_mt > 0;
                assert_eq!(message, session.service == 1);
                assert!(!message || (session.end == session.start && session.bytes() == 0));
            }
            for pair in sessions.windows(2) {
                assert!(pair[0].start <= pair[1].start);
            }
            if healthy {
                let data: Vec<_> = sessions.iter().filter(|s| s.service == 0).collect();
                for pair in data.windows(2) {
                    assert!(pair[0].end <= pair[1].start, "SIM {number} has two at once");
                }
            }
        }
    }
}

#[test]
fn labels_are_those_of_incidents_that_the_sim_is_part_of() {
    let world = World::new(params(5));
    let mut seen = vec![0_u32; world.incidents.len() + 1];
    for (number, sessions) in lives(&world).iter().enumerate() {
        for session in sessions.iter().filter(|s| s.incident > 0) {
            let incident = &world.incidents[session.incident as usize - 1];
            assert_eq!(incident.number, session.incident);
            assert!(incident.sims.contains(&(number as u32)));
            assert!(session.start >= incident.onset);
            if !matches!(incident.kind, Kind::SilentDevice | Kind::Exfiltration) {
                assert!(session.start < incident.end, "{incident:?}");
            }
            seen[session.incident as usize] += 1;
        }
    }
    for kind in Kind::ALL {
        let of_kind = world.incidents.iter().filter(|i| i.kind == kind);
        let sessions: u32 = of_kind.map(|i| seen[i.number as usize]).sum();
        assert!(sessions > 0, "no session of {}", kind.label());
    }
    let mut sims: Vec<u32> = world
        .incidents
        .iter()
        .flat_map(|i| i.sims.clone())
        .collect();
    let all = sims.len();
    sims.sort_unstable();
    sims.dedup();
    assert_eq!(sims.len(), all, "a SIM is part of one incident");
}

#[test]
fn incidents_leave_healthy_sims_as_they_are() {
    let world = World::new(params(7));
    let calm = World::new(Params {
        fraud: 0.0,
        ..params(7)
    });
    assert!(calm.incidents.is_empty());
    for (number, (one, other)) in lives(&world).iter().zip(lives(&calm)).enumerate() {
        assert!(other.iter().all(|s| s.incident == 0));
        if world.incidents_of(number as u32).next().is_none() {
            assert_eq!(format!("{one:?}"), format!("{other:?}"));
        }
    }
}

#[test]
fn vehicles_move_as_vehicles_do() {
    let world = World::new(params(11));
    let (mut pairs, mut fast) = (0, 0);
    for (number, sessions) in lives(&world).iter().enumerate() {
        let sim = world.sim(number as u32);
        let healthy = world.incidents_of(number as u32).next().is_none();
        if sim.family != Family::Tracker || !healthy {
            continue;
        }
        for pair in sessions.windows(2) {
            let hours = (pair[1].start - pair[0].start) as f64 / 3.6e9;
            let way = kilometres(pair[0].cell.position(), pair[1].cell.position());
            // A cell's site is up to some kilometres from the vehicle.
            assert!(
                (way - 7.0) / hours.max(1e-6) < 130.0,
                "SIM {number}: {way} km"
            );
            if hours > 0.05 {
                pairs += 1;
                fast += i32::from(way / hours > 130.0);
            }
        }
    }
    assert!(pairs > 10_000);
    assert!(
        f64::from(fast) < 2e-3 * f64::from(pairs),
        "{fast} of {pairs}"
    );
}

#[test]
fn families_have_their_shares_and_volumes() {
    let world = World::new(params(13));
    let lives = lives(&world);
    let mut sims = [0.0; 6];
    let mut sessions = [0.0; 6];
    let mut bytes = [(0.0, 0.0); 6];
    for (number, life) in lives.iter().enumerate() {
        let family = world.sim(number as u32).family as usize;
        sims[family] += 1.0;
        sessions[family] += life.len() as f64;
        for session in life.iter().filter(|s| s.incident == 0) {
            bytes[family].0 += session.up as f64;
            bytes[family].1 += session.down as f64;
        }
    }
    for family in 0..6 {
        let share = sims[family] / 3000.0;
        assert!((share - Family::SHARES[family]).abs() < 0.03);
        let a_day = sessions[family] / sims[family] / 7.0;
        assert!(
            (6.0..35.0).contains(&a_day),
            "{} {a_day}",
            Family::ALL[family].name()
        );
    }
    let share_up = |family: Family| {
        let (up, down) = bytes[family as usize];
        up / (up + down)
    };
    assert!(share_up(Family::Camera) > 0.6);
    assert!(share_up(Family::Router) < 0.3);
    assert!(sessions.iter().sum::<f64>() / 21_000.0 > 11.0);
    assert!(sessions.iter().sum::<f64>() / 21_000.0 < 19.0);
}

#[test]
fn blocks_do_not_matter() {
    let world = World::new(params(17));
    let whole = Block::new(&world, 0, 200);
    let parts = [Block::new(&world, 0, 70), Block::new(&world, 70, 200)];
    assert_eq!(whole.len(), parts.iter().map(Block::len).sum::<usize>());
    for day in 0..7 {
        let all = whole.day(&world, day);
        assert!(all.start_ts.is_sorted());
        let rows = all.start_ts.len();
        for coded in [&all.sim_id, &all.cell, &all.firmware, &all.label] {
            let names = coded.names.offsets.len() as i32 - 1;
            assert_eq!(coded.codes.len(), rows);
            assert!(coded.codes.iter().all(|code| (0..names).contains(code)));
        }
        let ids = |names: &[u8]| -> Vec<[u8; 16]> {
            names
                .chunks_exact(16)
                .map(|id| id.try_into().unwrap())
                .collect()
        };
        let mut one = ids(&all.session_id.bytes);
        let mut other = Vec::new();
        for part in &parts {
            other.extend(ids(&part.day(&world, day).session_id.bytes));
        }
        one.sort_unstable();
        other.sort_unstable();
        assert_eq!(one, other);
        one.dedup();
        assert_eq!(one.len(), rows, "identifiers are different");
    }
}

#[test]
fn a_year_and_a_single_day_can_be_made() {
    for (sims, days) in [(1, 1), (1, 365), (40, 1)] {
        let world = World::new(Params {
            sims,
            days,
            ..params(1)
        });
        let block = Block::new(&world, 0, sims);
        let rows: usize = (0..days as usize)
            .map(|day| block.day(&world, day).start_ts.len())
            .sum();
        assert_eq!(rows, block.len());
    }
}
