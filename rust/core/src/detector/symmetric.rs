//! Eigenvalues and eigenvectors of small symmetric matrices, by Jacobi's rotations
//! (Golub and Van Loan, Matrix Computations, 8.5).
//!
//! The order of every sum is fixed, so that a detector is the same on any machine;
//! libraries for linear algebra choose theirs by the processor.

/// Most sweeps; a matrix of a thousand columns needs about ten.
const SWEEPS: usize = 30;

/// What a symmetric matrix is made of.
pub(super) struct Eigen {
    /// Eigenvalues, ascending.
    pub(super) values: Vec<f64>,
    /// Their eigenvectors, of length 1, one after the other.
    pub(super) vectors: Vec<f64>,
}

/// Takes a symmetric matrix of `n` rows apart.
pub(super) fn eigen(mut a: Vec<f64>, n: usize) -> Eigen {
    let mut v = vec![0.0; n * n];
    (0..n).for_each(|i| v[i * n + i] = 1.0);
    let norm: f64 = a.iter().map(|x| x * x).sum();
    for _ in 0..SWEEPS {
        let beside: f64 = (0..n)
            .flat_map(|i| (i + 1..n).map(move |j| (i, j)))
            .map(|(i, j)| a[i * n + j] * a[i * n + j])
            .sum();
        // Half of what a double tells apart, squared.
        if beside <= norm * 1e-33 {
            break;
        }
        for p in 0..n {
            for q in p + 1..n {
                rotate(&mut a, &mut v, n, p, q);
            }
        }
    }
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|&i, &j| a[i * n + i].total_cmp(&a[j * n + j]));
    Eigen {
        values: order.iter().map(|&i| a[i * n + i]).collect(),
        vectors: order
            .iter()
            .flat_map(|&i| v[i * n..(i + 1) * n].iter().copied())
            .collect(),
    }
}

/// Turns the plane of two axes so that their entry becomes 0. Row `i` of `v` is the
/// vector that the diagonal's place `i` belongs to.
fn rotate(a: &mut [f64], v: &mut [f64], n: usize, p: usize, q: usize) {
    let apq = a[p * n + q];
    if apq == 0.0 {
        return;
    }
    let theta = (a[q * n + q] - a[p * n + p]) / (2.0 * apq);
    // The smaller of both angles. Squares of large numbers may be infinite: then it is 0.
    let t = theta.signum() / (theta.abs() + (theta * theta + 1.0).sqrt());
    let c = 1.0 / (t * t + 1.0).sqrt();
    let s = t * c;
    for k in 0..n {
        let (kp, kq) = (a[k * n + p], a[k * n + q]);
        a[k * n + p] = c * kp - s * kq;
        a[k * n + q] = s * kp + c * kq;
    }
    for matrix in [a, v] {
        let (above, below) = matrix.split_at_mut(q * n);
        let (row_p, row_q) = (&mut above[p * n..(p + 1) * n], &mut below[..n]);
        for (x, y) in row_p.iter_mut().zip(row_q) {
            (*x, *y) = (c * *x - s * *y, s * *x + c * *y);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;

    #[test]
    fn a_matrix_is_the_sum_of_its_parts() {
        let mut rng = Rng::new(5, 0);
        for n in [1, 2, 3, 8, 40] {
            let x: Vec<f64> = (0..n * n).map(|_| rng.unit() - 0.5).collect();
            let a: Vec<f64> = (0..n * n)
                .map(|at| (0..n).map(|k| x[at / n * n + k] * x[at % n * n + k]).sum())
                .collect();
            let Eigen { values, vectors } = eigen(a.clone(), n);
            assert!(values.is_sorted());
            for i in 0..n {
                for j in 0..n {
                    let dot: f64 = (0..n)
                        .map(|k| vectors[i * n + k] * vectors[j * n + k])
                        .sum();
                    assert!((dot - f64::from(i == j)).abs() < 1e-12);
                    let whole: f64 = (0..n)
                        .map(|k| values[k] * vectors[k * n + i] * vectors[k * n + j])
                        .sum();
                    assert!((whole - a[i * n + j]).abs() < 1e-12, "{n}: {i}, {j}");
                }
            }
        }
    }

    #[test]
    fn a_dependent_column_leaves_an_eigenvalue_of_nothing() {
        // Columns a, b, a + b.
        let a = vec![1.0, 0.2, 1.2, 0.2, 2.0, 2.2, 1.2, 2.2, 3.4];
        let Eigen { values, vectors } = eigen(a, 3);
        assert!(values[0].abs() < 1e-15 && values[1] > 0.5);
        assert!((vectors[0] + vectors[2]).abs() < 1e-12);
        assert!((vectors[1] + vectors[2]).abs() < 1e-12);
    }
}
