//! Shells: functions built once per instruction set around one inlined body.
//!
//! What a set implies in practice (`popcnt`, `bmi`) is asked for with it, see
//! [`super::level`].

/// Builds `fn $name(...)` once per instruction set from an `#[inline(always)]`
/// body, and calls the one that [`level`] names.
macro_rules! kernel {
    ($(#[$doc:meta])* pub(crate) fn $name:ident $(<$($g:ident : $b:path),*>)? ($($arg:ident : $ty:ty),* $(,)?) $(-> $ret:ty)? = $body:path;) => {
        $(#[$doc])*
        pub(crate) fn $name $(<$($g: $b),*>)? ($($arg: $ty),*) $(-> $ret)? {
            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,popcnt,bmi1,bmi2")]
                fn avx512 $(<$($g: $b),*>)? ($($arg: $ty),*) $(-> $ret)? {
                    $body($($arg),*)
                }
                #[target_feature(enable = "avx2,popcnt,bmi1,bmi2")]
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
/// as its first argument. One that is generic over a width too is built for all widths alike at the
/// portable level, which hardly anybody runs: a kernel for each would be a third of the library.
macro_rules! simd_kernel {
    ($(#[$doc:meta])* pub(crate) fn $name:ident <const $w:ident : usize> ($($arg:ident : $ty:ty),* $(,)?) = $body:ident;) => {
        simd_kernel! {
            @ [$(#[$doc])*] $name [<const $w: usize>] [::<$w>] ($($arg : $ty),*) = [$body::<_, $w>] {
                // One for all widths, and none of it in what it is called from.
                #[inline(never)]
                fn portable($($arg: $ty),*) {
                    $body::<_, 0>($crate::kernels::simd::Portable, $($arg),*)
                }
                portable($($arg),*)
            }
        }
    };
    ($(#[$doc:meta])* pub(crate) fn $name:ident $(<$($g:ident : $b:path),*>)? ($($arg:ident : $ty:ty),* $(,)?) = $body:path;) => {
        simd_kernel! {
            @ [$(#[$doc])*] $name [$(<$($g: $b),*>)?] [] ($($arg : $ty),*) = [$body] {
                $body($crate::kernels::simd::Portable, $($arg),*)
            }
        }
    };
    (@ [$($doc:tt)*] $name:ident [$($generics:tt)*] [$($given:tt)*] ($($arg:ident : $ty:ty),*) = [$($body:tt)*] $portable:block) => {
        $($doc)*
        pub(crate) fn $name $($generics)* ($($arg: $ty),*) {
            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,popcnt,bmi1,bmi2")]
                fn avx512 $($generics)* ($($arg: $ty),*) {
                    $($body)*($crate::kernels::simd::Avx512::new(), $($arg),*)
                }
                #[target_feature(enable = "avx2,popcnt,bmi1,bmi2")]
                fn avx2 $($generics)* ($($arg: $ty),*) {
                    $($body)*($crate::kernels::simd::Avx2::new(), $($arg),*)
                }
                match $crate::kernels::level() {
                    // SAFETY: `level` returned this set, so the machine has it.
                    $crate::kernels::Level::Avx512 | $crate::kernels::Level::Avx512Vbmi => return unsafe { avx512 $($given)* ($($arg),*) },
                    // SAFETY: as above.
                    $crate::kernels::Level::Avx2 => return unsafe { avx2 $($given)* ($($arg),*) },
                    _ => {}
                }
            }
            #[cfg(target_arch = "aarch64")]
            if $crate::kernels::level() == $crate::kernels::Level::Neon {
                return $($body)*($crate::kernels::simd::Neon, $($arg),*);
            }
            $portable
        }
    };
}
