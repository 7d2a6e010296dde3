//! Arithmetic coding: every choice takes as many bits as its probability says.
//!
//! A range coder as LZMA has it, whose bits learn their probabilities by
//! counting. One walk over the values serves writing and reading: a [`Coder`]
//! is handed each value and gives it back, and a reader takes no notice of what
//! it is handed.

/// Where the range gets narrower than this, a byte is done.
const LEAST: u32 = 1 << 24;
/// Bits of a probability.
const SHARES: u32 = 15;
/// Bits of what a [`Seen`] knows its share by, and of how often it was asked.
const FINE: u32 = 22;
const ASKED: u32 = 10;
/// The most bits that are coded at once as equally likely.
const AT_ONCE: u32 = 14;

/// Writes values, or reads them.
pub(super) trait Coder {
    /// Codes `value` below `n`, all equally likely; `n` is 1 to 2^16.
    fn one_of(&mut self, value: u32, n: u32) -> u32;

    /// Codes so many bits, at most `AT_ONCE`, each as likely as its opposite.
    fn flat(&mut self, value: u32, bits: u32) -> u32;

    /// Codes a bit that is set with such a probability, in 2^15ths.
    fn likely(&mut self, bit: bool, share: u32) -> bool;

    /// Codes a bit, and learns how likely it is.
    #[inline]
    fn bit(&mut self, bit: bool, seen: &mut Seen) -> bool {
        let bit = self.likely(bit, seen.share());
        seen.learn(bit);
        bit
    }

    /// Codes the lowest bits of a value, each as likely as its opposite.
    #[inline]
    fn raw(&mut self, value: u64, bits: u32) -> u64 {
        let (mut found, mut left) = (0, bits);
        while left > 0 {
            let now = left.min(AT_ONCE);
            left -= now;
            let part = (value >> left) as u32 & ((1 << now) - 1);
            found = found << now | u64::from(self.flat(part, now));
        }
        found
    }

    /// Codes `value` below `n`, all about equally likely; `n` is at least 1.
    #[inline]
    fn below(&mut self, value: u64, n: u64) -> u64 {
        let below = (u64::BITS - (n - 1).leading_zeros()).saturating_sub(AT_ONCE);
        let cells = ((n - 1) >> below) as u32 + 1;
        let high = self.one_of((value >> below) as u32, cells);
        u64::from(high) << below | self.raw(value, below)
    }
}

/// How likely a bit is set, after what was seen of it: nearly the estimate of
/// Krichevsky and Trofimov, (set + ½) / (asked + 1), without a division.
#[derive(Clone, Copy)]
pub(super) struct Seen(u32);

impl Default for Seen {
    fn default() -> Seen {
        Seen(1 << (FINE - 1 + ASKED))
    }
}

impl Seen {
    #[inline]
    fn share(self) -> u32 {
        (self.0 >> (ASKED + FINE - SHARES)).clamp(1, (1 << SHARES) - 1)
    }

    #[inline]
    fn learn(&mut self, bit: bool) {
        /// What the newest of so many bits counts, in 2^16ths.
        static WEIGHTS: [u32; 1 << ASKED] = {
            let mut weights = [0; 1 << ASKED];
            let mut asked = 0;
            while asked < weights.len() {
                weights[asked] = (1 << 16) / (asked as u32 + 2);
                asked += 1;
            }
            weights
        };
        let (share, asked) = (self.0 >> ASKED, self.0 & ((1 << ASKED) - 1));
        let weight = u64::from(WEIGHTS[asked as usize]);
        let part = |of: u32| ((u64::from(of) * weight) >> 16) as u32;
        let share = match bit {
            true => share + part((1 << FINE) - 1 - share),
            false => share - part(share),
        };
        let asked = (asked + 1).min((1 << ASKED) - 1);
        self.0 = share << ASKED | asked;
    }
}

/// Symbols of so many bits, which learn how often each occurs.
pub(super) struct Symbols {
    bits: u32,
    seen: Vec<Seen>,
}

impl Symbols {
    pub(super) fn new(bits: u32) -> Symbols {
        Symbols {
            bits,
            seen: vec![Seen::default(); 1 << bits],
        }
    }

    pub(super) fn code(&mut self, coder: &mut impl Coder, symbol: u32) -> u32 {
        let mut at = 1;
        for k in (0..self.bits).rev() {
            let bit = coder.bit(symbol >> k & 1 == 1, &mut self.seen[at]);
            at = at << 1 | usize::from(bit);
        }
        (at - (1 << self.bits)) as u32
    }
}

/// Numbers whose lengths in bits are learnt.
pub(super) struct Numbers(Symbols);

impl Numbers {
    pub(super) fn new() -> Numbers {
        Numbers(Symbols::new(7))
    }

    pub(super) fn code(&mut self, coder: &mut impl Coder, value: u64) -> u64 {
        let length = self.0.code(coder, u64::BITS - value.leading_zeros());
        match length.min(u64::BITS) {
            0 => 0,
            length => 1 << (length - 1) | coder.raw(value, length - 1),
        }
    }
}

