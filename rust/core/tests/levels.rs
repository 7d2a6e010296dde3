//! Every instruction set gives the bits of every other one, on any number of
//! threads, and the switch that forces one does so or says why not. The level is
//! read once per process, so processes of their own are asked.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that fails may panic"
)]

mod files;

use fastrcf::{
    ColumnKind, Detection, Detector, DetectorBuilder, DetectorConfig, Forest, ForestConfig, Level,
    Model, Rows, Sampling, Scaling, ScoreKind, forced_level, level,
};
use files::{rows_of, small_models, stream};
use std::process::Command;
use std::sync::OnceLock;
use xxhash_rust::xxh3::Xxh3;

const SWITCH: &str = "FASTRCF_SIMD";

/// Whether the machine has a level, by the processor alone.
#[cfg(target_arch = "x86_64")]
fn has(level: Level) -> bool {
    macro_rules! all {
        ($($feature:tt),*) => { $(is_x86_feature_detected!($feature))&&* };
    }
    let avx2 = || all!("avx2", "popcnt", "bmi1", "bmi2");
    let avx512 = || avx2() && all!("fma", "avx512f", "avx512bw", "avx512dq", "avx512vl");
    match level {
        Level::Portable => true,
        Level::Neon => false,
        Level::Avx2 => avx2(),
        Level::Avx512 => avx512(),
        Level::Avx512Vbmi => avx512() && all!("avx512vbmi", "avx512vbmi2"),
    }
}

#[cfg(not(target_arch = "x86_64"))]
fn has(level: Level) -> bool {
    level == Level::Portable || level == Level::Neon && cfg!(target_arch = "aarch64")
}

fn best() -> Level {
    let all = Level::ALL.into_iter();
    all.filter(|&level| has(level)).max().unwrap()
}

/// Takes answers in, bit by bit.
struct Digest(Xxh3);

impl Digest {
    fn numbers(&mut self, values: &[f64]) {
        for value in values {
            self.0.update(&value.to_bits().to_le_bytes());
        }
    }

    fn detection(&mut self, found: &Detection) {
        self.numbers(&found.scores);
        self.numbers(&found.grades);
        for reason in found.reasons.iter().flatten() {
            self.numbers(&[reason.share, reason.value]);
            self.numbers(&reason.usual);
            self.numbers(&reason.near);
            self.0.update(reason.text.as_bytes());
        }
    }
}

