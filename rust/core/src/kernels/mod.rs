//! Instruction sets, behind one door.
//!
//! Most kernels are written once, as safe Rust that is inlined into shells which
//! the compiler builds for each instruction set ([`shells`]); those with rows in
//! the lanes over the few operations of [`simd`], which each set has its own
//! way to do; [`descent`], [`grove`], [`partition`], [`rank`] and [`top`]
//! have a way for AVX-512 beside the plain one. The level is
//! found once at run time; `FASTRCF_SIMD=portable|avx2|avx512|avx512vbmi` forces a lower
//! one. No level changes a bit of any result: there is no fused multiply-add
//! and no approximate division, and sums have one order ([`lanes`]).
//!
//! This folder is the only one in which `unsafe` is allowed.
#![allow(unsafe_code)]

#[macro_use]
mod shells;

pub(crate) mod arena;
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
pub(crate) mod simd;
pub(crate) mod top;
pub(crate) mod ways;
pub(crate) mod wide;

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

/// The instruction set in use: the best that the machine has, or a lower one
/// that `FASTRCF_SIMD` names. Read once per process.
pub fn level() -> Level {
    static LEVEL: OnceLock<Level> = OnceLock::new();
    *LEVEL.get_or_init(|| {
        let best = detect();
        let wanted = match std::env::var("FASTRCF_SIMD").as_deref() {
            Ok("portable") => Level::Portable,
            Ok("avx2") => Level::Avx2,
            Ok("avx512") => Level::Avx512,
            _ => best,
        };
        wanted.min(best)
    })
}
