//! The loops against one value at a time, for every layout.

use super::*;
use crate::intake::{Intake, Points};
use crate::kernels::entry;
use crate::rng::Rng;
use crate::{Column, ForestConfig, Rows};

/// Values of many magnitudes, some of them zeros of either sign.
fn values(n: usize, rng: &mut Rng) -> Vec<f64> {
    (0..n)
        .map(|_| match rng.next_u64() % 16 {
            0 => 0.0,
            1 => -0.0,
            _ => (rng.unit() - 0.5) * libm::exp2(60.0 * (rng.unit() - 0.5)),
        })
        .collect()
}

const WIDTHS: [usize; 13] = [1, 2, 3, 4, 5, 7, 8, 15, 16, 17, 30, 100, 1000];

/// Every value by itself, as the first lines of this file have it.
fn naive<S: Scale>(x: &[f64], width: usize, scale: S) -> Vec<u32> {
    let value = |(i, &x): (usize, &f64)| scale.value(x, i % width).to_bits();
    x.iter().enumerate().map(value).collect()
}

fn bits(x: &[f32]) -> Vec<u32> {
    x.iter().map(|x| x.to_bits()).collect()
}

/// Both ways of one loop: as it is built for the machine, and as it is
/// built without further instructions.
fn every_loop<T: Value, S: Scale>(x: &[T], width: usize, scale: S, expected: &[u32]) {
    let n = x.len() / width;
    for stride in [width, width + 3] {
        let mut out = [vec![0.0; n * stride], vec![0.0; n * stride]];
        let limit = T::limit(1e30);
        assert!(entry::convert_rows(
            x,
            width,
            scale,
            limit,
            &mut out[0],
            stride
        ));
        assert!(convert_rows_body(
            x,
            width,
            scale,
            limit,
            &mut out[1],
            stride
        ));
        for out in out {
            for (row, expected) in out.chunks(stride).zip(expected.chunks(width)) {
                assert_eq!(bits(&row[..width]), expected);
                assert!(row[width..].iter().all(|&x| x == 0.0));
            }
        }
    }
}

#[test]
fn every_loop_gives_what_one_value_at_a_time_does() {
    let mut rng = Rng::new(1, 0);
    for width in (1..=40).chain([100, 1000]) {
        for n in [1, 2, 15, 16, 17, 33, 70] {
            let x = values(n * width, &mut rng);
            let single: Vec<f32> = x.iter().map(|&x| x as f32).collect();
            let rounded: Vec<f64> = single.iter().map(|&x| f64::from(x)).collect();
            let (centers, scales) = (values(width, &mut rng), vec![1e-3; width]);
            let lines = Lines {
                centers: &centers,
                scales: &scales,
            };
            every_loop(&x, width, Plain, &naive(&x, width, Plain));
            every_loop(&single, width, Plain, &naive(&rounded, width, Plain));
            let weights = Weights(&centers);
            every_loop(&x, width, weights, &naive(&x, width, weights));
            every_loop(&single, width, weights, &naive(&rounded, width, weights));
            every_loop(&x, width, lines, &naive(&x, width, lines));
            every_loop(&single, width, lines, &naive(&rounded, width, lines));
        }
    }
}

#[test]
fn one_value_is_scaled_in_double_precision_and_rounded_once() {
    let x = 1.0f64 + f64::EPSILON;
    assert_eq!(Weights(&[0.1]).value(x, 0), (x * 0.1) as f32);
    assert_eq!(
        Weights(&[0.1]).value(0.3f32, 0),
        (f64::from(0.3f32) * 0.1) as f32
    );
    assert_eq!(Plain.value(-0.0, 0).to_bits(), 0);
    assert_eq!(Weights(&[-0.0]).value(5.0, 0).to_bits(), 0);
    let lines = Lines {
        centers: &[1.0, 2.0],
        scales: &[3.0, 1e-300],
    };
    assert_eq!(lines.value(2.0, 0), (1.0 / 3.0) as f32);
    assert_eq!(lines.value(-1.0, 1), -1e9);
    assert_eq!(lines.value(9.0, 1), 1e9);
    assert_eq!(lines.value(2.0, 1), 0.0);
}

#[test]
fn what_is_beyond_the_limit_is_found_wherever_it_is() {
    for n in [1, 2, 31, 32, 33, 64, 100] {
        for at in 0..n {
            for bad in [1.1, -1.1, f64::NAN, -f64::NAN, f64::INFINITY] {
                let mut x = vec![1.0; n];
                assert!(entry::all_within(&x, 1.0) && all_within_body(&x, 1.0));
                x[at] = bad;
                assert!(!entry::all_within(&x, 1.0) && !all_within_body(&x, 1.0));
                let x: Vec<f32> = x.iter().map(|&x| x as f32).collect();
                assert!(!entry::all_within(&x, 1.0) && !all_within_body(&x, 1.0));
            }
        }
    }
}

#[test]
fn a_value_beyond_the_limit_is_found_while_rows_are_scaled() {
    for width in (1..=20).chain([33]) {
        let n = 5;
        for at in 0..n * width {
            for bad in [1.5, -1.5, f64::NAN, f64::NEG_INFINITY] {
                let mut x = vec![1.0; n * width];
                let mut out = vec![0.0; n * width];
                assert!(entry::convert_rows(&x, width, Plain, 1.0, &mut out, width));
                assert!(entry::convert_column(&x, 0, Plain, 1.0, &mut out));
                x[at] = bad;
                assert!(!entry::convert_rows(&x, width, Plain, 1.0, &mut out, width));
                assert!(!entry::convert_column(&x, 0, Plain, 1.0, &mut out));
                let x: Vec<f32> = x.iter().map(|&x| x as f32).collect();
                assert!(!convert_rows_body(&x, width, Plain, 1.0, &mut out, width));
                assert!(!convert_column_body(&x, 0, Plain, 1.0, &mut out));
            }
        }
    }
}

