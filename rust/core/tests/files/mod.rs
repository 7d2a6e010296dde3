//! Model files for tests, and ways to damage them.
#![allow(dead_code, reason = "not every test file uses all of it")]
#![allow(clippy::unwrap_used, reason = "a test that fails may panic")]

use fastrcf::{
    AlertBudget, ColumnKind, Detector, DetectorBuilder, DetectorConfig, Forest, ForestConfig,
    Model, Rows, Sampling, Scaling, SeriesConfig, SeriesDetector, SeriesSet,
};
use xxhash_rust::xxh3::xxh3_64;

/// SplitMix64.
pub struct Numbers(pub u64);

impl Numbers {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }

    pub fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }
}

/// `n` rows of `d` values, some of them repeated.
pub fn stream(n: usize, d: usize, seed: u64) -> Vec<f64> {
    let mut numbers = Numbers(seed);
    let mut values: Vec<f64> = Vec::with_capacity(n * d);
    for row in 0..n {
        if row > 10 && numbers.below(5) == 0 {
            let from = (row - 7) * d;
            values.extend_from_within(from..from + d);
        } else {
            values.extend((0..d).map(|_| numbers.unit() * 4.0 - 2.0));
        }
    }
    values
}

pub fn rows_of(values: &[f64], d: usize) -> Rows<'_> {
    Rows::from_f64(values, d).unwrap()
}

/// One small model of each kind.
pub fn small_models() -> Vec<Model> {
    let config = ForestConfig {
        n_trees: 3,
        sample_size: 8,
        shingle_size: 2,
        sampling: Sampling::Decay { rate: Some(0.02) },
        feature_weights: Some(vec![1.0, 2.0]),
        seed: 9,
        n_threads: 1,
    };
    let mut forest = Forest::new(config, 2).unwrap();
    let values = stream(60, 2, 3);
    forest.insert(&rows_of(&values, 2)).unwrap();
    let notes = [("a", "b"), ("ü", "")].map(|(name, text)| (name.into(), text.into()));
    forest.set_notes(notes.into()).unwrap();
    let frozen = forest.freeze().unwrap();
    let detector = Box::new(small_detector());
    vec![
        Model::Forest(forest),
        Model::Frozen(frozen),
        Model::Detector(detector),
        Model::Series(Box::new(small_series(true))),
        Model::Series(Box::new(small_series(false))),
        Model::SeriesSet(Box::new(small_set(None))),
        Model::Series(Box::new(small_series_of(Some(AlertBudget::Share(0.2)), 40))),
        Model::Series(Box::new(small_series_of(Some(AlertBudget::PerDay(9.0)), 4))),
        Model::SeriesSet(Box::new(small_set(Some(AlertBudget::PerDay(400.0))))),
    ]
}

fn series_config() -> SeriesConfig {
    SeriesConfig {
        n_trees: 3,
        sample_size: 8,
        period: Some(600.0),
        trailing: 3,
        warm_up: 6,
        episode: Some(2),
        habituation: Some(20.0),
        seed: 5,
        n_threads: 1,
        time_column: Some("when".into()),
        ..Default::default()
    }
}

/// A detector of a series, in its warm-up or behind it.
pub fn small_series(is_warm: bool) -> SeriesDetector {
    small_series_of(None, if is_warm { 40 } else { 4 })
}

/// A detector of a series that has seen so many rows, at least 4.
pub fn small_series_of(budget: Option<AlertBudget>, n: usize) -> SeriesDetector {
    let columns = vec!["a".to_owned(), "ü".to_owned()];
    let config = SeriesConfig {
        budget,
        ..series_config()
    };
    let mut detector = SeriesDetector::new(config, columns).unwrap();
    let mut values = stream(n, 2, 11);
    values[3] = f64::NAN;
    let times: Vec<f64> = (0..n).map(|i| (i / 2) as f64 * 60.0).collect();
    detector
        .process(&rows_of(&values, 2), Some(&times))
        .unwrap();
    detector
}

