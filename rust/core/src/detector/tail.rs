//! The upper tail of the training scores: thresholds and grades.

/// Shares of training rows at which scores are kept: two per factor of two.
const STEP: f64 = std::f64::consts::SQRT_2;
/// Exceedances behind the slope of what lies beyond the highest kept score.
const BEYOND: usize = 20;

/// The distribution of scores, from the median up. Between kept scores, and
/// beyond the last one, the logarithm of the share is linear in the score.
#[derive(Clone, Debug, PartialEq)]
pub struct Tail {
    /// Scores, ascending, at least one.
    pub scores: Vec<f64>,
    /// Natural logarithm of the share of rows above each score, descending.
    pub log_shares: Vec<f64>,
    /// Mean excess beyond the last score, above 0: per unit of it the share
    /// falls by a factor of `e`.
    pub excess: f64,
}

impl Tail {
    /// Keeps what matters of at least one score, sorted in place.
    pub(crate) fn fit(scores: &mut [f64]) -> Tail {
        scores.sort_unstable_by(f64::total_cmp);
        let n = scores.len();
        let mut tail = Tail {
            scores: Vec::new(),
            log_shares: Vec::new(),
            excess: 1.0,
        };
        let mut above = n as f64 / 2.0;
        while above > 0.5 {
            let rank = (above.round() as usize).clamp(1, n);
            // Half-way to the next score: exactly `rank` rows are above.
            let score = (scores[n - rank] + scores[(n - rank).saturating_sub(1)]) / 2.0;
            if tail.scores.last().is_none_or(|&last| score > last) {
                tail.scores.push(score);
                tail.log_shares.push(libm::log(rank as f64 / n as f64));
            }
            above /= STEP;
        }
        if tail.scores.is_empty() {
            tail.scores.push(scores.last().copied().unwrap_or(1.0));
            tail.log_shares.push(libm::log(0.5));
        }
        let top = &scores[n.saturating_sub(BEYOND + 1)..];
        if let [base, excesses @ ..] = top
            && !excesses.is_empty()
        {
            tail.excess = excesses.iter().map(|s| s - base).sum::<f64>() / excesses.len() as f64;
        }
        let scale = tail.scores[tail.scores.len() - 1].abs().max(1e-3);
        tail.excess = tail.excess.max(1e-3 * scale);
        tail
    }

    /// Natural logarithm of the share of rows expected above a score.
    pub(crate) fn log_share(&self, score: f64) -> f64 {
        let (scores, shares) = (&self.scores, &self.log_shares);
        let last = scores.len() - 1;
        if score >= scores[last] {
            return shares[last] - (score - scores[last]) / self.excess;
        }
        let right = scores.partition_point(|&s| s < score);
        if right == 0 {
            // Below the median: nothing to be told apart.
            return shares[0].max(libm::log(0.5)) * f64::from(score >= scores[0]);
        }
        let (a, b) = (scores[right - 1], scores[right]);
        let t = (score - a) / (b - a);
        shares[right - 1] + t * (shares[right] - shares[right - 1])
    }

    /// The score that this share of rows is expected to be above.
    pub(crate) fn threshold(&self, share: f64) -> f64 {
        let wanted = libm::log(share);
        let (scores, shares) = (&self.scores, &self.log_shares);
        let last = scores.len() - 1;
        if wanted <= shares[last] {
            return scores[last] + (shares[last] - wanted) * self.excess;
        }
        let right = shares.partition_point(|&s| s > wanted);
        if right == 0 {
            return scores[0];
        }
        let (a, b) = (shares[right - 1], shares[right]);
        let t = (wanted - a) / (b - a);
        scores[right - 1] + t * (scores[right] - scores[right - 1])
    }

