//! How far two sets of pieces are apart: the Fréchet distance of their embeddings.
//!
//! As FID (Heusel et al. 2017) and FAD (Kilgour et al. 2019), on the embedding of
//! [`crate::judge`], which is fixed, so that values of one version of the program can be compared
//! with each other, but not with those of papers. Small sets look further apart than they are:
//! compare sets of equal size.

use crate::{Error, Result};

/// Sweeps of the eigenvalue iteration; a handful suffices.
const MAX_SWEEPS: usize = 60;

/// Mean and covariance of a set of vectors.
#[derive(Debug, Clone, PartialEq)]
pub struct Distribution {
    mean: Vec<f64>,
    /// `[dimension][dimension]`, symmetric.
    covariance: Vec<f64>,
}

impl Distribution {
    /// Of two vectors or more of one length.
    pub fn new(vectors: &[Vec<f32>]) -> Result<Self> {
        let [first, _, ..] = vectors else {
            return Err(Error::TooFew {
                found: vectors.len(),
                min: 2,
            });
        };
        let dimension = first.len();
        if let Some(other) = vectors.iter().find(|vector| vector.len() != dimension) {
            return Err(Error::Shape {
                what: "vectors of a distribution",
                expected: dimension,
                found: other.len(),
            });
        }
        let count = vectors.len() as f64;
        let of = |i: usize| vectors.iter().map(move |vector| f64::from(vector[i]));
        let mean: Vec<f64> = (0..dimension).map(|i| of(i).sum::<f64>() / count).collect();
        let product = |i: usize, j: usize| {
            let deviations = of(i).zip(of(j)).map(|(a, b)| (a - mean[i]) * (b - mean[j]));
            deviations.sum::<f64>() / (count - 1.0)
        };
        let covariance = (0..dimension * dimension)
            .map(|index| product(index / dimension, index % dimension))
            .collect();
        Ok(Self { mean, covariance })
    }

    /// Squared distance of the means plus what the covariances differ by; 0 for equal
    /// distributions. Both must have the same dimension.
    pub fn distance(&self, other: &Self) -> Result<f64> {
        let dimension = self.mean.len();
        if other.mean.len() != dimension {
            return Err(Error::Shape {
                what: "dimensions of two distributions",
                expected: dimension,
                found: other.mean.len(),
            });
        }
        let means: f64 = self
            .mean
            .iter()
            .zip(&other.mean)
            .map(|(a, b)| (a - b).powi(2))
            .sum();
        let root = square_root(&self.covariance, dimension);
        let inner = multiply(
            &multiply(&root, &other.covariance, dimension),
            &root,
            dimension,
        );
        let (values, _) = eigen(inner, dimension);
        let cross: f64 = values.into_iter().map(|value| value.max(0.0).sqrt()).sum();
        let traces = trace(&self.covariance, dimension) + trace(&other.covariance, dimension);
        Ok((means + traces - 2.0 * cross).max(0.0))
    }
}

fn trace(matrix: &[f64], dimension: usize) -> f64 {
    (0..dimension).map(|i| matrix[i * dimension + i]).sum()
}

fn multiply(a: &[f64], b: &[f64], dimension: usize) -> Vec<f64> {
    let mut product = vec![0.0; dimension * dimension];
    for (row, out) in a
        .chunks_exact(dimension)
        .zip(product.chunks_exact_mut(dimension))
    {
        for (value, other) in row.iter().zip(b.chunks_exact(dimension)) {
            out.iter_mut()
                .zip(other)
                .for_each(|(sum, b)| *sum += value * b);
        }
    }
    product
}

/// The positive square root of a positive matrix.
fn square_root(matrix: &[f64], dimension: usize) -> Vec<f64> {
    let (values, vectors) = eigen(matrix.to_vec(), dimension);
    let mut root = vec![0.0; dimension * dimension];
    for (k, value) in values.into_iter().enumerate() {
        let size = value.max(0.0).sqrt();
        for i in 0..dimension {
            for j in 0..dimension {
                root[i * dimension + j] +=
                    size * vectors[i * dimension + k] * vectors[j * dimension + k];
            }
        }
    }
    root
}