/// Three series, and one that made room.
pub fn small_set(budget: Option<AlertBudget>) -> SeriesSet {
    let columns = vec!["a".to_owned()];
    let config = SeriesConfig {
        budget,
        ..series_config()
    };
    let mut set = SeriesSet::new(config, columns, 3).unwrap();
    let values = stream(60, 1, 12);
    let keys: Vec<String> = (0..60u32).map(|i| format!("k{}", i / 15)).collect();
    let times: Vec<f64> = (0..60).map(|i| f64::from(i) * 30.0).collect();
    set.process(&keys, &rows_of(&values, 1), Some(&times))
        .unwrap();
    set
}

/// A detector with a column of each kind.
pub fn small_detector() -> Detector {
    let kinds = [
        ColumnKind::Number(Scaling::Auto),
        ColumnKind::Number(Scaling::LogRobust),
        ColumnKind::Number(Scaling::Rank),
        ColumnKind::Category,
    ];
    let columns = kinds.iter().enumerate();
    let columns = columns.map(|(j, &kind)| (format!("c{j}"), kind)).collect();
    let config = DetectorConfig {
        n_trees: 3,
        sample_size: 8,
        alert_rate: 0.1,
        seed: 4,
        n_threads: 1,
        ..Default::default()
    };
    let mut builder = DetectorBuilder::new(config, columns).unwrap();
    let names = ["a", "b", "ü", ""];
    let codes = names.map(|name| builder.category(3, name));
    let mut values = stream(40, 4, 8);
    for (i, row) in values.chunks_exact_mut(4).enumerate() {
        row[3] = codes[i * i % 4];
        row[1] = 3.0 * row[0];
    }
    builder.add(&rows_of(&values, 4)).unwrap();
    let mut detector = builder.finish(&mut || false).unwrap();
    assert_eq!(
        (detector.forests().len(), detector.relations().len()),
        (2, 1)
    );
    // So that its threshold rests on a stream.
    detector.process(&rows_of(&values[..4 * 9], 4)).unwrap();
    detector
}

/// Makes the checksum right again, and the announced length if asked.
pub fn reseal(file: &mut [u8], length: bool) {
    let n = file.len();
    if n < 40 {
        return;
    }
    if length {
        file[16..24].copy_from_slice(&(n as u64).to_le_bytes());
    }
    let checksum = xxh3_64(&file[..n - 8]);
    file[n - 8..].copy_from_slice(&checksum.to_le_bytes());
}

/// Damages a file in one of the ways that people and disks do, then seals it
/// again so that the damage gets past the checksum.
pub fn mutate(file: &mut Vec<u8>, numbers: &mut Numbers) {
    const ODD: [u32; 8] = [
        0,
        1,
        2,
        0x7f80_0000,
        0x8000_0000,
        0x7fff_ffff,
        u32::MAX,
        255,
    ];
    for _ in 0..1 + numbers.below(3) {
        let at = numbers.below(file.len());
        match numbers.below(6) {
            0 => file[at] ^= 1 << numbers.below(8),
            1 => file[at] = numbers.next() as u8,
            2 | 3 => {
                let at = at / 4 * 4;
                if let Some(word) = file.get_mut(at..at + 4) {
                    word.copy_from_slice(&ODD[numbers.below(ODD.len())].to_le_bytes());
                }
            }
            4 => {
                let (from, n) = (numbers.below(file.len()), 8 * (1 + numbers.below(4)));
                let piece = file[from..(from + n).min(file.len())].to_vec();
                let end = (at + piece.len()).min(file.len());
                file[at..end].copy_from_slice(&piece[..end - at]);
            }
            _ if numbers.below(8) == 0 => file.truncate(at.max(48)),
            _ => file[at] = file[at].wrapping_add(1),
        }
    }
    reseal(file, true);
}
