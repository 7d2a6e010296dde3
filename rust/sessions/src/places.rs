//! Countries, operators, cities and cells.
//!
//! Cells lie on a grid of a fiftieth of a degree, one for each operator of the
//! country, a little off the middle each. So a cell needs no table: it follows
//! from where a device is and whose network it uses.

use crate::rng::{key, unit};

/// A country and its networks.
#[derive(Debug)]
pub struct Country {
    /// Mobile country code.
    pub mcc: &'static str,
    /// Mobile network codes of its operators.
    pub mnc: &'static [&'static str],
    /// Hours that winter time is ahead of UTC.
    pub hours: i64,
    /// Whether it keeps the European Union's summer time.
    pub summer: bool,
    /// Rate zone: 1 European Union, 2 rest of Europe, 3 the world.
    pub zone: u8,
}

const fn country(
    mcc: &'static str,
    mnc: &'static [&'static str],
    hours: i64,
    summer: bool,
    zone: u8,
) -> Country {
    Country {
        mcc,
        mnc,
        hours,
        summer,
        zone,
    }
}

/// Operators that a country has at most.
pub const SLOTS: usize = 4;

/// All countries. The last has no cells: its SIMs roam wherever they are.
pub const COUNTRIES: [Country; 22] = [
    country("262", &["01", "02", "03"], 1, true, 1),
    country("208", &["01", "10", "20"], 1, true, 1),
    country("222", &["01", "10", "88"], 1, true, 1),
    country("214", &["01", "03", "07"], 1, true, 1),
    country("204", &["04", "08", "16"], 1, true, 1),
    country("206", &["01", "10", "20"], 1, true, 1),
    country("232", &["01", "03", "05"], 1, true, 1),
    country("260", &["01", "02", "03", "06"], 1, true, 1),
    country("240", &["01", "02", "08"], 1, true, 1),
    country("230", &["01", "02", "03"], 1, true, 1),
    country("238", &["01", "02", "20"], 1, true, 1),
    country("268", &["01", "03", "06"], 0, true, 1),
    country("228", &["01", "02", "03"], 1, true, 2),
    country("234", &["10", "15", "30"], 0, true, 2),
    country("242", &["01", "02"], 1, true, 2),
    country("286", &["01", "02", "03"], 3, false, 3),
    country("604", &["00", "01", "02"], 1, false, 3),
    country("220", &["01", "03"], 1, true, 3),
    country("310", &["260", "410"], -5, false, 3),
    country("724", &["02", "05", "10"], -3, false, 3),
    country("424", &["02", "03"], 4, false, 3),
    country("901", &["28", "40"], 0, false, 1),
];

/// The country of SIMs that are at home nowhere.
pub const GLOBAL: usize = 21;
/// Countries from this one on have no fleets of their own.
pub const ABROAD: usize = 15;

/// A city: where devices are.
#[derive(Debug)]
pub struct City {
    /// Place in [`COUNTRIES`].
    pub country: usize,
    /// Latitude in degrees.
    pub lat: f64,
    /// Longitude in degrees.
    pub lon: f64,
    /// How many devices it has, relative to others.
    pub weight: f64,
}

const fn city(country: usize, lat: f64, lon: f64, weight: f64) -> City {
    City {
        country,
        lat,
        lon,
        weight,
    }
}

/// All cities; those abroad have no devices of their own.
pub const CITIES: [City; 46] = [
    city(0, 52.52, 13.40, 8.0),
    city(0, 53.55, 9.99, 5.0),
    city(0, 48.14, 11.58, 5.0),
    city(0, 50.94, 6.96, 4.0),
    city(0, 50.11, 8.68, 4.0),
    city(0, 48.78, 9.18, 3.0),
    city(1, 48.86, 2.35, 8.0),
    city(1, 45.76, 4.84, 3.0),
    city(1, 43.30, 5.37, 3.0),
    city(1, 50.63, 3.06, 2.0),
    city(1, 48.57, 7.75, 2.0),
    city(2, 41.90, 12.50, 5.0),
    city(2, 45.46, 9.19, 5.0),
    city(2, 40.85, 14.27, 3.0),
    city(3, 40.42, -3.70, 5.0),
    city(3, 41.39, 2.17, 4.0),
    city(3, 39.47, -0.38, 2.0),
    city(4, 52.37, 4.90, 4.0),
    city(4, 51.92, 4.48, 3.0),
    city(5, 50.85, 4.35, 3.0),
    city(5, 51.22, 4.40, 2.0),
    city(6, 48.21, 16.37, 3.0),
    city(6, 47.27, 11.40, 1.0),
    city(7, 52.23, 21.01, 4.0),
    city(7, 51.11, 17.03, 2.0),
    city(8, 59.33, 18.07, 3.0),
    city(8, 55.60, 13.00, 1.5),
    city(9, 50.08, 14.44, 2.5),
    city(10, 55.68, 12.57, 2.5),
    city(11, 38.72, -9.14, 2.0),
    city(12, 47.38, 8.54, 2.5),
    city(12, 47.56, 7.59, 1.5),
    city(13, 51.51, -0.13, 6.0),
    city(13, 53.48, -2.24, 3.0),
    city(14, 59.91, 10.75, 2.0),
    city(15, 41.01, 28.98, 0.0),
    city(15, 39.93, 32.86, 0.0),
    city(16, 33.57, -7.59, 0.0),
    city(16, 35.76, -5.83, 0.0),
    city(17, 44.79, 20.45, 0.0),
    city(18, 40.71, -74.01, 0.0),
    city(18, 25.76, -80.19, 0.0),
    city(19, -23.55, -46.63, 0.0),
    city(19, -22.91, -43.17, 0.0),
    city(20, 25.20, 55.27, 0.0),
    city(20, 24.45, 54.38, 0.0),
];

