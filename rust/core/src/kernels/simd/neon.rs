//! Four 128-bit registers: every operation is four instructions. Columns are turned
//! four by four, in registers, since there is no gather.

use super::{LANES, Simd, TURNED};
use std::arch::aarch64::*;
use std::array::from_fn;

/// NEON, which every aarch64 machine has.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Neon;

type Four = [float32x4_t; 4];

/// SAFETY of all below: the target's baseline has the set, and pointers come
/// from references to as many values as are read or written.
impl Simd for Neon {
    type Lanes = Four;
    type Columns = super::Portable;

    #[inline(always)]
    fn eights(self) -> super::Portable {
        super::Portable
    }

    #[inline(always)]
    fn splat(self, value: f32) -> Four {
        // SAFETY: see above.
        unsafe { [vdupq_n_f32(value); 4] }
    }

    #[inline(always)]
    fn load(self, from: &[f32; LANES]) -> Four {
        // SAFETY: see above.
        from_fn(|i| unsafe { vld1q_f32(from.as_ptr().add(4 * i)) })
    }

    #[inline(always)]
    fn store(self, lanes: Four, to: &mut [f32; LANES]) {
        for (i, lanes) in lanes.into_iter().enumerate() {
            // SAFETY: see above.
            unsafe { vst1q_f32(to.as_mut_ptr().add(4 * i), lanes) }
        }
    }

    #[inline(always)]
    fn max(self, a: Four, b: Four) -> Four {
        // SAFETY: see above.
        from_fn(|i| unsafe { vmaxq_f32(a[i], b[i]) })
    }

    #[inline(always)]
    fn min(self, a: Four, b: Four) -> Four {
        // SAFETY: see above.
        from_fn(|i| unsafe { vminq_f32(a[i], b[i]) })
    }

    #[inline(always)]
    fn add(self, a: Four, b: Four) -> Four {
        // SAFETY: see above.
        from_fn(|i| unsafe { vaddq_f32(a[i], b[i]) })
    }

    #[inline(always)]
    fn sub(self, a: Four, b: Four) -> Four {
        // SAFETY: see above.
        from_fn(|i| unsafe { vsubq_f32(a[i], b[i]) })
    }

    #[inline(always)]
    fn mul(self, a: Four, b: Four) -> Four {
        // SAFETY: see above.
        from_fn(|i| unsafe { vmulq_f32(a[i], b[i]) })
    }

    #[inline(always)]
    fn div(self, a: Four, b: Four) -> Four {
        // SAFETY: see above.
        from_fn(|i| unsafe { vdivq_f32(a[i], b[i]) })
    }

    #[inline(always)]
    fn equal(self, a: Four, b: Four) -> u16 {
        // SAFETY: see above.
        let bits = |i: usize| unsafe {
            let bit = vld1q_u32([1, 2, 4, 8].as_ptr());
            vaddvq_u32(vandq_u32(vceqq_f32(a[i], b[i]), bit)) as u16
        };
        bits(0) | bits(1) << 4 | bits(2) << 8 | bits(3) << 12
    }

    #[inline(always)]
    fn select(self, bits: u16, a: Four, b: Four) -> Four {
        // SAFETY: see above.
        from_fn(|i| unsafe {
            let bit = vld1q_u32([1, 2, 4, 8].as_ptr());
            let mask = vtstq_u32(vdupq_n_u32(u32::from(bits >> (4 * i))), bit);
            vbslq_f32(mask, a[i], b[i])
        })
    }

    // SAFETY: the trait says what the caller owes.
    #[inline(always)]
    unsafe fn columns(self, rows: *const f32, at: &[u32; LANES]) -> [Four; TURNED] {
        // Four by four: `half` tells which columns, `i` which rows.
        // SAFETY: see above.
        let turned = |half: usize, i: usize| unsafe {
            let r: [float32x4_t; 4] =
                from_fn(|l| vld1q_f32(rows.add(at[4 * i + l] as usize).add(4 * half)));
            let (a, b) = (vtrnq_f32(r[0], r[1]), vtrnq_f32(r[2], r[3]));
            [
                vcombine_f32(vget_low_f32(a.0), vget_low_f32(b.0)),
                vcombine_f32(vget_low_f32(a.1), vget_low_f32(b.1)),
                vcombine_f32(vget_high_f32(a.0), vget_high_f32(b.0)),
                vcombine_f32(vget_high_f32(a.1), vget_high_f32(b.1)),
            ]
        };
        let parts: [[[float32x4_t; 4]; 4]; 2] = from_fn(|half| from_fn(|i| turned(half, i)));
        from_fn(|j| from_fn(|i| parts[j / 4][i][j % 4]))
    }
}
