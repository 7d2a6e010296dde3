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
