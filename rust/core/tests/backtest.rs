//! Backtests: they know nothing of what comes after an origin, and calibrate
//! forecasts as their definition says.
#![allow(clippy::unwrap_used, reason = "a test that fails may panic")]

use fastrcf::{Backtest, Error, Forecast, Forest, ForestConfig, Rows, Sampling};

fn forest(shingle_size: usize, sampling: Sampling, values: &[f64], n_features: usize) -> Forest {
    let config = ForestConfig {
        n_trees: 20,
        sample_size: 256,
        shingle_size,
        sampling,
        seed: 3,
        ..Default::default()
    };
    let mut forest = Forest::new(config, n_features).unwrap();
    let rows = Rows::from_f64(values, n_features).unwrap();
    forest.insert(&rows).unwrap();
    forest
}

const SAMPLINGS: [Sampling; 3] = [
    Sampling::Decay { rate: None },
    Sampling::Uniform,
    Sampling::Window,
];

/// A number between -1 and 1 that nothing tells.
fn chance(i: u32) -> f64 {
    f64::from(
        i.wrapping_mul(2_654_435_761)
            .rotate_left(13)
            .wrapping_mul(40_503)
            >> 8,
    ) / f64::from(1u32 << 23)
        - 1.0
}

#[test]
fn no_forecast_knows_what_comes_after_it() {
    // Every second row is one level up; by how much the next one differs is chance.
    let x: Vec<f64> = (0..300)
        .flat_map(|i| {
            let level = 100.0 * f64::from(i);
            [level, level + 30.0 * chance(i)]
        })
        .collect();
    for sampling in SAMPLINGS {
        let mut forest = forest(2, sampling, &x, 1);
        let (before, bytes) = (forest.clone(), forest.to_bytes());
        let history = Rows::from_f64(&x[500..], 1).unwrap();
        let one = forest.backtest(&history, 1).unwrap();
        assert_eq!(one.n_origins(), 99);
        assert_eq!(one.actual, x[501..]);
        for (value, actual) in one.values.iter().zip(&one.actual).step_by(2) {
            assert!((value - actual).abs() > 40.0, "{value} for {actual}");
        }
        for threads in [1, 3] {
            forest.set_threads(threads);
            assert_eq!(forest.backtest(&history, 1).unwrap(), one);
        }
        forest.set_threads(before.config().n_threads);
        assert_eq!(forest.to_bytes(), bytes);
    }
}

#[test]
fn what_comes_again_and_again_is_not_forgotten() {
    let x: Vec<f64> = (0..900).map(|i| f64::from(i % 3)).collect();
    for sampling in SAMPLINGS {
        let forest = forest(3, sampling, &x, 1);
        let history = Rows::from_f64(&x[750..], 1).unwrap();
        let found = forest.backtest(&history, 4).unwrap();
        assert_eq!(found.values, found.actual);
    }
}

#[test]
fn ranges_move_by_the_quantile_of_each_end() {
    // One step and two columns; 19 forecasts, each beyond the ends by 1 to 19.
    let n = 19;
    let actual: Vec<f64> = (0..n).flat_map(|i| [f64::from(i), 5.0]).collect();
    let past = Backtest {
        n_columns: 2,
        horizon: 1,
        values: vec![0.0; actual.len()],
        lower: vec![0.0; actual.len()],
        upper: vec![2.0; actual.len()],
        actual,
    };
    let plain = Forecast {
        n_columns: 2,
        values: vec![1.0, 1.0],
        lower: vec![0.5, 0.5],
        upper: vec![2.0, 2.0],
    };
    // 0.95 of 20: the 19th of 19, the largest.
    let found = plain.clone().calibrated(&past, 0.9).unwrap();
    assert_eq!(found.values, plain.values);
    // Below: 0 - 0 at most; above: 18 - 2.
    assert_eq!(found.lower, [0.5, 1.0]);
    assert_eq!(found.upper, [18.0, 5.0]);
    // 0.75 of 20: the 15th.
    let found = plain.clone().calibrated(&past, 0.5).unwrap();
    assert_eq!(found.lower, [1.0, 1.0]);
    assert_eq!(found.upper, [14.0, 5.0]);
    let refused = |past: &Backtest, coverage| match plain.clone().calibrated(past, coverage) {
        Err(Error::InvalidConfig { parameter, .. }) => parameter,
        other => panic!("{other:?}"),
    };
    assert_eq!(refused(&past, 0.91), "backtest");
    for coverage in [0.0, 1.0, f64::NAN] {
        assert_eq!(refused(&past, coverage), "coverage");
    }
    for wrong in [
        Backtest {
            n_columns: 1,
            horizon: 2,
            ..past.clone()
        },
        Backtest {
            lower: Vec::new(),
            ..past.clone()
        },
        Backtest {
            horizon: 0,
            ..past.clone()
        },
        Backtest {
            horizon: 3,
            ..past.clone()
        },
    ] {
        assert_eq!(refused(&wrong, 0.5), "backtest");
    }
}

#[test]
fn a_backtest_is_interrupted_and_refuses_what_the_stream_did_not_bring() {
    let x: Vec<f64> = (0..400).map(chance).collect();
    let forest = forest(4, Sampling::Window, &x, 1);
    let mut asked = 0;
    let mut stop = || {
        asked += 1;
        asked > 500
    };
    let history = Rows::from_f64(&x[300..], 1).unwrap();
    assert!(matches!(
        forest.backtest_with(&history, 5, &mut stop),
        Err(Error::Interrupted)
    ));
    let shifted = Rows::from_f64(&x[300..399], 1).unwrap();
    let whole = Rows::from_f64(&x, 1).unwrap();
    let short = Rows::from_f64(&x[393..], 1).unwrap();
    for wrong in [&shifted, &whole, &short] {
        assert!(matches!(
            forest.backtest(wrong, 5),
            Err(Error::InvalidInput { .. })
        ));
    }
}
