//! Families of devices, and the codes of a session's categories.

/// What a device is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Family {
    /// An electricity, gas or water meter.
    Meter,
    /// A vehicle's tracker.
    Tracker,
    /// A card terminal.
    Pos,
    /// A surveillance camera.
    Camera,
    /// An alarm panel.
    Alarm,
    /// A router of a site or home.
    Router,
}

impl Family {
    /// All of them, in the order of their numbers.
    pub const ALL: [Family; 6] = [
        Family::Meter,
        Family::Tracker,
        Family::Pos,
        Family::Camera,
        Family::Alarm,
        Family::Router,
    ];

    /// Shares of the SIMs, in the same order.
    pub const SHARES: [f64; 6] = [0.34, 0.2, 0.14, 0.1, 0.14, 0.08];

    /// Its name in records.
    #[must_use]
    pub fn name(self) -> &'static str {
        ["meter", "tracker", "pos", "camera", "alarm", "router"][self as usize]
    }

    /// Median bytes that a firmware image has.
    pub(crate) fn firmware_bytes(self) -> f64 {
        [3e5, 2e6, 1.2e7, 3e7, 1.5e6, 5e7][self as usize]
    }

    /// Weights of [`RATS`] for its devices.
    pub(crate) fn rats(self) -> [f64; 6] {
        match self {
            Family::Meter => [0.15, 0.05, 0.1, 0.25, 0.45, 0.0],
            Family::Tracker => [0.2, 0.1, 0.3, 0.4, 0.0, 0.0],
            Family::Pos => [0.2, 0.25, 0.5, 0.05, 0.0, 0.0],
            Family::Camera => [0.0, 0.05, 0.85, 0.0, 0.0, 0.1],
            Family::Alarm => [0.35, 0.1, 0.25, 0.3, 0.0, 0.0],
            Family::Router => [0.0, 0.02, 0.7, 0.0, 0.0, 0.28],
        }
    }
}

/// Radio access technologies, by code.
pub const RATS: [&str; 6] = ["GSM", "UMTS", "LTE", "LTE-M", "NB-IoT", "NR"];
/// Bytes a second that each gives at most.
pub(crate) const RATES: [f64; 6] = [2e4, 4e5, 4e6, 8e4, 6e3, 1e7];
/// Code of LTE.
pub(crate) const LTE: u8 = 2;

/// Kinds of records, by code.
pub const SERVICES: [&str; 2] = ["data", "sms"];
/// Code of data sessions.
pub(crate) const DATA: u8 = 0;
/// Code of messages.
pub(crate) const SMS: u8 = 1;

/// Why a session ended, by code.
pub const CAUSES: [&str; 8] = [
    "normal",
    "idle_timeout",
    "session_timeout",
    "lost_carrier",
    "lost_service",
    "error",
    "admin",
    "rejected",
];
/// Codes of [`CAUSES`].
pub(crate) mod cause {
    pub const NORMAL: u8 = 0;
    pub const IDLE: u8 = 1;
    pub const TIMEOUT: u8 = 2;
    pub const LOST_CARRIER: u8 = 3;
    pub const LOST_SERVICE: u8 = 4;
    pub const ERROR: u8 = 5;
    pub const ADMIN: u8 = 6;
    pub const REJECTED: u8 = 7;
}

/// Tariffs without their rate zone.
pub const PLANS: [&str; 4] = ["iot-s", "iot-m", "iot-l", "broadband"];

/// What a megabyte costs in each rate zone.
const MEGABYTE: [f64; 4] = [0.002, 0.006, 0.03, 0.35];
/// What a message costs in each rate zone.
const MESSAGE: [f64; 4] = [0.02, 0.03, 0.06, 0.12];
/// What a plan pays of these.
const REBATE: [f64; 4] = [1.0, 0.8, 0.6, 0.25];

/// What a session costs.
pub(crate) fn price(plan: u8, zone: u8, bytes: i64, messages: u16) -> f64 {
    let zone = usize::from(zone);
    let kilobytes = (bytes + 1023) / 1024;
    let full = kilobytes as f64 / 1024.0 * MEGABYTE[zone] + f64::from(messages) * MESSAGE[zone];
    (full * REBATE[usize::from(plan)] * 1e6).round() / 1e6
}
