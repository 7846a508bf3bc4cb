//! Derivatives against finite differences.

use super::Loss;

/// Compares the gradient with the change of the value along a few directions, and along single
/// outputs. `loss` is called on changed copies of `output`.
pub(super) fn check_gradient(output: &[f32], tolerance: f64, loss: impl Fn(&[f32]) -> Loss) {
    let step = 2e-3f32;
    let at = loss(output);
    assert_eq!(at.gradient.len(), output.len());
    assert!(at.value.is_finite() && at.gradient.iter().all(|g| g.is_finite()));
    let scale = at
        .gradient
        .iter()
        .fold(0f64, |m, g| m.max(f64::from(g.abs())));
    assert!(scale > 0.0, "the gradient is zero everywhere");
    for direction in 0..12u64 {
        let toward: Vec<f32> = (0..output.len())
            .map(|i| match direction {
                // A single output now and then, otherwise all of them at random.
                0..4 => f32::from(u8::from(i == (direction as usize * 13) % output.len())),
                _ => pseudo(i as u64 * 31 + direction),
            })
            .collect();
        let moved = |sign: f32| {
            let moved: Vec<f32> = output
                .iter()
                .zip(&toward)
                .map(|(x, d)| x + sign * step * d)
                .collect();
            loss(&moved).value
        };
        let measured = (moved(1.0) - moved(-1.0)) / f64::from(2.0 * step);
        let stated: f64 = at
            .gradient
            .iter()
            .zip(&toward)
            .map(|(&g, &d)| f64::from(g) * f64::from(d))
            .sum();
        let size = scale.max(stated.abs()).max(measured.abs());
        assert!(
            (measured - stated).abs() <= tolerance * size,
            "direction {direction}: measured {measured}, stated {stated}"
        );
    }
}

/// A number in −1..1 that looks random.
pub(super) fn pseudo(n: u64) -> f32 {
    let mut z = n.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    ((z >> 40) as f32 / (1u64 << 23) as f32) - 1.0
}
