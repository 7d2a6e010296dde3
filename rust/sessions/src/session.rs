//! One session, as small as it can be while a timeline is made.

use crate::families::{DATA, SMS, cause};
use crate::places::Cell;

/// One record of a SIM's timeline.
#[derive(Clone, Copy, Debug)]
pub struct Session {
    /// When it begins, in microseconds since 1970.
    pub start: i64,
    /// When it ends; `start` for a message.
    pub end: i64,
    /// Bytes sent by the device.
    pub up: i64,
    /// Bytes received by the device.
    pub down: i64,
    /// Cell in use.
    pub cell: Cell,
    /// Number of the incident that it is part of; 0 for none.
    pub incident: u32,
    /// Messages sent by the device.
    pub sms_mo: u16,
    /// Messages received by the device.
    pub sms_mt: u16,
    /// Code of the access point name.
    pub apn: u16,
    /// Which of the SIM's devices: 0 is the first.
    pub device: u8,
    /// How many roll-outs the device's software has had.
    pub firmware: u8,
    /// Code of the radio access technology.
    pub rat: u8,
    /// Code of the kind of record.
    pub service: u8,
    /// Code of the reason for its end.
    pub cause: u8,
}

impl Session {
    /// A data session.
    #[must_use]
    pub fn data(start: i64, length: i64, bytes: (f64, f64), cell: Cell) -> Self {
        Session {
            start,
            end: start + length.max(1000),
            up: bytes.0 as i64,
            down: bytes.1 as i64,
            cell,
            incident: 0,
            sms_mo: 0,
            sms_mt: 0,
            apn: 0,
            device: 0,
            firmware: 0,
            rat: 0,
            service: DATA,
            cause: cause::NORMAL,
        }
    }

    /// Messages sent or received at one time.
    #[must_use]
    pub fn sms(start: i64, sent: u16, received: u16, cell: Cell) -> Self {
        Session {
            end: start,
            sms_mo: sent,
            sms_mt: received,
            service: SMS,
            ..Session::data(start, 0, (0.0, 0.0), cell)
        }
    }

    /// Both directions.
    #[must_use]
    pub fn bytes(&self) -> i64 {
        self.up + self.down
    }
}