/// Eigenvalues, and eigenvectors as columns, of a symmetric matrix by Jacobi's rotations.
fn eigen(mut a: Vec<f64>, n: usize) -> (Vec<f64>, Vec<f64>) {
    let mut vectors = vec![0.0; n * n];
    (0..n).for_each(|i| vectors[i * n + i] = 1.0);
    let scale = a.iter().map(|value| value * value).sum::<f64>();
    for _ in 0..MAX_SWEEPS {
        let off: f64 = (0..n * n)
            .filter(|index| index / n != index % n)
            .map(|index| a[index] * a[index])
            .sum();
        if off <= scale * 1e-24 {
            break;
        }
        for p in 0..n {
            for q in p + 1..n {
                rotate(&mut a, &mut vectors, n, (p, q));
            }
        }
    }
    ((0..n).map(|i| a[i * n + i]).collect(), vectors)
}

/// Turns axes p and q so that `a[p][q]` becomes 0.
fn rotate(a: &mut [f64], vectors: &mut [f64], n: usize, (p, q): (usize, usize)) {
    let off = a[p * n + q];
    if off == 0.0 {
        return;
    }
    let theta = (a[q * n + q] - a[p * n + p]) / (2.0 * off);
    let t = theta.signum() / (theta.abs() + theta.hypot(1.0));
    let cos = 1.0 / t.hypot(1.0);
    let sin = t * cos;
    for k in 0..n {
        let (x, y) = (a[k * n + p], a[k * n + q]);
        (a[k * n + p], a[k * n + q]) = (cos * x - sin * y, sin * x + cos * y);
    }
    for k in 0..n {
        let (x, y) = (a[p * n + k], a[q * n + k]);
        (a[p * n + k], a[q * n + k]) = (cos * x - sin * y, sin * x + cos * y);
        let (x, y) = (vectors[k * n + p], vectors[k * n + q]);
        (vectors[k * n + p], vectors[k * n + q]) = (cos * x - sin * y, sin * x + cos * y);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn close(a: f64, b: f64) {
        assert!((a - b).abs() < 1e-6, "{a} instead of {b}");
    }

    #[test]
    fn one_dimension_is_the_textbook_formula() {
        // Means 1 and 5, standard deviations √2 and √8: 16 + (√2 − √8)² = 18.
        let a = Distribution::new(&[vec![0.0], vec![2.0]]).unwrap();
        let b = Distribution::new(&[vec![3.0], vec![7.0]]).unwrap();
        close(a.distance(&b).unwrap(), 18.0);
        close(b.distance(&a).unwrap(), 18.0);
    }

    #[test]
    fn eigenvalues_of_a_known_matrix() {
        let (mut values, _) = eigen(vec![2.0, 1.0, 0.0, 1.0, 2.0, 0.0, 0.0, 0.0, 5.0], 3);
        values.sort_by(f64::total_cmp);
        values
            .iter()
            .zip([1.0, 3.0, 5.0])
            .for_each(|(a, b)| close(*a, b));
    }

    #[test]
    fn too_few_and_uneven_vectors_are_refused() {
        assert!(matches!(
            Distribution::new(&[vec![1.0]]),
            Err(Error::TooFew { found: 1, .. })
        ));
        assert!(Distribution::new(&[vec![1.0], vec![1.0, 2.0]]).is_err());
        let one = Distribution::new(&[vec![1.0], vec![2.0]]).unwrap();
        let two = Distribution::new(&[vec![1.0, 1.0], vec![2.0, 0.0]]).unwrap();
        assert!(one.distance(&two).is_err());
    }

    proptest! {
        #[test]
        fn a_set_is_not_apart_from_itself_and_moving_it_counts_squared(
            vectors in prop::collection::vec(prop::collection::vec(-3.0_f32..3.0, 5), 3..20),
            shift in 0.1_f32..4.0,
        ) {
            let a = Distribution::new(&vectors).unwrap();
            prop_assert!(a.distance(&a).unwrap() < 1e-6);
            let moved: Vec<Vec<f32>> =
                vectors.iter().map(|v| v.iter().map(|x| x + shift).collect()).collect();
            let distance = a.distance(&Distribution::new(&moved).unwrap()).unwrap();
            prop_assert!((distance - 5.0 * f64::from(shift).powi(2)).abs() < 1e-3);
        }
    }
}
