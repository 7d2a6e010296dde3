//! Memory that is asked for before it is needed: an instruction for each cache line,
//! which waits for nothing. It pays where an address is known some hundred cycles
//! ahead; where loads overlap anyway it only takes their place.

/// Asks for the cache lines of values that are read soon. Changes nothing.
#[inline(always)]
pub(crate) fn values<T>(values: &[T]) {
    #[cfg(target_arch = "x86_64")]
    for line in (0..size_of_val(values)).step_by(64) {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: all x86-64 machines have the instruction, and it touches
        // nothing that the program can see.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(values.as_ptr().cast::<i8>().wrapping_add(line)) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = values;
}