/// All that a forest, living or frozen, says of rows.
macro_rules! ask {
    ($digest:expr, $forest:expr, $rows:expr, $gaps:expr) => {{
        let (digest, forest, rows): (&mut Digest, _, &Rows<'_>) = ($digest, $forest, $rows);
        for (_, kind) in ScoreKind::NAMES {
            digest.numbers(&forest.score_by(kind, rows).unwrap());
            // Alone rows go another way.
            for i in (0..rows.n_rows()).step_by(29) {
                let row = rows.slice(i..i + 1);
                digest.numbers(&forest.score_by(kind, &row).unwrap());
            }
            let parts = forest.attribution_by(kind, rows).unwrap();
            digest.numbers(&parts.low);
            digest.numbers(&parts.high);
        }
        digest.numbers(&forest.codisp(rows).unwrap());
        let density = forest.density(rows, None).unwrap();
        digest.numbers(&density.values);
        digest.numbers(&density.low);
        digest.numbers(&density.high);
        let near = forest.neighbors(rows, 3).unwrap();
        digest.numbers(&near.distances);
        let points = near.points.iter().map(|&v| f64::from(v));
        digest.numbers(&points.collect::<Vec<_>>());
        let ids = near.ids.iter().map(|&id| id as f64);
        digest.numbers(&ids.collect::<Vec<_>>());
        if let Some(gaps) = $gaps {
            let filled = forest.impute(&gaps).unwrap();
            digest.numbers(&filled.values);
            digest.numbers(&filled.lower);
            digest.numbers(&filled.upper);
        }
    }};
}

fn forests(digest: &mut Digest, n_threads: usize) {
    let samplings = [
        Sampling::Decay { rate: Some(0.01) },
        Sampling::Uniform,
        Sampling::Window,
    ];
    for (i, d) in [1, 2, 3, 4, 5, 8, 13, 16, 17, 30, 33, 40, 100]
        .into_iter()
        .enumerate()
    {
        let config = ForestConfig {
            n_trees: 40,
            sample_size: 64,
            shingle_size: 1 + i % 2,
            sampling: samplings[i % 3],
            seed: 3,
            n_threads,
            ..Default::default()
        };
        let shingle = config.shingle_size;
        let values = stream(700, d, 24 + d as u64);
        let rows = rows_of(&values, d);
        let mut forest = Forest::new(config, d).unwrap();
        forest.insert(&rows.slice(0..300)).unwrap();
        digest.numbers(&forest.process(&rows.slice(300..600)).unwrap());
        let shingles = vec![0.5; d * shingle];
        forest.delete(&rows_of(&shingles, d * shingle)).unwrap();
        // Enough rows for whole blocks, and for a last one that is not full.
        let few = rows.slice(550..700);
        // Of a row of one value nothing would be known.
        let mut holes = values[550 * d..600 * d].to_vec();
        for (at, row) in holes.chunks_exact_mut(d).enumerate() {
            row[at % d] = f64::NAN;
        }
        let gaps = || (d * shingle > 1).then(|| rows_of(&holes, d));
        ask!(digest, &forest, &few, gaps());
        let frozen = forest.freeze().unwrap();
        ask!(digest, &frozen, &few, gaps());
        for (_, kind) in ScoreKind::NAMES {
            digest.numbers(&frozen.score_by(kind, &rows).unwrap());
            let parts = frozen.attribution_by(kind, &rows).unwrap();
            digest.numbers(&parts.low);
            digest.numbers(&parts.high);
        }
        if shingle > 1 {
            let coming = forest.forecast(7).unwrap();
            digest.numbers(&coming.values);
            digest.numbers(&coming.lower);
            digest.numbers(&coming.upper);
        }
        forest.set_threads(1);
        digest.0.update(&Model::Forest(forest).to_bytes());
    }
}

/// Fitted to numbers of each scaling and to a category.
fn detector(d: usize, values: &[f64], kind: ScoreKind, n_threads: usize) -> Detector {
    let scalings = [
        ColumnKind::Number(Scaling::Auto),
        ColumnKind::Number(Scaling::LogRobust),
        ColumnKind::Category,
        ColumnKind::Number(Scaling::Rank),
    ];
    let columns = (0..d).map(|j| (format!("c{j}"), scalings[j % 4]));
    let config = DetectorConfig {
        n_trees: 20,
        sample_size: 64,
        alert_rate: 0.05,
        score: kind,
        seed: 4,
        n_threads,
        ..Default::default()
    };
    let mut builder = DetectorBuilder::new(config, columns.collect()).unwrap();
    for j in (2..d).step_by(4) {
        for name in ["a", "b", "c"] {
            builder.category(j, name);
        }
    }
    builder.add(&rows_of(values, d)).unwrap();
    builder.finish(&mut || false).unwrap()
}

fn detectors(digest: &mut Digest, n_threads: usize) {
    for (d, (_, kind)) in [2, 6, 11, 30].into_iter().zip(ScoreKind::NAMES) {
        let mut values = stream(1100, d, 31 + d as u64);
        for row in values.chunks_exact_mut(d) {
            // A relation to watch, and codes of categories.
            row[1] = 3.0 * row[0];
            for value in row.iter_mut().skip(2).step_by(4) {
                *value = (*value + 2.0).rem_euclid(3.0).floor();
            }
        }
        let mut detector = detector(d, &values[..800 * d], kind, n_threads);
        let rows = rows_of(&values, d);
        let stream = rows.slice(800..1100);
        digest.detection(&detector.detect(&stream).unwrap());
        digest.detection(&detector.process(&stream).unwrap());
        digest.detection(&detector.detect(&rows.slice(0..5)).unwrap());
        let mut model = Model::Detector(Box::new(detector));
        model.set_threads(1);
        digest.0.update(&model.to_bytes());
    }
}

/// A number that stands for every bit of states and answers, at widths that
/// take all ways through the kernels.
fn digest(n_threads: usize) -> String {
    let mut digest = Digest(Xxh3::new());
    forests(&mut digest, n_threads);
    detectors(&mut digest, n_threads);
    for model in small_models() {
        digest.0.update(&model.to_bytes());
    }
    format!("{:016x}", digest.0.digest())
}

#[test]
#[ignore = "the tests of instruction sets run it in processes of their own"]
fn level_of_this_process() {
    let asked = match forced_level() {
        Ok(level) => level.map_or("none", Level::name).to_owned(),
        Err(error) => error.to_string(),
    };
    println!("\nlevel: {}\nasked: {asked}", level().name());
}

#[test]
#[ignore = "the tests of instruction sets run it in processes of their own"]
fn digest_of_this_process() {
    println!("\nlevel: {}\ndigest: {}", level().name(), digest(1));
}

/// What a process says that finds `text` in the environment, and its standard error.
fn child(test: &str, text: Option<&str>) -> (impl Fn(&str) -> String + use<>, String) {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args([test, "--exact", "--ignored", "--nocapture"]);
    match text {
        Some(text) => command.env(SWITCH, text),
        None => command.env_remove(SWITCH),
    };
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}{errors}");
    let of = move |what: &str| {
        let lines = said.lines().map(|line| line.split_once(": "));
        let found = lines.flatten().find(|(name, _)| *name == what);
        let (_, text) = found.unwrap_or_else(|| panic!("no {what} in {said}"));
        text.to_owned()
    };
    (of, errors)
}

