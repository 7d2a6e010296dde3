//! Instruction sets, behind one door.
//!
//! A kernel is written once, as safe Rust that is inlined into shells which
//! the compiler builds for each instruction set ([`kernel!`]). The level is
//! found once at run time; `FASTRCF_SIMD=portable|avx2|avx512|avx512vbmi` forces a lower
//! one. No level changes a bit of any result: there is no fused multiply-add
//! and no approximate division, and sums have one order ([`lanes`]).
//!
//! This folder is the only one in which `unsafe` is allowed.
#![allow(unsafe_code)]

pub(crate) mod descent;
pub(crate) mod lanes;
pub(crate) mod lines;
pub(crate) mod partition;
pub(crate) mod prefetch;
pub(crate) mod rank;
pub(crate) mod simd;
pub(crate) mod top;
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
    let avx512 = is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512dq")
        && is_x86_feature_detected!("avx512vl")
        && is_x86_feature_detected!("avx2");
    if avx512
        && is_x86_feature_detected!("avx512vbmi")
        && is_x86_feature_detected!("avx512vbmi2")
    {
        Level::Avx512Vbmi
    } else if avx512 {
        Level::Avx512
    } else if is_x86_feature_detected!("avx2") {
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

/// Builds `fn $name(...)` once per instruction set from an `#[inline(always)]`
/// body, and calls the one that [`level`] names.
macro_rules! kernel {
    ($(#[$doc:meta])* pub(crate) fn $name:ident $(<$($g:ident : $b:path),*>)? ($($arg:ident : $ty:ty),* $(,)?) $(-> $ret:ty)? = $body:path;) => {
        $(#[$doc])*
        pub(crate) fn $name $(<$($g: $b),*>)? ($($arg: $ty),*) $(-> $ret)? {
            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2")]
                fn avx512 $(<$($g: $b),*>)? ($($arg: $ty),*) $(-> $ret)? {
                    $body($($arg),*)
                }
                #[target_feature(enable = "avx2")]
                fn avx2 $(<$($g: $b),*>)? ($($arg: $ty),*) $(-> $ret)? {
                    $body($($arg),*)
                }
                match $crate::kernels::level() {
                    // SAFETY: `level` returned this set, so the machine has it.
                    $crate::kernels::Level::Avx512 | $crate::kernels::Level::Avx512Vbmi => return unsafe { avx512($($arg),*) },
                    // SAFETY: as above.
                    $crate::kernels::Level::Avx2 => return unsafe { avx2($($arg),*) },
                    _ => {}
                }
            }
            $body($($arg),*)
        }
    };
}

/// As [`kernel!`], for a body that is generic over [`simd::Simd`] and takes it
/// as its first argument.
macro_rules! simd_kernel {
    ($(#[$doc:meta])* pub(crate) fn $name:ident ($($arg:ident : $ty:ty),* $(,)?) = $body:path;) => {
        $(#[$doc])*
        pub(crate) fn $name ($($arg: $ty),*) {
            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")]
                fn avx512 ($($arg: $ty),*) {
                    $body($crate::kernels::simd::Avx512::new(), $($arg),*)
                }
                #[target_feature(enable = "avx2")]
                fn avx2 ($($arg: $ty),*) {
                    $body($crate::kernels::simd::Avx2::new(), $($arg),*)
                }
                match $crate::kernels::level() {
                    // SAFETY: `level` returned this set, so the machine has it.
                    $crate::kernels::Level::Avx512 | $crate::kernels::Level::Avx512Vbmi => return unsafe { avx512($($arg),*) },
                    // SAFETY: as above.
                    $crate::kernels::Level::Avx2 => return unsafe { avx2($($arg),*) },
                    _ => {}
                }
            }
            #[cfg(target_arch = "aarch64")]
            if $crate::kernels::level() == $crate::kernels::Level::Neon {
                return $body($crate::kernels::simd::Neon, $($arg),*);
            }
            $body($crate::kernels::simd::Portable, $($arg),*)
        }
    };
}
pub(crate) mod entry;
