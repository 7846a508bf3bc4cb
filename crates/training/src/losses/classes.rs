//! Losses of choices: the next token, the style, which instruments play, where a sentence lies.

use super::Loss;

/// Mean cross-entropy in nats over the rows that have a target.
///
/// `logits`: `[rows, classes]`; a row with target `None` counts for nothing.
pub fn cross_entropy(logits: &[f32], targets: &[Option<u32>]) -> Loss {
    let classes = logits.len() / targets.len().max(1);
    let counted = targets.iter().flatten().count().max(1) as f64;
    let (mut value, mut gradient) = (0.0, vec![0f32; logits.len()]);
    let rows = logits
        .chunks_exact(classes.max(1))
        .zip(gradient.chunks_exact_mut(classes.max(1)));
    for ((row, slope), target) in rows.zip(targets) {
        let Some(target) = target.map(|t| t as usize) else {
            continue;
        };
        let peak = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let total: f64 = row.iter().map(|&x| f64::from(x - peak).exp()).sum();
        value += (total.ln() - f64::from(row[target] - peak)) / counted;
        for (slope, &x) in slope.iter_mut().zip(row) {
            *slope = (f64::from(x - peak).exp() / total / counted) as f32;
        }
        slope[target] -= (1.0 / counted) as f32;
    }
    Loss { value, gradient }
}

/// Mean binary cross-entropy of logits against answers of 0 to 1.
pub fn yes_or_no(logits: &[f32], answers: &[f32]) -> Loss {
    let count = logits.len().max(1) as f64;
    let (mut value, mut gradient) = (0.0, Vec::with_capacity(logits.len()));
    for (&x, &answer) in logits.iter().zip(answers) {
        let (x, answer) = (f64::from(x), f64::from(answer));
        // ln(1 + eˣ) − answer·x, without overflow.
        value += (x.max(0.0) - answer * x + (-x.abs()).exp().ln_1p()) / count;
        gradient.push(((1.0 / (1.0 + (-x).exp()) - answer) / count) as f32);
    }
    Loss { value, gradient }
}

/// Mean absolute difference.
pub fn absolute(output: &[f32], target: &[f32]) -> Loss {
    let count = output.len().max(1) as f64;
    let errors = output.iter().zip(target).map(|(y, x)| y - x);
    Loss {
        value: errors.clone().map(|e| f64::from(e.abs())).sum::<f64>() / count,
        gradient: errors
            .map(|e| super::spectrogram::sign(e) / count as f32)
            .collect(),
    }
}

/// Mean of 1 − cos of the angle between rows of `output` and of `target`, which have length 1.
pub fn angle(output: &[f32], target: &[f32], dim: usize) -> Loss {
    let rows = (output.len() / dim.max(1)).max(1) as f64;
    let (mut value, mut gradient) = (0.0, Vec::with_capacity(output.len()));
    for (y, x) in output.chunks_exact(dim).zip(target.chunks_exact(dim)) {
        let dot = |a: &[f32], b: &[f32]| -> f64 {
            a.iter()
                .zip(b)
                .map(|(&a, &b)| f64::from(a) * f64::from(b))
                .sum()
        };
        let norm = dot(y, y).sqrt().max(1e-8);
        let cosine = dot(y, x) / norm;
        value += (1.0 - cosine) / rows;
        gradient.extend(y.iter().zip(x).map(|(&y, &x)| {
            let along = cosine * f64::from(y) / norm;
            (-(f64::from(x) - along) / norm / rows) as f32
        }));
    }
    Loss { value, gradient }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{check_gradient, pseudo};
    use super::*;

    fn values(salt: u64, len: u64) -> Vec<f32> {
        (0..len).map(|i| 3.0 * pseudo(i + 1000 * salt)).collect()
    }

    #[test]
    fn gradients_are_derivatives() {
        let y = values(1, 24);
        let targets = [Some(2), None, Some(0), Some(5)];
        check_gradient(&y, 2e-3, |y| cross_entropy(y, &targets));
        let answers: Vec<f32> = (0..24).map(|i| (i % 3) as f32 * 0.5).collect();
        check_gradient(&y, 2e-3, |y| yes_or_no(y, &answers));
        check_gradient(&y, 2e-2, |y| absolute(y, &values(2, 24)));
        let mut unit = values(3, 24);
        for row in unit.chunks_exact_mut(6) {
            let norm = row.iter().map(|x| x * x).sum::<f32>().sqrt();
            row.iter_mut().for_each(|x| *x /= norm);
        }
        check_gradient(&y, 2e-3, |y| angle(y, &unit, 6));
    }

    #[test]
    fn known_values() {
        let even = cross_entropy(&[0.0; 8], &[Some(1), Some(3)]);
        assert!((even.value - 4f64.ln()).abs() < 1e-12);
        assert!(cross_entropy(&[100.0, 0.0], &[Some(0)]).value < 1e-12);
        assert_eq!(cross_entropy(&[1.0, 2.0], &[None]).gradient, [0.0, 0.0]);
        assert!((yes_or_no(&[0.0, 0.0], &[0.0, 1.0]).value - 2f64.ln()).abs() < 1e-12);
        assert!(yes_or_no(&[-200.0, 200.0], &[0.0, 1.0]).value < 1e-12);
        assert_eq!(absolute(&[1.0, -3.0], &[1.0, 1.0]).value, 2.0);
        assert!((angle(&[0.0, 5.0], &[1.0, 0.0], 2).value - 1.0).abs() < 1e-12);
        assert!(angle(&[7.0, 0.0], &[1.0, 0.0], 2).value.abs() < 1e-12);
    }
}