/// A network: a country and the place of its operator there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Operator(pub u8);

impl Operator {
    /// The operator at a place in a country's list.
    #[must_use]
    pub fn new(country: usize, slot: usize) -> Self {
        Operator((country * SLOTS + slot) as u8)
    }

    /// Place of its country in [`COUNTRIES`].
    #[must_use]
    pub fn country(self) -> usize {
        usize::from(self.0) / SLOTS
    }

    /// Its place in its country's list.
    #[must_use]
    pub fn slot(self) -> usize {
        usize::from(self.0) % SLOTS
    }

    /// The one after it in the same country.
    #[must_use]
    pub fn next(self) -> Self {
        let country = self.country();
        Operator::new(country, (self.slot() + 1) % COUNTRIES[country].mnc.len())
    }

    /// MCC-MNC.
    #[must_use]
    pub fn text(self) -> String {
        let country = &COUNTRIES[self.country()];
        let mnc = country.mnc.get(self.slot()).unwrap_or(&country.mnc[0]);
        format!("{}-{mnc}", country.mcc)
    }
}

/// Grid lines in a degree.
const LINES: f64 = 50.0;
/// Grid lines from pole to pole.
const ROWS: u64 = 9000;

/// A cell of an operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Cell {
    /// Whose it is.
    pub operator: Operator,
    /// City that is served with it, for outages.
    pub city: u8,
    x: u16,
    y: u16,
}

impl Cell {
    /// The operator's cell where a device is.
    #[must_use]
    pub fn at(operator: Operator, city: usize, lat: f64, lon: f64) -> Self {
        Cell {
            operator,
            city: city as u8,
            x: ((lon + 180.0) * LINES) as u16,
            y: ((lat + 90.0) * LINES) as u16,
        }
    }

    /// The cell of another operator at the same place.
    #[must_use]
    pub fn of(self, operator: Operator) -> Self {
        Cell { operator, ..self }
    }

    /// A number that no other cell has, whatever city it is served with.
    #[must_use]
    pub fn number(self) -> u64 {
        (u64::from(self.operator.0) << 32) | (u64::from(self.x) << 16) | u64::from(self.y)
    }

    /// Latitude and longitude in degrees, to the metre.
    #[must_use]
    pub fn position(self) -> (f64, f64) {
        let off = |purpose| 0.2 + 0.6 * unit(key(0x6365_6c6c, purpose, self.number()));
        let degrees = |line: u16, off: f64, shift: f64| {
            let exact = (f64::from(line) + off) / LINES - shift;
            (exact * 1e5).round() / 1e5
        };
        (
            degrees(self.y, off(1), 90.0),
            degrees(self.x, off(2), 180.0),
        )
    }

    /// MCC-MNC-area-cell.
    #[must_use]
    pub fn text(self) -> String {
        let (x, y) = (u64::from(self.x), u64::from(self.y));
        let area = ((x >> 4) * (ROWS >> 4) + (y >> 4)) & 0xffff;
        format!("{}-{area}-{}", self.operator.text(), x * ROWS + y)
    }
}

/// Kilometres between two places, on a sphere (haversine).
#[must_use]
pub fn kilometres(from: (f64, f64), to: (f64, f64)) -> f64 {
    let radians = std::f64::consts::PI / 180.0;
    let (lat, lon) = ((to.0 - from.0) * radians, (to.1 - from.1) * radians);
    let (s, t) = (libm::sin(lat / 2.0), libm::sin(lon / 2.0));
    let a = s * s + libm::cos(from.0 * radians) * libm::cos(to.0 * radians) * t * t;
    2.0 * 6371.0 * libm::asin(a.sqrt().min(1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_where_its_device_is() {
        for city in &CITIES {
            let operator = Operator::new(city.country, 0);
            let cell = Cell::at(operator, 0, city.lat, city.lon);
            assert!(kilometres(cell.position(), (city.lat, city.lon)) < 2.7);
            assert!(cell.text().starts_with(&operator.text()));
        }
        assert!((kilometres((52.52, 13.40), (48.86, 2.35)) - 878.0).abs() < 5.0);
    }
}