/// Numbers of which most are small: those step by step.
pub(super) struct Steps {
    small: [Seen; SMALL],
    others: Symbols,
}

/// Numbers below this one are told step by step.
const SMALL: usize = 12;

impl Steps {
    /// For numbers of so many bits.
    pub(super) fn new(bits: u32) -> Steps {
        Steps {
            small: [Seen::default(); SMALL],
            others: Symbols::new(bits),
        }
    }

    pub(super) fn code(&mut self, coder: &mut impl Coder, value: u32) -> u32 {
        for (step, seen) in (0..).zip(&mut self.small) {
            if coder.bit(value == step, seen) {
                return step;
            }
        }
        self.others.code(coder, value)
    }
}

/// Writes.
pub(super) struct Encoder {
    low: u64,
    range: u32,
    /// The last byte that a carry may still reach, and how many 255s follow it.
    held: u8,
    full: usize,
    begun: bool,
    out: Vec<u8>,
}

impl Encoder {
    /// Appends to bytes.
    pub(super) fn new(out: Vec<u8>) -> Encoder {
        Encoder {
            low: 0,
            range: u32::MAX,
            held: 0,
            full: 0,
            begun: false,
            out,
        }
    }

    #[inline]
    fn narrow(&mut self, skipped: u32, range: u32) {
        self.low += u64::from(skipped);
        self.range = range;
        while self.range < LEAST {
            self.range <<= 8;
            self.shift();
        }
    }

    fn shift(&mut self) {
        let carry = (self.low >> 32) as u8;
        if carry == 1 || (self.low as u32) < 0xff00_0000 {
            if self.begun {
                self.out.push(self.held.wrapping_add(carry));
            }
            self.begun = true;
            let full = 0xff_u8.wrapping_add(carry);
            self.out.resize(self.out.len() + self.full, full);
            self.full = 0;
            self.held = (self.low >> 24) as u8;
        } else {
            self.full += 1;
        }
        self.low = (self.low << 8) & 0xffff_ffff;
    }

    /// All bytes, with those that are still held back.
    pub(super) fn finish(mut self) -> Vec<u8> {
        for _ in 0..5 {
            self.shift();
        }
        self.out
    }
}

impl Coder for Encoder {
    #[inline]
    fn one_of(&mut self, value: u32, n: u32) -> u32 {
        let each = self.range / n;
        self.narrow(each * value, each);
        value
    }

    #[inline]
    fn flat(&mut self, value: u32, bits: u32) -> u32 {
        let each = self.range >> bits;
        self.narrow(each * value, each);
        value
    }

    #[inline]
    fn likely(&mut self, bit: bool, share: u32) -> bool {
        let set = (self.range >> SHARES) * share;
        match bit {
            true => self.narrow(0, set),
            false => self.narrow(set, self.range - set),
        }
        bit
    }
}

/// Reads. Beyond the end it finds zeros, which [`Decoder::overrun`] tells.
pub(super) struct Decoder<'a> {
    code: u32,
    range: u32,
    rest: std::slice::Iter<'a, u8>,
    beyond: usize,
}

impl<'a> Decoder<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Decoder<'a> {
        let mut decoder = Decoder {
            code: 0,
            range: u32::MAX,
            rest: bytes.iter(),
            beyond: 0,
        };
        for _ in 0..4 {
            decoder.code = decoder.code << 8 | decoder.byte();
        }
        decoder
    }

    #[inline]
    fn byte(&mut self) -> u32 {
        match self.rest.next() {
            Some(&byte) => byte.into(),
            None => {
                self.beyond += 1;
                0
            }
        }
    }

    /// Whether more was read than is there.
    pub(super) fn overrun(&self) -> bool {
        self.beyond > 0
    }

    /// Whether all was read that is there, and no more.
    pub(super) fn is_done(&self) -> bool {
        self.beyond == 0 && self.rest.len() == 0
    }

    #[inline]
    fn narrow(&mut self, skipped: u32, range: u32) {
        self.code = self.code.wrapping_sub(skipped);
        self.range = range;
        while self.range < LEAST {
            self.range <<= 8;
            self.code = self.code << 8 | self.byte();
        }
    }
}

impl Coder for Decoder<'_> {
    #[inline]
    fn one_of(&mut self, _: u32, n: u32) -> u32 {
        let each = self.range / n;
        let value = (self.code / each).min(n - 1);
        self.narrow(each * value, each);
        value
    }

    #[inline]
    fn flat(&mut self, _: u32, bits: u32) -> u32 {
        let each = self.range >> bits;
        let value = (self.code / each).min((1 << bits) - 1);
        self.narrow(each * value, each);
        value
    }

    #[inline]
    fn likely(&mut self, _: bool, share: u32) -> bool {
        let set = (self.range >> SHARES) * share;
        let bit = self.code < set;
        match bit {
            true => self.narrow(0, set),
            false => self.narrow(set, self.range - set),
        }
        bit
    }
}
