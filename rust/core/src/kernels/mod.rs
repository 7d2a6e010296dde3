//! Instruction sets, behind one door.
//!
//! Most kernels are written once, as safe Rust that is inlined into shells which
//! the compiler builds for each instruction set ([`shells`]); those with rows in
//! the lanes over the few operations of [`simd`], which each set has its own
//! way to do; [`descent`], [`grove`], [`partition`], [`rank`] and [`top`]
//! have a way for AVX-512 beside the plain one, and [`grove`] one for AVX2. The level is
//! found once at run time; `FASTRCF_SIMD` forces a lower one
//! ([`forced_level`]). No level changes a bit of any result: there is no fused multiply-add
//! and no approximate division, and sums have one order ([`lanes`]).
//!
//! This folder is the only one in which `unsafe` is allowed.
#![allow(unsafe_code)]

#[macro_use]
mod shells;

pub(crate) mod arena;
#[cfg(feature = "kernel-bench")]
pub(crate) mod bench;
pub(crate) mod boxes;
pub(crate) mod descent;
pub(crate) mod entry;
#[cfg(test)]
pub(crate) mod extent;
pub(crate) mod fours;
pub(crate) mod grove;
pub(crate) mod lanes;
pub(crate) mod lines;
pub(crate) mod log2;
pub(crate) mod partition;
pub(crate) mod prefetch;
pub(crate) mod rank;
pub(crate) mod shares;
pub(crate) mod simd;
pub(crate) mod top;
pub(crate) mod turn;
pub(crate) mod ways;
pub(crate) mod wide;

use crate::error::{Error, Result};
use std::io::Write;
use std::sync::OnceLock;

/// Instruction sets that kernels are built for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// What the compiler makes of plain code for the target's baseline.
    Portable,
    /// aarch64 with NEON, which all have.
    Neon,
    /// x86-64 with AVX2.
    Avx2,
    /// x86-64 with AVX-512 F, BW, DQ and VL.
    Avx512,
    /// The same with VBMI and VBMI2 (Ice Lake, Zen 4 and later).
    Avx512Vbmi,
}

impl Level {
    /// All of them, of whatever machine.
    pub const ALL: [Level; 5] = [
        Level::Portable,
        Level::Neon,
        Level::Avx2,
        Level::Avx512,
        Level::Avx512Vbmi,
    ];

    /// The name that `FASTRCF_SIMD` takes.
    pub fn name(self) -> &'static str {
        match self {
            Level::Portable => "portable",
            Level::Neon => "neon",
            Level::Avx2 => "avx2",
            Level::Avx512 => "avx512",
            Level::Avx512Vbmi => "avx512vbmi",
        }
    }
}

#[cfg(target_arch = "x86_64")]
fn detect() -> Level {
    // Every machine with the first has the others, but a hypervisor may hide some.
    let avx2 = is_x86_feature_detected!("avx2")
        && is_x86_feature_detected!("popcnt")
        && is_x86_feature_detected!("bmi1")
        && is_x86_feature_detected!("bmi2");
    let avx512 = is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("fma")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512dq")
        && is_x86_feature_detected!("avx512vl")
        && avx2;
    if avx512 && is_x86_feature_detected!("avx512vbmi") && is_x86_feature_detected!("avx512vbmi2") {
        Level::Avx512Vbmi
    } else if avx512 {
        Level::Avx512
    } else if avx2 {
        Level::Avx2
    } else {
        Level::Portable
    }
}

#[cfg(target_arch = "aarch64")]
fn detect() -> Level {
    Level::Neon
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn detect() -> Level {
    Level::Portable
}

/// The environment variable that forces a level.
const SWITCH: &str = "FASTRCF_SIMD";

/// The level that the environment variable `FASTRCF_SIMD` names: `portable`,
/// `neon`, `avx2`, `avx512` or `avx512vbmi`; `None` where it is unset or empty.
/// The machine need not have it, see [`level`].
///
/// # Errors
/// [`Error::InvalidConfig`] for any other name, with the names that are known.
/// A program that lets its users set the variable should ask this when it
/// starts: [`level`] cannot fail.
pub fn forced_level() -> Result<Option<Level>> {
    let Some(text) = std::env::var_os(SWITCH).filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    let named = Level::ALL.into_iter().find(|level| text == level.name());
    named.map(Some).ok_or_else(|| {
        let known = Level::ALL.map(Level::name).join(", ");
        let text = text.to_string_lossy();
        Error::config(
            SWITCH,
            format!("'{}' is none of {known}", text.escape_debug()),
        )
    })
}

/// What a machine whose best level is `best` takes where `wanted` is named.
fn granted(wanted: Level, best: Level) -> Level {
    match (wanted, best) {
        // No lower level of another processor.
        (Level::Neon, Level::Avx2 | Level::Avx512 | Level::Avx512Vbmi) => best,
        _ => wanted.min(best),
    }
}

/// The instruction set in use: the best that the machine has, or a lower one
/// that `FASTRCF_SIMD` names ([`forced_level`]). Read once per process.
///
/// A level that the machine lacks means the best that it has, and so does a
/// name that is unknown, which one line on standard error tells.
pub fn level() -> Level {
    static LEVEL: OnceLock<Level> = OnceLock::new();
    *LEVEL.get_or_init(|| {
        let best = detect();
        match forced_level() {
            Ok(wanted) => granted(wanted.unwrap_or(best), best),
            Err(error) => {
                // Where nobody can be told, the scores are the same all the same.
                let _ = writeln!(
                    std::io::stderr(),
                    "fastrcf: {error}; {} is used",
                    best.name()
                );
                best
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::{Level, granted};

    #[test]
    fn a_lower_level_is_granted_and_none_that_the_machine_lacks() {
        use Level::{Avx2, Avx512, Avx512Vbmi, Neon, Portable};
        for best in Level::ALL {
            assert_eq!(granted(Portable, best), Portable);
            for wanted in Level::ALL {
                assert!(granted(wanted, best) <= best);
            }
        }
        let x86 = [Portable, Avx2, Avx512, Avx512Vbmi];
        for (i, best) in x86.into_iter().enumerate() {
            for (j, wanted) in x86.into_iter().enumerate() {
                assert_eq!(granted(wanted, best), x86[i.min(j)]);
            }
            assert_eq!(granted(Neon, best), best);
            assert_eq!(
                granted(best, Neon),
                if best == Portable { Portable } else { Neon }
            );
        }
    }
}
