//! Arrays that the compiler turns into whatever vectors the target has: with SSE2,
//! four registers of four numbers. The reference that the other sets are held to.

use super::{LANES, Simd, TURNED};
use std::array::from_fn;

#[derive(Clone, Copy, Debug)]
pub(crate) struct Portable;

impl Simd for Portable {
    type Lanes = [f32; LANES];
    type Columns = Portable;

    const ANY_WIDTH: bool = true;

    #[inline(always)]
    fn eights(self) -> Portable {
        self
    }

    #[inline(always)]
    fn splat(self, value: f32) -> [f32; LANES] {
        [value; LANES]
    }

    #[inline(always)]
    fn load(self, from: &[f32; LANES]) -> [f32; LANES] {
        *from
    }

    #[inline(always)]
    fn store(self, lanes: [f32; LANES], to: &mut [f32; LANES]) {
        *to = lanes;
    }

    // Comparisons, not `f32::max`, which has to order NaN.
    #[inline(always)]
    fn max(self, a: [f32; LANES], b: [f32; LANES]) -> [f32; LANES] {
        from_fn(|l| if a[l] > b[l] { a[l] } else { b[l] })
    }

    #[inline(always)]
    fn min(self, a: [f32; LANES], b: [f32; LANES]) -> [f32; LANES] {
        from_fn(|l| if a[l] < b[l] { a[l] } else { b[l] })
    }

    #[inline(always)]
    fn add(self, a: [f32; LANES], b: [f32; LANES]) -> [f32; LANES] {
        from_fn(|l| a[l] + b[l])
    }

    #[inline(always)]
    fn sub(self, a: [f32; LANES], b: [f32; LANES]) -> [f32; LANES] {
        from_fn(|l| a[l] - b[l])
    }

    #[inline(always)]
    fn mul(self, a: [f32; LANES], b: [f32; LANES]) -> [f32; LANES] {
        from_fn(|l| a[l] * b[l])
    }

    #[inline(always)]
    fn div(self, a: [f32; LANES], b: [f32; LANES]) -> [f32; LANES] {
        from_fn(|l| a[l] / b[l])
    }

    #[inline(always)]
    fn equal(self, a: [f32; LANES], b: [f32; LANES]) -> u16 {
        (0..LANES).fold(0, |bits, l| bits | (u16::from(a[l] == b[l]) << l))
    }

    #[inline(always)]
    fn select(self, bits: u16, a: [f32; LANES], b: [f32; LANES]) -> [f32; LANES] {
        from_fn(|l| if bits >> l & 1 == 1 { a[l] } else { b[l] })
    }

    // SAFETY: the trait says what the caller owes.
    #[inline(always)]
    unsafe fn columns(self, rows: *const f32, at: &[u32; LANES]) -> [[f32; LANES]; TURNED] {
        let mut columns = [[0.0; LANES]; TURNED];
        for l in 0..LANES {
            // SAFETY: as the caller says.
            let row = unsafe { &*rows.add(at[l] as usize).cast::<[f32; TURNED]>() };
            for j in 0..TURNED {
                columns[j][l] = row[j];
            }
        }
        columns
    }
}
