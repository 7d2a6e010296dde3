//! Streams of scores whose alerts are counted over every window.

use super::*;
use crate::rng::Rng;

/// Alerts of an expected window.
const TEN: f64 = 10.0;

/// What the scores of a stream do, `t` being expected alerts since it began.
type Scores = fn(t: f64, rng: &mut Rng) -> f64;

fn exponential(base: f64, scale: f64, rng: &mut Rng) -> f64 {
    base + scale * rng.exponential()
}

fn still(_: f64, rng: &mut Rng) -> f64 {
    exponential(1.0, 0.1, rng)
}

fn trend(t: f64, rng: &mut Rng) -> f64 {
    exponential(1.0 + t / 300.0, 0.1 + t / 3000.0, rng)
}

fn falls(t: f64, rng: &mut Rng) -> f64 {
    exponential(20.0 - t / 30.0, 0.5, rng)
}

/// As ten expected alerts are in a day, or a week.
fn days(t: f64, rng: &mut Rng) -> f64 {
    exponential(16.0, 0.3 + 0.2 * libm::sin(t * 0.62), rng)
}

fn weeks(t: f64, rng: &mut Rng) -> f64 {
    exponential(10.0 + 4.0 * libm::sin(t * 0.09), 0.5, rng)
}

fn hours(t: f64, rng: &mut Rng) -> f64 {
    exponential(10.0 + 4.0 * libm::sin(t * 6.2), 0.5, rng)
}

fn heavier(t: f64, rng: &mut Rng) -> f64 {
    let odd = rng.unit() < 0.01 + t / 1e4;
    exponential(10.0, if odd { 3.0 } else { 0.5 }, rng)
}

fn step_up(t: f64, rng: &mut Rng) -> f64 {
    exponential(if t > 150.0 { 3.0 } else { 1.0 }, 0.1, rng)
}

fn step_down(t: f64, rng: &mut Rng) -> f64 {
    exponential(if t > 150.0 { 1.0 } else { 3.0 }, 0.1, rng)
}

/// Now and then a third of the rows of some expected alerts is odd.
fn bursts(t: f64, rng: &mut Rng) -> f64 {
    let odd = t % 60.0 > 57.0 && rng.unit() < 0.3;
    exponential(if odd { 20.0 } else { 10.0 }, 0.5, rng)
}

/// A few values.
fn whole(_: f64, rng: &mut Rng) -> f64 {
    5.0 + libm::floor(exponential(0.0, 2.0, rng))
}

/// Two values, of which the higher is rarer than alerts should be, or not.
fn rare(_: f64, rng: &mut Rng) -> f64 {
    if rng.unit() < 0.0005 { 2.0 } else { 1.0 }
}

fn two(_: f64, rng: &mut Rng) -> f64 {
    if rng.unit() < 0.1 { 2.0 } else { 1.0 }
}

fn constant(_: f64, _: &mut Rng) -> f64 {
    1.5
}

const HELD: [(&str, Scores); 11] = [
    ("still", still),
    ("trend", trend),
    ("falls", falls),
    ("days", days),
    ("weeks", weeks),
    ("hours", hours),
    ("heavier", heavier),
    ("step up", step_up),
    ("step down", step_down),
    ("bursts", bursts),
    ("whole", whole),
];
const TIED: [(&str, Scores); 3] = [("rare", rare), ("two", two), ("constant", constant)];

struct Found {
    scores: Vec<f64>,
    alerts: Vec<bool>,
    grades: Vec<f64>,
}

/// A stream of so many expected alerts.
fn stream(rate: f64, alerts: f64, seed: u64, scores: Scores) -> Found {
    let mut rng = Rng::new(seed, 0);
    let mut training: Vec<f64> = (0..20_000).map(|_| scores(0.0, &mut rng)).collect();
    let tail = Tail::fit(&mut training);
    let mut budget = Budget::new(&tail, rate);
    let n = (alerts / rate) as usize;
    let mut found = Found {
        scores: (0..n).map(|i| scores(i as f64 * rate, &mut rng)).collect(),
        alerts: Vec::new(),
        grades: Vec::new(),
    };
    for &score in &found.scores {
        // As detectors do.
        let moved = score - budget.threshold() + tail.threshold(rate);
        found.grades.push(tail.grade(moved, rate));
        found.alerts.push(budget.take(score));
    }
    assert!(budget.is_sound(rate));
    found
}

