//! Tests of hypotheses, with an error rate for the whole family of them.
#![allow(dead_code, reason = "not every test file uses all of it")]

/// Hypotheses that are tested together: if all are true, [`Family::accept`]
/// fails with at most the probability `level` over all seeds (Bonferroni). As
/// seeds are fixed, it fails always or never.
pub struct Family {
    level: f64,
    results: Vec<(String, f64)>,
}

impl Family {
    pub fn new(level: f64) -> Family {
        Family {
            level,
            results: Vec::new(),
        }
    }

    /// Takes the p-value of one test in.
    pub fn add(&mut self, name: impl Into<String>, p: f64) {
        assert!((0.0..=1.0).contains(&p), "a p-value of {p}");
        self.results.push((name.into(), p));
    }

    /// The tests that reject their hypothesis.
    pub fn rejected(&self) -> Vec<&(String, f64)> {
        let each = self.level / self.results.len() as f64;
        self.results.iter().filter(|(_, p)| *p < each).collect()
    }

    pub fn accept(&self) {
        let rejected = self.rejected();
        assert!(
            rejected.is_empty(),
            "{} of {} tests fail: {rejected:?}",
            rejected.len(),
            self.results.len()
        );
    }
}

/// P-value of a standard normal deviate, both sides.
pub fn normal(z: f64) -> f64 {
    libm::erfc(z.abs() / std::f64::consts::SQRT_2)
}

/// P-value of a chi-square statistic: the regularised upper incomplete gamma
/// function, by its series or its continued fraction.
pub fn chi_square(x: f64, freedom: f64) -> f64 {
    let (a, x) = (freedom / 2.0, x / 2.0);
    if x <= 0.0 {
        return 1.0;
    }
    let front = libm::exp(a * x.ln() - x - libm::lgamma(a));
    if x < a + 1.0 {
        let (mut term, mut sum, mut n) = (1.0 / a, 1.0 / a, a);
        while term > sum * 1e-16 {
            n += 1.0;
            term *= x / n;
            sum += term;
        }
        return (1.0 - front * sum).clamp(0.0, 1.0);
    }
    // Lentz's method.
    let mut b = x + 1.0 - a;
    let (mut c, mut d) = (1e300, 1.0 / b);
    let mut h = d;
    for i in 1..10_000 {
        let an = -f64::from(i) * (f64::from(i) - a);
        b += 2.0;
        d = 1.0 / (an * d + b);
        c = b + an / c;
        h *= c * d;
        if (c * d - 1.0).abs() < 1e-15 {
            break;
        }
    }
    (front * h).clamp(0.0, 1.0)
}

/// Whether two samples of categories, as counts, have one distribution.
/// Neighbouring categories are taken together until each has enough.
pub fn same_categories(a: &[u64], b: &[u64]) -> f64 {
    const ENOUGH: u64 = 20;
    let mut pooled: Vec<(u64, u64)> = vec![(0, 0)];
    for i in 0..a.len().max(b.len()) {
        let at = |counts: &[u64]| counts.get(i).copied().unwrap_or(0);
        if let Some(last) = pooled.last_mut() {
            last.0 += at(a);
            last.1 += at(b);
            if last.0 + last.1 >= ENOUGH {
                pooled.push((0, 0));
            }
        }
    }
    if let Some(rest) = pooled.pop()
        && let Some(last) = pooled.last_mut()
    {
        last.0 += rest.0;
        last.1 += rest.1;
    }
    if pooled.len() < 2 {
        return 1.0;
    }
    let total = |side: fn(&(u64, u64)) -> u64| pooled.iter().map(side).sum::<u64>() as f64;
    let (n, m) = (total(|c| c.0), total(|c| c.1));
    let statistic: f64 = pooled
        .iter()
        .map(|&(x, y)| {
            let (x, y) = (x as f64, y as f64);
            let difference = x * (m / n).sqrt() - y * (n / m).sqrt();
            difference * difference / (x + y)
        })
        .sum();
    chi_square(statistic, pooled.len() as f64 - 1.0)
}

/// Whether two samples of numbers have one distribution (Kolmogorov and
/// Smirnov; ties only make it more careful).
pub fn same_distribution(a: &[f64], b: &[f64]) -> f64 {
    let sorted = |values: &[f64]| {
        let mut values = values.to_vec();
        values.sort_by(f64::total_cmp);
        values
    };
    let (a, b) = (sorted(a), sorted(b));
    let (n, m) = (a.len() as f64, b.len() as f64);
    let (mut i, mut j, mut largest) = (0, 0, 0.0f64);
    while i < a.len() && j < b.len() {
        let at = a[i].min(b[j]);
        while i < a.len() && a[i] <= at {
            i += 1;
        }
        while j < b.len() && b[j] <= at {
            j += 1;
        }
        largest = largest.max((i as f64 / n - j as f64 / m).abs());
    }
    let root = (n * m / (n + m)).sqrt();
    kolmogorov((root + 0.12 + 0.11 / root) * largest)
}

fn kolmogorov(x: f64) -> f64 {
    if x < 0.2 {
        return 1.0;
    }
    let term = |k: i32| {
        let sign = if k % 2 == 1 { 2.0 } else { -2.0 };
        sign * libm::exp(-2.0 * f64::from(k * k) * x * x)
    };
    (1..100).map(term).sum::<f64>().clamp(0.0, 1.0)
}

/// Whether two samples have one mean.
pub fn same_mean(a: &[f64], b: &[f64]) -> f64 {
    let (mean_a, error_a) = mean_and_error(a);
    let (mean_b, error_b) = mean_and_error(b);
    let error = (error_a * error_a + error_b * error_b).sqrt();
    match mean_a == mean_b {
        true => 1.0,
        false => normal((mean_a - mean_b) / error),
    }
}

/// Whether a sample has a mean.
pub fn has_mean(a: &[f64], expected: f64) -> f64 {
    let (mean, error) = mean_and_error(a);
    normal((mean - expected) / error)
}

pub fn mean_and_error(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let square = values.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>();
    (mean, (square / (n - 1.0) / n).sqrt())
}

/// Whether two counts out of `n` and `m` have one probability.
pub fn same_share(x: u64, n: usize, y: u64, m: usize) -> f64 {
    let (x, n, y, m) = (x as f64, n as f64, y as f64, m as f64);
    let p = (x + y) / (n + m);
    let variance = p * (1.0 - p) * (1.0 / n + 1.0 / m);
    match variance > 0.0 {
        true => normal((x / n - y / m) / variance.sqrt()),
        false => 1.0,
    }
}

#[test]
fn tables_of_the_distributions() {
    let near = |a: f64, b: f64| assert!((a - b).abs() < 2e-4 * b, "{a} {b}");
    near(normal(1.959_964), 0.05);
    near(chi_square(3.841_459, 1.0), 0.05);
    near(chi_square(149.449, 100.0), 0.001);
    near(chi_square(2.0, 2.0), (-1.0f64).exp());
    near(kolmogorov(1.358_1), 0.05);
    near(kolmogorov(1.949_5), 0.001);
}
