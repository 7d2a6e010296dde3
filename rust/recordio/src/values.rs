//! Numbers of the three kinds that a tensor holds.

/// Borrowed numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Values<'a> {
    /// Single precision.
    F32(&'a [f32]),
    /// Double precision.
    F64(&'a [f64]),
    /// Integers.
    I32(&'a [i32]),
}

impl Values<'_> {
    /// How many.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Values::F32(values) => values.len(),
            Values::F64(values) => values.len(),
            Values::I32(values) => values.len(),
        }
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Some of them.
    pub(crate) fn slice(&self, from: usize, to: usize) -> Values<'_> {
        match self {
            Values::F32(values) => Values::F32(&values[from..to]),
            Values::F64(values) => Values::F64(&values[from..to]),
            Values::I32(values) => Values::I32(&values[from..to]),
        }
    }
}

/// Numbers that were read.
#[derive(Clone, Debug, PartialEq)]
pub enum Numbers {
    /// Single precision.
    F32(Vec<f32>),
    /// Double precision.
    F64(Vec<f64>),
    /// Integers.
    I32(Vec<i32>),
}

impl Numbers {
    /// None yet, of the kind of `values`.
    pub(crate) fn like(values: Values<'_>) -> Numbers {
        match values {
            Values::F32(_) => Numbers::F32(Vec::new()),
            Values::F64(_) => Numbers::F64(Vec::new()),
            Values::I32(_) => Numbers::I32(Vec::new()),
        }
    }

    /// All of them.
    #[must_use]
    pub fn view(&self) -> Values<'_> {
        match self {
            Numbers::F32(values) => Values::F32(values),
            Numbers::F64(values) => Values::F64(values),
            Numbers::I32(values) => Values::I32(values),
        }
    }

    /// Makes them double precision, which holds all kinds exactly.
    fn widen(&mut self) {
        *self = Numbers::F64(match self {
            Numbers::F32(values) => values.iter().map(|&value| value.into()).collect(),
            Numbers::F64(values) => std::mem::take(values),
            Numbers::I32(values) => values.iter().map(|&value| value.into()).collect(),
        });
    }

    /// Adds numbers; those of two kinds become double precision.
    pub(crate) fn extend(&mut self, more: Values<'_>) {
        match (&mut *self, more) {
            (Numbers::F32(all), Values::F32(more)) => all.extend_from_slice(more),
            (Numbers::F64(all), Values::F64(more)) => all.extend_from_slice(more),
            (Numbers::I32(all), Values::I32(more)) => all.extend_from_slice(more),
            (Numbers::F64(all), Values::F32(more)) => {
                all.extend(more.iter().map(|&x| f64::from(x)))
            }
            (Numbers::F64(all), Values::I32(more)) => {
                all.extend(more.iter().map(|&x| f64::from(x)))
            }
            _ => {
                self.widen();
                self.extend(more);
            }
        }
    }

    /// Adds `width` zeros with numbers of the same count as `places` among them.
    pub(crate) fn scatter(&mut self, width: usize, places: &[usize], values: Values<'_>) {
        match (&mut *self, values) {
            (Numbers::F32(all), Values::F32(values)) => {
                put(all, width, places, values.iter().copied());
            }
            (Numbers::F64(all), Values::F64(values)) => {
                put(all, width, places, values.iter().copied());
            }
            (Numbers::I32(all), Values::I32(values)) => {
                put(all, width, places, values.iter().copied());
            }
            (Numbers::F64(all), Values::F32(values)) => {
                put(all, width, places, values.iter().map(|&x| f64::from(x)));
            }
            (Numbers::F64(all), Values::I32(values)) => {
                put(all, width, places, values.iter().map(|&x| f64::from(x)));
            }
            _ => {
                self.widen();
                self.scatter(width, places, values);
            }
        }
    }
}

fn put<T: Copy + Default>(
    all: &mut Vec<T>,
    width: usize,
    places: &[usize],
    values: impl Iterator<Item = T>,
) {
    let start = all.len();
    all.resize(start + width, T::default());
    for (&place, value) in places.iter().zip(values) {
        all[start + place] = value;
    }
}