/// The fewest and the most alerts of any window.
fn extremes(rate: f64, alerts: &[bool]) -> [usize; 2] {
    let window = (TEN / rate) as usize;
    let mut taken = vec![0];
    for (i, &alert) in alerts.iter().enumerate() {
        taken.push(taken[i] + usize::from(alert));
    }
    let counts = || (window..taken.len()).map(|i| taken[i] - taken[i - window]);
    [counts().min().unwrap(), counts().max().unwrap()]
}

fn share(of: &[f64], above: f64) -> f64 {
    of.iter().filter(|x| **x > above).count() as f64 / of.len() as f64
}

#[test]
fn any_ten_alerts_expected_are_eight_to_twelve() {
    for rate in [0.05, 0.01, 0.001] {
        for (name, scores) in HELD {
            for seed in 0..3 {
                let found = stream(rate, 300.0, seed, scores);
                let [least, most] = extremes(rate, &found.alerts);
                assert!(
                    least >= 8 && most <= 12,
                    "{rate}, {name}, {seed}: {least} to {most}"
                );
                let n = found.alerts.iter().filter(|&&alert| alert).count();
                assert!((270..=330).contains(&n), "{rate}, {name}, {seed}: {n}");
            }
        }
    }
}

#[test]
fn scores_that_are_the_same_may_be_fewer_alerts_and_never_more() {
    for rate in [0.2, 0.05, 0.01, 0.001] {
        for (name, scores) in TIED {
            let found = stream(rate, 300.0, 1, scores);
            let [_, most] = extremes(rate, &found.alerts);
            assert!(most <= 12, "{rate}, {name}: {most}");
            // No row is an alert that scores no higher than any other.
            let least = found.scores.iter().copied().fold(f64::INFINITY, f64::min);
            let rows = found.scores.iter().zip(&found.alerts);
            assert!(
                rows.into_iter()
                    .all(|(score, alert)| !alert || *score > least)
            );
        }
        assert!(!stream(rate, 100.0, 1, constant).alerts.contains(&true));
    }
}

#[test]
fn alerts_are_the_highest_that_there_is_room_for() {
    for rate in [0.05, 0.01, 0.001] {
        let found = stream(rate, 1000.0, 7, still);
        let mut order: Vec<usize> = (0..found.scores.len()).collect();
        order.sort_by(|&a, &b| found.scores[b].total_cmp(&found.scores[a]));
        let n = found.alerts.iter().filter(|&&alert| alert).count();
        let among = |first: usize| order[..first].iter().filter(|&&i| found.alerts[i]).count();
        // Of the rows that are twenty times as rare as alerts nearly all are.
        assert!(among(50) >= 45, "{rate}: {}", among(50));
        assert!(
            among(2000) as f64 > 0.7 * n as f64,
            "{rate}: {}",
            among(2000)
        );
    }
}

#[test]
fn a_row_without_room_has_a_grade_all_the_same() {
    let found = stream(0.01, 120.0, 3, bursts);
    let rows = || found.alerts.iter().zip(&found.grades);
    let refused = rows()
        .filter(|&(alert, grade)| !alert && *grade > 0.5)
        .count();
    assert!(refused > 0);
    assert!(rows().all(|(alert, grade)| !alert || *grade > 0.5));
}

/// Grades of a stream are told by the training scores, moved by as much as the threshold:
/// exact at 0.5 as long as alerts keep their rate, and elsewhere as far as scores keep their
/// shape. Seeds are fixed; the bounds are what was found, and some room.
#[test]
fn grades_of_a_stream_keep_their_meaning_where_scores_keep_their_shape() {
    for (name, scores) in HELD {
        for rate in [0.05, 0.01] {
            let mut grades = Vec::new();
            for seed in 0..6 {
                grades.extend(stream(rate, 300.0, seed, scores).grades);
            }
            let at = |grade: f64| {
                let expected = libm::pow(rate, -libm::log2(1.0 - grade));
                share(&grades, grade) / expected
            };
            if std::env::var_os("FASTRCF_SHOW").is_some() {
                println!(
                    "{name}, {rate}: {:.2} {:.2} {:.2}",
                    at(0.3),
                    at(0.5),
                    at(0.7)
                );
            }
            assert!((at(0.5) - 1.0).abs() < 0.06, "{name}, {rate}: {}", at(0.5));
            if ["still", "falls", "step up", "step down"].contains(&name) {
                assert!(
                    (0.85..1.2).contains(&at(0.3)),
                    "{name}, {rate}: {}",
                    at(0.3)
                );
                assert!((0.6..1.6).contains(&at(0.7)), "{name}, {rate}: {}", at(0.7));
            }
        }
    }
}