    /// A score as a number between 0 (usual) and 1, 0.5 at the threshold of
    /// `alert_rate`: `1 - share^(ln 2 / -ln alert_rate)`.
    pub(crate) fn grade(&self, score: f64, alert_rate: f64) -> f64 {
        let power = std::f64::consts::LN_2 / -libm::log(alert_rate);
        (1.0 - libm::exp(power * self.log_share(score))).clamp(0.0, 1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;

    #[test]
    fn thresholds_keep_their_share_and_grades_agree() {
        let mut scores: Vec<f64> = (0..10_000)
            .map(|i| -libm::log((f64::from(i) + 0.5) / 10_000.0))
            .collect();
        let tail = Tail::fit(&mut scores);
        for share in [0.3, 0.1, 0.01, 0.001] {
            let threshold = tail.threshold(share);
            let above = scores.iter().filter(|&&s| s > threshold).count() as f64 / 10_000.0;
            assert!((above / share - 1.0).abs() < 0.15, "{share}: {above}");
            assert!((tail.grade(threshold, share) - 0.5).abs() < 1e-9);
            assert!((tail.log_share(threshold) - libm::log(share)).abs() < 1e-9);
        }
        // Exponential scores: what lies beyond is known.
        assert!((tail.threshold(1e-5) - 11.5).abs() < 1.5);
        let grades: Vec<f64> = (0..200)
            .map(|i| tail.grade(f64::from(i) * 0.1, 0.01))
            .collect();
        assert!(grades.is_sorted() && grades[0] == 0.0 && grades[199] < 1.0);
    }

    /// Fits to 5,000 scores, and 20,000 fresh ones for each: the share of these above a
    /// grade is what the grade says. 200 fits a distribution; a mean may be 4.5 of its
    /// standard errors off, which one of 100,000 is by chance, and 2 % for what lies between
    /// kept scores, whose tail is no straight line. Beyond 20 rows the tail is extrapolated,
    /// which only an exponential one bears.
    #[test]
    fn grades_are_the_shares_of_fresh_scores() {
        type Draw = fn(&mut Rng) -> f64;
        let exponential: Draw = |rng| 3.0 + rng.exponential();
        let uniform: Draw = |rng| 1.0 + rng.unit();
        let normal: Draw = |rng| (0..12).map(|_| rng.unit()).sum();
        let heavy: Draw = |rng| libm::pow(rng.open(), -0.25);
        let (n, fresh, fits) = (5000, 20_000, 200);
        for (which, draw) in [exponential, uniform, normal, heavy]
            .into_iter()
            .enumerate()
        {
            let mut rng = Rng::new(29, which as u64);
            let grades = [0.2, 0.35, 0.5, 0.6, 0.7];
            for rate in [0.05, 0.01] {
                let mut above = [0usize; 5];
                for _ in 0..fits {
                    let mut scores: Vec<f64> = (0..n).map(|_| draw(&mut rng)).collect();
                    let tail = Tail::fit(&mut scores);
                    for _ in 0..fresh {
                        let found = tail.grade(draw(&mut rng), rate);
                        for (count, grade) in above.iter_mut().zip(grades) {
                            *count += usize::from(found > grade);
                        }
                    }
                }
                for (count, grade) in above.into_iter().zip(grades) {
                    let p = libm::pow(rate, -libm::log2(1.0 - grade));
                    if p * f64::from(n) < 20.0 && which != 0 {
                        continue;
                    }
                    let share = count as f64 / f64::from(fits * fresh);
                    let error = (p / f64::from(n * fits) + p / f64::from(fresh * fits)).sqrt();
                    let ratio = share / p;
                    assert!(
                        (share - p).abs() < 4.5 * error + 0.02 * p,
                        "{which}, {rate}, {grade}: {ratio}"
                    );
                }
            }
        }
    }

    #[test]
    fn equal_and_single_scores_do_no_harm() {
        for scores in [vec![0.7; 100], vec![1.0], vec![0.5, 0.9]] {
            let tail = Tail::fit(&mut scores.clone());
            let threshold = tail.threshold(0.001);
            assert!(threshold.is_finite() && threshold > scores[scores.len() - 1]);
            assert!(tail.grade(0.1, 0.001) < 0.5);
        }
    }
}
