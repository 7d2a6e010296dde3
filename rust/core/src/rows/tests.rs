//! Bad values are named by row and column, in the order of rows.

use super::*;

fn place(result: Result<()>) -> (usize, usize) {
    match result {
        Err(Error::InvalidValue { row, column, .. }) => (row, column),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_first_bad_value_in_row_order_is_named() {
    let check = |rows: &Rows<'_>| rows.check(None, &mut || false);
    let values = [0.0, 1.0, 2.0, f64::INFINITY, f64::NAN, 5.0];
    let rows = Rows::from_f64(&values, 2).unwrap();
    assert_eq!(place(check(&rows)), (1, 1));
    assert_eq!(place(check(&rows.slice(2..3))), (0, 0));
    assert!(check(&rows.slice(0..1)).is_ok());
    // In a later tile, too, and in its row order.
    let mut values = vec![0.5; 3 * TILE_VALUES];
    let last = values.len() - 1;
    values[last] = f64::NAN;
    values[last - 4] = 1e31;
    let rows = Rows::from_f64(&values, 3).unwrap();
    for skipped in [0, 7] {
        let found = place(check(&rows.slice(skipped..TILE_VALUES)));
        assert_eq!(found, (TILE_VALUES - 2 - skipped, 1));
    }
}

#[test]
fn each_column_has_its_own_limit() {
    // The least of all limits is passed by a column that may.
    let weights = [1e-10, 1e10];
    let check = |values: &[f64]| {
        let rows = Rows::from_f64(values, 2).unwrap();
        rows.check(Some(&weights), &mut || false)
    };
    assert!(check(&[1e39, 1e19]).is_ok());
    assert_eq!(place(check(&[1e39, 1e19, 0.0, 1e21, 1e41, 0.0])), (1, 1));
    assert_eq!(place(check(&[1e41, 1e21])), (0, 0));
    // The largest single below 1e30, and the next one.
    let largest = f32::limit(MAX_VALUE);
    let check = |value: f32| {
        Rows::from_f32(&[value], 1)
            .unwrap()
            .check(None, &mut || false)
    };
    assert!(f64::from(largest) < 1e30 && check(largest).is_ok());
    assert!(check(largest.next_up()).is_err() && check(f32::NAN).is_err());
    assert_eq!(f32::limit(1e60), f32::MAX);
}

#[test]
fn a_long_check_is_interrupted() {
    let values = vec![0.5; 4 * ASKED_EVERY * CHECKED_ROWS];
    let whole = Column::F64 {
        values: &values,
        stride: 1,
    };
    let columns = Rows::from_columns(vec![whole], values.len()).unwrap();
    for rows in [columns, Rows::from_f64(&values, 2).unwrap()] {
        let mut asked = 0;
        let stopped = rows.check(None, &mut || {
            asked += 1;
            asked == 3
        });
        assert!(matches!(stopped, Err(Error::Interrupted)), "{stopped:?}");
    }
}

#[test]
fn odd_shapes_are_refused() {
    assert!(Rows::from_f32(&[1.0; 5], 2).is_err());
    assert!(Rows::from_f32(&[], 0).is_err());
    assert_eq!(Rows::from_f32(&[], 3).unwrap().n_rows(), 0);
}

#[test]
fn integers_are_taken_as_the_nearest_doubles() {
    let mut big: Vec<i64> = vec![i64::MIN, i64::MAX, (1 << 53) + 1, -1, 0];
    big.extend(5..600);
    let small: Vec<u8> = (0..big.len()).map(|i| i as u8).collect();
    let n = big.len();
    let columns = |stride: usize| {
        vec![
            Column::Integers {
                values: Integers::I64(&big),
                stride,
            },
            Column::Integers {
                values: Integers::U8(&small),
                stride,
            },
        ]
    };
    for stride in [1, 3] {
        let n = n.div_ceil(stride);
        let rows = Rows::from_columns(columns(stride), n).unwrap();
        rows.check(None, &mut || false).unwrap();
        let mut loaded = vec![0.0; 2 * n];
        assert!(rows.load_rows(0..n, crate::load::Plain, 1e30, &mut loaded, 2));
        let mut extremes = [(0.0, 0.0); 2];
        rows.widen(0..n, &mut extremes);
        for i in 0..n {
            let expected = [big[i * stride] as f64, f64::from(small[i * stride])];
            for j in 0..2 {
                assert_eq!(rows.get(i, j), Some(expected[j]));
                assert_eq!(loaded[2 * i + j], expected[j] as f32);
                assert!(extremes[j].0 <= expected[j] && expected[j] <= extremes[j].1);
            }
        }
        // Beyond the column's own limit.
        let weights = [1e20, 1.0];
        assert_eq!(place(rows.check(Some(&weights), &mut || false)), (0, 0));
        assert!(Rows::from_columns(columns(stride), n + 1).is_err());
    }
}

#[test]
fn rows_are_counted_over_all_parts() {
    let values: Vec<f64> = (0..600).map(f64::from).collect();
    let part =
        |rows: Range<usize>| Rows::from_f64(&values[rows.start * 2..rows.end * 2], 2).unwrap();
    let parts = || {
        vec![
            part(0..0),
            part(0..7),
            part(7..7),
            part(7..250),
            part(250..300),
        ]
    };
    let all = Rows::from_parts(parts()).unwrap();
    assert_eq!((all.n_rows(), all.n_columns()), (300, 2));
    for i in 0..300 {
        assert_eq!(all.get(i, 1), Some(values[i * 2 + 1]));
    }
    assert_eq!(all.get(300, 0), None);
    let some = all.slice(5..260);
    assert_eq!(some.get(0, 0), Some(10.0));
    let mut bad = values.clone();
    for row in [0, 6, 7, 249, 250, 299] {
        bad[row * 2 + 1] = f64::NAN;
        bad[599] = f64::NAN;
        let parts = [0..7, 7..250, 250..300].map(|rows: Range<usize>| {
            Rows::from_f64(&bad[rows.start * 2..rows.end * 2], 2).unwrap()
        });
        let all = Rows::from_parts(parts.to_vec()).unwrap();
        assert_eq!(place(all.check(None, &mut || false)), (row, 1));
        assert_eq!(place(all.take_in()), (row, 1));
        bad.clone_from(&values);
    }
    // None with rows, one alone, and what does not fit.
    assert_eq!(
        Rows::from_parts(vec![part(0..0), part(3..3)])
            .unwrap()
            .n_rows(),
        0
    );
    assert_eq!(
        Rows::from_parts(vec![part(0..0), part(3..5)])
            .unwrap()
            .get(0, 0),
        Some(6.0)
    );
    assert!(Rows::from_parts(vec![]).is_err());
    let other = Rows::from_f64(&values[..3], 3).unwrap();
    assert!(Rows::from_parts(vec![part(0..1), other]).is_err());
}

#[test]
fn a_bad_value_between_others_is_found_at_any_distance() {
    for stride in [2, 7, 3000] {
        let n = 700;
        let mut values = vec![f64::NAN; (n - 1) * stride + 1];
        values.iter_mut().step_by(stride).for_each(|x| *x = 0.5);
        for row in [0, 63, 64, 300, n - 1] {
            let mut values = values.clone();
            let good = |values: &[f64]| {
                let columns = vec![Column::F64 { values, stride }];
                Rows::from_columns(columns, n).unwrap().take_in()
            };
            assert!(good(&values).is_ok());
            values[row * stride] = f64::NAN;
            assert_eq!(place(good(&values)), (row, 0));
        }
    }
}

#[test]
fn a_row_whose_values_lie_side_by_side_is_taken_as_one() {
    use crate::load::Plain;
    for (width, stride) in [(2, 2), (3, 7), (16, 16), (30, 33), (128, 128), (129, 129)] {
        let n = 300;
        let flat: Vec<i32> = (0..((n - 1) * stride + width) as i32).collect();
        let single: Vec<f32> = flat.iter().map(|&x| x as f32).collect();
        let double: Vec<f64> = flat.iter().map(|&x| f64::from(x)).collect();
        let kinds: [Vec<Column<'_>>; 3] = [
            (0..width)
                .map(|j| Column::Integers {
                    values: Integers::I32(&flat[j..]),
                    stride,
                })
                .collect(),
            (0..width)
                .map(|j| Column::F32 {
                    values: &single[j..],
                    stride,
                })
                .collect(),
            (0..width)
                .map(|j| Column::F64 {
                    values: &double[j..],
                    stride,
                })
                .collect(),
        ];
        for columns in kinds {
            let rows = Rows::from_columns(columns.clone(), n).unwrap();
            let is_across = matches!(rows.layout, Layout::Across(..));
            assert_eq!(is_across, width <= 128, "{width} of {stride}");
            let some = rows.slice(7..n);
            let mut out = vec![-1.0; some.n_rows() * (width + 1)];
            assert!(some.load_rows(0..some.n_rows(), Plain, 1e30, &mut out, width + 1));
            let mut extremes = vec![(f64::INFINITY, f64::NEG_INFINITY); width];
            some.widen(0..some.n_rows(), &mut extremes);
            for (i, row) in out.chunks(width + 1).enumerate() {
                for j in 0..width {
                    let expected = ((i + 7) * stride + j) as f64;
                    assert_eq!(f64::from(row[j]), expected);
                    assert_eq!(some.get(i, j), Some(expected));
                }
                assert_eq!(row[width], -1.0);
            }
            for (j, &extremes) in extremes.iter().enumerate() {
                let last = ((n - 1) * stride + j) as f64;
                assert_eq!(extremes, ((7 * stride + j) as f64, last));
            }
            // Not where a column is missing, comes twice, or in another order.
            for order in [vec![0; width], (0..width).rev().collect()] {
                let others = order.iter().map(|&j: &usize| columns[j]).collect();
                let other = Rows::from_columns(others, n).unwrap();
                assert!(matches!(other.layout, Layout::Columns(_)));
                assert_eq!(other.get(5, 0), Some((5 * stride + order[0]) as f64));
            }
        }
        let mut bad = double.clone();
        let (row, column) = (200, width - 1);
        bad[row * stride + column] = f64::NAN;
        let columns = (0..width).map(|j| Column::F64 {
            values: &bad[j..],
            stride,
        });
        let rows = Rows::from_columns(columns.collect(), n).unwrap();
        assert_eq!(place(rows.check(None, &mut || false)), (row, column));
        assert_eq!(place(rows.take_in()), (row, column));
    }
}
