//! What is read, and what is left to others.
#![allow(clippy::unwrap_used, reason = "a test that fails may panic")]

use fastrcf_plain::{Layout, Rows, rows};
use proptest::prelude::*;

fn lines(text: &str) -> Option<Rows> {
    rows(text.as_bytes(), Layout::Lines)
}

fn lists(text: &str) -> Option<Rows> {
    rows(text.as_bytes(), Layout::Lists)
}

fn some(values: &[f64], n_columns: usize) -> Option<Rows> {
    Some(Rows {
        values: values.to_vec(),
        n_columns,
    })
}

#[test]
fn rows_are_read() {
    let four = some(&[1.0, -2.5, 3e2, 0.04], 2);
    for text in [
        "1,-2.5\n3e2,4e-2",
        "1,-2.5\n3E+2,0.04\n",
        " 1 ,\t-2.50\r\n300, 0.4e-1 \r\n\r\n \n",
    ] {
        assert_eq!(lines(text), four, "{text:?}");
    }
    for text in [
        "[[1,-2.5],[3e2,4e-2]]",
        " [ [1 , -2.5 ] ,\n[3e2,\t4e-2]\r\n]\n",
    ] {
        assert_eq!(lists(text), four, "{text:?}");
    }
    assert_eq!(lines("7"), some(&[7.0], 1));
    assert_eq!(lists("[[7]]"), some(&[7.0], 1));
}

#[test]
fn what_is_odd_is_left_to_others() {
    let lines_of = [
        "",
        "\n",
        " ",
        "\n1,2",
        "1,2\n\n3,4",
        "1,2\n3",
        "1\n2,3",
        "1,2,\n",
        ",1",
        "1,,2",
        "a,b",
        "1,x",
        "\"1\",2",
        "1;2",
        "1 2",
        "1\r2\n\u{b}",
        "1,2\0",
    ];
    for text in lines_of {
        assert_eq!(lines(text), None, "{text:?}");
    }
    let lists_of = [
        "",
        "[]",
        "[[]]",
        "[[],[]]",
        "[1,2]",
        "[[1,2],[3]]",
        "[[1],[2,3]]",
        "[[1,2]",
        "[[1,2]]]",
        "[[1,2],]",
        "[[1,2,]]",
        "[[,1]]",
        "[[1,2]] x",
        "[[1 2]]",
        "[[1][2]]",
        "{\"rows\":[[1]]}",
        "[[null]]",
        "[[true]]",
        "[[\"1\"]]",
        "[[[1]]]",
        "[[NaN]]",
    ];
    for text in lists_of {
        assert_eq!(lists(text), None, "{text:?}");
    }
    let numbers = [
        "-", "+1", "01", "-01", "1.", ".5", "-.5", "1.e5", "1e", "1e+", "1e-", "1e1.5", "0x1",
        "1_000", "inf", "nan", "NaN", "Infinity", "1e999", "-1e999", "1f", "1d", "--1", "1-", "٣",
    ];
    for text in numbers {
        assert_eq!(lines(text), None, "{text:?}");
        assert_eq!(lists(&format!("[[{text}]]")), None, "{text:?}");
    }
}

/// What is known to be rounded wrongly by those who take short ways.
#[test]
fn hard_numbers_are_the_nearest() {
    let hard = [
        "0",
        "-0",
        "0.0",
        "-0.0",
        "00.5e",
        "9007199254740992",
        "9007199254740993",
        "9007199254740993.0",
        "9007199254740992.5",
        "18446744073709551615",
        "18446744073709551616",
        "99999999999999999999999",
        "0.1",
        "0.12573021650314331",
        "2.2250738585072011e-308",
        "2.2250738585072012e-308",
        "5e-324",
        "2e-324",
        "1e-400",
        "1.7976931348623157e308",
        "1e22",
        "1e23",
        "8.5e22",
        "0.000000000000000000000001",
        "0.00000000000000000000001",
        "123456789012345678901234567890.5e-20",
        "6929495644600919.5",
        "3.0000000000000000000000000000001",
        "0.500000000000000166533453693773481063544750213623046875",
    ];
    for text in hard {
        let Ok(value) = text.parse::<f64>() else {
            continue;
        };
        let found = lines(text).unwrap().values[0];
        assert_eq!(found.to_bits(), value.to_bits(), "{text}");
    }
}

/// A text of JSON's numbers.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<f64>().prop_map(|x| if x.is_finite() {
            format!("{x:?}")
        } else {
            "1".into()
        }),
        any::<f32>().prop_map(|x| if x.is_finite() {
            format!("{}", f64::from(x))
        } else {
            "2".into()
        }),
        any::<i64>().prop_map(|x| x.to_string()),
        "-?(0|[1-9][0-9]{0,25})(\\.[0-9]{1,25})?([eE][+-]?[0-9]{1,3})?",
    ]
}

proptest! {
    #[test]
    fn every_number_is_the_nearest(text in text()) {
        let value: f64 = text.parse().unwrap();
        let found = lines(&text).map(|rows| rows.values[0].to_bits());
        prop_assert_eq!(found, value.is_finite().then_some(value.to_bits()));
    }

    /// Both layouts give the rows that were written, and no bytes do harm.
    #[test]
    fn rows_come_back(
        table in (1usize..6).prop_flat_map(|d| prop::collection::vec(
            prop::collection::vec(any::<f32>().prop_map(|x| if x.is_finite() { x } else { 0.5 }), d), 1..9))
    ) {
        let written: Vec<Vec<String>> = table
            .iter()
            .map(|row| row.iter().map(|x| f64::from(*x).to_string()).collect())
            .collect();
        let values: Vec<f64> = table.iter().flatten().map(|&x| f64::from(x)).collect();
        let csv: Vec<String> = written.iter().map(|row| row.join(",")).collect();
        prop_assert_eq!(lines(&csv.join("\n")), some(&values, table[0].len()));
        let json: Vec<String> = written.iter().map(|row| format!("[{}]", row.join(", "))).collect();
        prop_assert_eq!(lists(&format!("[{}]", json.join(",\n"))), some(&values, table[0].len()));
    }

    #[test]
    fn any_bytes_are_rows_or_nothing(
        text in prop_oneof![
            prop::collection::vec(any::<u8>(), 0..60),
            "[\\[\\]0-9,.eE \\n\\r+-]{0,40}".prop_map(String::into_bytes),
        ]
    ) {
        for layout in [Layout::Lines, Layout::Lists] {
            if let Some(found) = rows(&text, layout) {
                prop_assert!(found.n_columns > 0);
                prop_assert!(!found.values.is_empty());
                prop_assert_eq!(found.values.len() % found.n_columns, 0);
                prop_assert!(found.values.iter().all(|x| x.is_finite()));
            }
        }
    }
}
