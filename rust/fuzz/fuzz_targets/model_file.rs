//! Any bytes as a model file, with the length and the checksum made right so
//! that what lies behind them is reached. What is accepted must work and must
//! be written as it was read.
//!
//! `make fuzz`
#![no_main]

use fastrcf::{Model, Rows};
use libfuzzer_sys::fuzz_target;
use xxhash_rust::xxh3::xxh3_64;

fuzz_target!(|data: &[u8]| {
    let mut file = data.to_vec();
    let n = file.len();
    if n >= 40 {
        file[16..24].copy_from_slice(&(n as u64).to_le_bytes());
        let checksum = xxh3_64(&file[..n - 8]);
        file[n - 8..].copy_from_slice(&checksum.to_le_bytes());
    }
    match Model::from_bytes(&file) {
        Ok(Model::Forest(mut forest)) => {
            forest.check().expect("an accepted forest is whole");
            let row = vec![0.5; forest.n_features()];
            let rows = Rows::from_f64(&row, row.len()).expect("one row");
            let _ = forest.process(&rows);
            forest.check().expect("and stays so");
        }
        Ok(Model::Frozen(forest)) => {
            assert!(forest.to_bytes() == file, "read and written again");
            let row = vec![0.5; forest.n_features()];
            let rows = Rows::from_f64(&row, row.len()).expect("one row");
            let _ = forest.score(&rows);
        }
        Ok(Model::Detector(mut detector)) => {
            let row = vec![0.5; detector.features().len()];
            let rows = Rows::from_f64(&row, row.len()).expect("one row");
            let found = detector.process(&rows).expect("any finite row has coordinates");
            assert!(found.grades.iter().all(|grade| (0.0..=1.0).contains(grade)));
            detector.forest().check().expect("and its forest stays whole");
        }
        Ok(Model::Series(mut series)) => {
            assert!(series.to_bytes() == file, "read and written again");
            let row = vec![0.5; series.columns().len()];
            let rows = Rows::from_f64(&row, row.len()).expect("one row");
            if series.process(&rows, None).is_err() {
                series.process(&rows, Some(&[1.0])).expect("with a time or without");
            }
            series.forest().check().expect("and its forest stays whole");
        }
        Ok(Model::SeriesSet(mut set)) => {
            assert!(set.to_bytes() == file, "read and written again");
            let row = vec![0.5; set.columns().len()];
            let rows = Rows::from_f64(&row, row.len()).expect("one row");
            let key = ["k".to_owned()];
            if set.process(&key, &rows, None).is_err() {
                set.process(&key, &rows, Some(&[1.0])).expect("with a time or without");
            }
        }
        _ => {}
    }
});