/// This process's digest.
fn ours() -> &'static str {
    static OURS: OnceLock<String> = OnceLock::new();
    OURS.get_or_init(|| digest(1))
}

fn same_bits_with(wanted: Level) {
    if !has(wanted) {
        println!("skipped: this machine has no {}", wanted.name());
        return;
    }
    let (said, _) = child("digest_of_this_process", Some(wanted.name()));
    assert_eq!(said("level"), wanted.name(), "the switch does not switch");
    assert_eq!(
        said("digest"),
        ours(),
        "{} and {} differ",
        wanted.name(),
        level().name()
    );
}

#[test]
fn portable_code_gives_the_same_bits() {
    same_bits_with(Level::Portable);
}

#[test]
fn avx2_gives_the_same_bits() {
    same_bits_with(Level::Avx2);
}

#[test]
fn avx512_gives_the_same_bits() {
    same_bits_with(Level::Avx512);
}

#[test]
fn avx512_with_vbmi_gives_the_same_bits() {
    same_bits_with(Level::Avx512Vbmi);
}

#[test]
fn neon_gives_the_same_bits() {
    same_bits_with(Level::Neon);
}

#[test]
fn threads_give_the_same_bits() {
    for n_threads in [2, 3] {
        assert_eq!(digest(n_threads), ours(), "{n_threads} threads");
    }
}

#[test]
fn without_a_word_it_is_the_best_that_the_machine_has() {
    for text in [None, Some("")] {
        let (said, errors) = child("level_of_this_process", text);
        assert_eq!(said("level"), best().name());
        assert_eq!((said("asked").as_str(), errors.as_str()), ("none", ""));
    }
}

#[test]
fn a_level_that_the_machine_lacks_is_the_best_that_it_has() {
    for wanted in Level::ALL.into_iter().filter(|&level| !has(level)) {
        let (said, errors) = child("level_of_this_process", Some(wanted.name()));
        assert_eq!(said("level"), best().name(), "{}", wanted.name());
        assert_eq!(
            (said("asked").as_str(), errors.as_str()),
            (wanted.name(), "")
        );
    }
}

#[test]
fn a_level_that_nobody_knows_is_told_once_and_is_the_best() {
    for (text, shown) in [("avx3", "avx3"), ("AVX2", "AVX2"), ("avx2\n ", "avx2\\n ")] {
        let (said, errors) = child("level_of_this_process", Some(text));
        let why =
            format!("FASTRCF_SIMD: '{shown}' is none of portable, neon, avx2, avx512, avx512vbmi");
        assert_eq!(said("level"), best().name());
        assert_eq!(said("asked"), why);
        assert_eq!(
            errors,
            format!("fastrcf: {why}; {} is used\n", best().name())
        );
    }
}
