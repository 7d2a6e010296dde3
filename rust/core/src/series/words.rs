//! Why a row of a series stands out, in words.

use super::config::{DAY, FEATURES, SeriesConfig};
use super::context::Moment;
use crate::detector::Reason;

/// At most this many reasons for a row, and none with less than this share but the first.
const MOST: usize = 3;
const LEAST_SHARE: f64 = 0.08;

/// The context features that an attribution names, largest part first.
pub(super) fn reasons(
    columns: &[String],
    config: &SeriesConfig,
    moments: &[Moment],
    low: &[f64],
    high: &[f64],
) -> Vec<Reason> {
    let total: f64 = low.iter().chain(high).sum();
    let part = |j: usize| low[j] + high[j];
    let mut order: Vec<usize> = (0..low.len()).collect();
    // Equal parts keep the order of the features.
    order.sort_by(|&a, &b| part(b).total_cmp(&part(a)));
    order
        .into_iter()
        .map(|j| (j, if total > 0.0 { part(j) / total } else { 0.0 }))
        .enumerate()
        .take_while(|&(i, (_, share))| i < MOST && (i == 0 || share >= LEAST_SHARE))
        .map(|(_, (j, share))| {
            let (column, feature) = (j / FEATURES, j % FEATURES);
            let (moment, high) = (&moments[column], high[j] >= low[j]);
            Reason {
                feature: column,
                share,
                high,
                value: moment.features[0],
                // That of the value, not of a mean or a deviation.
                usual: match moment.usual[feature] {
                    Some((least, greatest)) if feature < 2 => [least, greatest],
                    _ => [f64::NAN; 2],
                },
                near: [f64::NAN; 2],
                text: sentence(&columns[column], config, moment, feature, high),
            }
        })
        .collect()
}

/// What one feature of a row says.
fn sentence(
    name: &str,
    config: &SeriesConfig,
    moment: &Moment,
    feature: usize,
    high: bool,
) -> String {
    let n = config.trailing;
    let usual = moment.usual[feature];
    let place = |x: f64| match usual {
        Some((_, greatest)) if high && x > greatest => "high",
        Some((least, _)) if !high && x < least => "low",
        // Rare only together with the other features.
        _ if high => "high for rows like this one",
        _ => "low for rows like this one",
    };
    let [x, _, mean_value, spread_value] = moment.features;
    let [value, _, mean, spread] = moment.features.map(number);
    match feature {
        0 => {
            let recent = moment.recent.map_or(String::new(), |span| {
                format!("; last {n} rows {}", between(span))
            });
            let is = place(x);
            format!("{name} = {value}: {is}{}{recent}", told(usual, "usual"))
        }
        1 => {
            let slot = moment
                .slot
                .map_or("all rows".into(), |slot| slot_name(config, slot));
            let usual = told(usual, &format!("usual for {slot}"));
            let is = if high { "high" } else { "low" };
            format!("{name} = {value}: {is} for {slot}{usual}")
        }
        2 => format!(
            "{name} = {value}: the mean of the last {n} rows, {mean}, is {}{}",
            place(mean_value),
            told(usual, "usual")
        ),
        _ => {
            format!(
                "{name} = {value}: the standard deviation of the last {n} rows, {spread}, is {}{}",
                place(spread_value),
                told(usual, "usual")
            )
        }
    }
}

fn told(usual: Option<(f64, f64)>, word: &str) -> String {
    usual.map_or(String::new(), |span| format!("; {word} {}", between(span)))
}

fn between((low, high): (f64, f64)) -> String {
    let (low, high) = (number(low), number(high));
    match low == high {
        true => low,
        false => format!("{low} to {high}"),
    }
}

/// What a slot is called: hours for a day, else seconds since the period's beginning.
fn slot_name(config: &SeriesConfig, slot: usize) -> String {
    let period = config.period.unwrap_or(DAY);
    let width = period / config.n_slots() as f64;
    if period == DAY {
        return format!("{slot:02}:00 to {:02}:00", slot + 1);
    }
    let (from, to) = (slot as f64 * width, (slot + 1) as f64 * width);
    let (unit, name) = match width {
        w if w >= 3600.0 => (3600.0, "hours"),
        w if w >= 60.0 => (60.0, "minutes"),
        _ => (1.0, "seconds"),
    };
    format!(
        "{} to {} {name} into the period",
        number(from / unit),
        number(to / unit)
    )
}

/// A number with about four digits that count, as people write it.
fn number(x: f64) -> String {
    let magnitude = x.abs();
    if magnitude >= 1e15 || (magnitude > 0.0 && magnitude < 1e-4) {
        return format!("{x:.3e}");
    }
    let digits = match magnitude {
        m if m >= 1000.0 => 0,
        m if m >= 100.0 => 1,
        m if m >= 10.0 => 2,
        m if m >= 1.0 => 3,
        m if m >= 0.01 => 4,
        _ => 6,
    };
    let text = format!("{x:.digits$}");
    let text = match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.'),
        false => &text,
    };
    if text == "-0" {
        "0".into()
    } else {
        text.into()
    }
}