#[test]
fn extremes_are_those_of_each_column() {
    let mut rng = Rng::new(2, 0);
    for width in WIDTHS {
        for n in [1, 2, 16, 33] {
            let x = values(n * width, &mut rng);
            let expected: Vec<(f64, f64)> = (0..width)
                .map(|j| {
                    let column = x[j..].iter().step_by(width);
                    column.fold((-1e-9, 1e-9), |(a, b), &x| (x.min(a), x.max(b)))
                })
                .collect();
            let mut found = [vec![(-1e-9, 1e-9); width], vec![(-1e-9, 1e-9); width]];
            entry::widen(&x, width, &mut found[0]);
            widen_body(&x, width, &mut found[1]);
            assert!(found.iter().all(|found| *found == expected));
            let mut column = (-1e-9, 1e-9);
            entry::widen_column(&x, &mut column);
            let all = expected.iter();
            assert_eq!(
                column,
                all.fold((-1e-9, 1e-9), |e, x| (x.0.min(e.0), x.1.max(e.1)))
            );
        }
    }
    let mut zeros = [(0.0, 0.0)];
    entry::widen(&[-0.0], 1, &mut zeros);
    assert_eq!(zeros[0].0.to_bits(), 0);
}

/// The same numbers in every layout that there is.
fn layouts<'a>(x: &'a [f64], single: &'a [f32], turned: &'a [f64], width: usize) -> Vec<Rows<'a>> {
    let n = x.len() / width;
    let columns = |column: &dyn Fn(usize) -> Column<'a>| {
        Rows::from_columns((0..width).map(column).collect(), n).unwrap()
    };
    // Cut into pieces of every size, some of them empty, of layouts in turn.
    let bounds = [0, 0, 1, 1, 9, 20, 84, 85, n / 2, n - 7, n, n];
    let pieces = bounds.windows(2).enumerate().map(|(k, cut)| match k % 3 {
        0 => Rows::from_f32(&single[cut[0] * width..cut[1] * width], width).unwrap(),
        1 => columns(&|j| Column::F64 {
            values: &turned[j * n..(j + 1) * n],
            stride: 1,
        })
        .slice(cut[0]..cut[1]),
        _ => columns(&|j| Column::F32 {
            values: &single[j..],
            stride: width,
        })
        .slice(cut[0]..cut[1]),
    });
    vec![
        Rows::from_parts(pieces.collect()).unwrap(),
        Rows::from_f64(x, width).unwrap(),
        Rows::from_f32(single, width).unwrap(),
        columns(&|j| Column::F64 {
            values: &turned[j * n..(j + 1) * n],
            stride: 1,
        }),
        columns(&|j| match j % 2 {
            0 => Column::F64 {
                values: &x[j..],
                stride: width,
            },
            _ => Column::F32 {
                values: &single[j..],
                stride: width,
            },
        }),
        // Side by side.
        columns(&|j| Column::F64 {
            values: &x[j..],
            stride: width,
        }),
    ]
}

#[test]
fn every_layout_gives_the_same_points_with_weights_and_shingles() {
    let mut rng = Rng::new(3, 0);
    for (width, shingle, n) in WIDTHS.iter().flat_map(|&w| [(w, 1, 700), (w, 3, 300)]) {
        let single: Vec<f32> = values(n * width, &mut rng)
            .iter()
            .map(|&x| x as f32)
            .collect();
        let x: Vec<f64> = single.iter().map(|&x| f64::from(x)).collect();
        let turned: Vec<f64> = (0..n * width).map(|i| x[i % n * width + i / n]).collect();
        for weighted in [false, true] {
            let weights: Option<Vec<f64>> =
                weighted.then(|| (0..width).map(|_| 0.1 + rng.unit()).collect());
            let config = ForestConfig {
                shingle_size: shingle,
                feature_weights: weights.clone(),
                ..Default::default()
            };
            let recent = vec![0.5; (shingle - 1) * width];
            let intake = Intake::new(&config, width, recent.clone());
            let (d, padded, from) = (shingle * width, intake.stride(), 7);
            for rows in layouts(&x, &single, &turned, width) {
                let range = from..n - 1;
                let stride = d + 3;
                let mut checked = vec![9.0; range.len() * stride];
                intake
                    .load_checked(&rows, range.clone(), &mut checked, stride)
                    .unwrap();
                let mut points = vec![];
                intake.load_query(&rows, range.clone(), &mut points);
                let both = points.chunks_exact(padded).zip(checked.chunks(stride));
                for (i, (point, checked)) in both.enumerate() {
                    for j in 0..d {
                        let expected = match j.checked_sub(recent.len()) {
                            None => 0.5,
                            Some(j) => {
                                let weight = weights.as_ref().map_or(1.0, |w| w[j]);
                                (x[(from + i) * width + j] * weight) as f32 + 0.0
                            }
                        };
                        assert_eq!(point[j].to_bits(), expected.to_bits());
                    }
                    assert_eq!(point[..d], checked[..d]);
                    assert!(point[d..].iter().all(|&x| x == 0.0));
                    assert_eq!(checked[d..], [9.0; 3]);
                }
            }
        }
    }
}
