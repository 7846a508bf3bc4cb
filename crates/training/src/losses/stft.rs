//! How different two sounds are to the ear, judged by spectra of several lengths.
//!
//! Spectral convergence and log-magnitude differences of Arık et al. (2018, arXiv:1808.06719), over
//! windows from 256 to 4096 samples (Yamamoto et al. 2020, arXiv:1910.11480): short windows judge
//! attacks, long ones pitch. Phase is not compared.

use super::Loss;
use super::spectrogram::sign;
use mustool_audio::stft::hann;
use rayon::prelude::*;
use realfft::num_complex::Complex32;
use realfft::{ComplexToReal, RealFftPlanner, RealToComplex};
use std::sync::Arc;

/// Window lengths in samples.
pub const SIZES: [usize; 5] = [256, 512, 1024, 2048, 4096];
/// Added to magnitudes before their logarithm, for a window of 1024.
const FLOOR: f32 = 1e-3;
/// Added to powers before their root.
const POWER_FLOOR: f32 = 1e-9;
/// How much more the lowest tenth of the bins counts in long windows.
const LOW_BINS: f32 = 4.0;

/// The two parts of the loss, each a mean over the window lengths.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Parts {
    /// Spectral convergence: 0 for equal spectra, 1 for silence.
    pub convergence: f64,
    /// Mean difference of the logarithms of the magnitudes, in nats.
    pub log_magnitude: f64,
}

/// The loss for sounds of any length; may be shared between threads.
#[derive(Clone)]
pub struct StftLoss {
    transforms: Vec<Transform>,
}

impl std::fmt::Debug for StftLoss {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let sizes: Vec<usize> = self.transforms.iter().map(|t| t.size).collect();
        f.debug_struct("StftLoss").field("sizes", &sizes).finish()
    }
}

#[derive(Clone)]
struct Transform {
    size: usize,
    window: Vec<f32>,
    /// Importance of each bin, mean 1.
    weights: Vec<f32>,
    floor: f32,
    forward: Arc<dyn RealToComplex<f32>>,
    backward: Arc<dyn ComplexToReal<f32>>,
}

/// Sums over one row, from which the loss of the batch is made.
#[derive(Default, Clone, Copy)]
struct Sums {
    difference: f64,
    reference: f64,
    log: f64,
}

impl StftLoss {
    /// With `emphasis`, the lowest tenth of the bins of windows of 1024 and more counts more.
    pub fn new(emphasis: bool) -> Self {
        let mut planner = RealFftPlanner::new();
        let transforms = SIZES
            .into_iter()
            .map(|size| Transform::new(size, emphasis, &mut planner))
            .collect();
        Self { transforms }
    }

    /// The loss of `output` against `target`, both `[batch, samples]`.
    ///
    /// # Panics
    /// When the two differ in length or do not divide into `batch` rows.
    pub fn loss(&self, output: &[f32], target: &[f32], batch: usize) -> (Loss, Parts) {
        assert_eq!(output.len(), target.len(), "sounds of different lengths");
        let samples = output.len() / batch.max(1);
        assert!(
            samples * batch == output.len() && samples > 0,
            "uneven rows"
        );
        let jobs: Vec<(usize, usize)> = (0..self.transforms.len())
            .flat_map(|size| (0..batch).map(move |row| (size, row)))
            .collect();
        let row = |x: &[f32], i: usize| x[i * samples..(i + 1) * samples].to_vec();
        let spectra: Vec<(Vec<Complex32>, Vec<f32>, Sums)> = jobs
            .par_iter()
            .map(|&(size, i)| self.transforms[size].compare(&row(output, i), &row(target, i)))
            .collect();
        let share = 1.0 / self.transforms.len() as f64;
        let mut parts = Parts {
            convergence: 0.0,
            log_magnitude: 0.0,
        };
        let norms: Vec<(f64, f64)> = spectra
            .chunks_exact(batch)
            .zip(&self.transforms)
            .map(|(rows, transform)| {
                let sum = |part: fn(&Sums) -> f64| rows.iter().map(|(.., s)| part(s)).sum::<f64>();
                let count = (batch * transform.num_frames(samples) * transform.num_bins()) as f64;
                let (difference, reference) =
                    (sum(|s| s.difference).sqrt(), sum(|s| s.reference).sqrt());
                parts.convergence += share * difference / (reference + 1e-6);
                parts.log_magnitude += share * sum(|s| s.log) / count;
                let by_power = share / ((reference + 1e-6) * difference.max(1e-12));
                (by_power, share / count)
            })
            .collect();
        let slopes: Vec<Vec<f32>> = jobs
            .par_iter()
            .zip(spectra)
            .map(|(&(size, _), (spectrum, reference, _))| {
                self.transforms[size].slope(spectrum, &reference, norms[size], samples)
            })
            .collect();
        let mut gradient = vec![0f32; output.len()];
        for ((_, i), slope) in jobs.into_iter().zip(slopes) {
            let target = &mut gradient[i * samples..(i + 1) * samples];
            target.iter_mut().zip(slope).for_each(|(g, s)| *g += s);
        }
        let value = parts.convergence + parts.log_magnitude;
        (Loss { value, gradient }, parts)
    }
}

impl Transform {
    fn new(size: usize, emphasis: bool, planner: &mut RealFftPlanner<f32>) -> Self {
        let bins = size / 2 + 1;
        let mut weights = vec![1f32; bins];
        if emphasis && size >= 1024 {
            weights[..bins / 10].fill(LOW_BINS);
        }
        let mean = weights.iter().sum::<f32>() / bins as f32;
        weights.iter_mut().for_each(|w| *w /= mean);
        Self {
            size,
            window: hann(size),
            weights,
            floor: FLOOR * size as f32 / 1024.0,
            forward: planner.plan_fft_forward(size),
            backward: planner.plan_fft_inverse(size),
        }
    }

    fn num_bins(&self) -> usize {
        self.size / 2 + 1
    }

    fn num_frames(&self, samples: usize) -> usize {
        1 + samples / (self.size / 4)
    }

    /// Calls `f` with the place of every sample of a frame: mirrored at the ends of the sound.
    fn places(&self, frame: usize, samples: usize) -> impl Iterator<Item = usize> + use<> {
        let period = (2 * (samples as isize - 1)).max(1);
        let first = (frame * (self.size / 4)) as isize - (self.size / 2) as isize;
        (first..first + self.size as isize).map(move |at| {
            let folded = at.rem_euclid(period);
            folded.min(period - folded) as usize
        })
    }

    /// `[frames][bins]` of a sound.
    fn spectrum(&self, sound: &[f32]) -> Vec<Complex32> {
        let frames = self.num_frames(sound.len());
        let mut spectrum = vec![Complex32::default(); frames * self.num_bins()];
        let mut input = self.forward.make_input_vec();
        let mut scratch = self.forward.make_scratch_vec();
        for (frame, bins) in spectrum.chunks_exact_mut(self.num_bins()).enumerate() {
            let places = self.places(frame, sound.len());
            for ((x, place), weight) in input.iter_mut().zip(places).zip(&self.window) {
                *x = sound[place] * weight;
            }
            self.forward
                .process_with_scratch(&mut input, bins, &mut scratch)
                .expect("the buffers were made for this transform");
        }
        spectrum
    }

    /// Spectrum of the output, magnitudes of the target, and the sums over both.
    fn compare(&self, output: &[f32], target: &[f32]) -> (Vec<Complex32>, Vec<f32>, Sums) {
        let spectrum = self.spectrum(output);
        let reference: Vec<f32> = self.spectrum(target).iter().map(magnitude).collect();
        let mut sums = Sums::default();
        let frames = spectrum
            .chunks_exact(self.num_bins())
            .zip(reference.chunks_exact(self.num_bins()));
        for (a, b) in frames {
            for ((a, &b), &weight) in a.iter().zip(b).zip(&self.weights) {
                let a = magnitude(a);
                sums.difference += f64::from(weight * (a - b) * (a - b));
                sums.reference += f64::from(weight * b * b);
                sums.log += f64::from(weight * ((a + self.floor) / (b + self.floor)).ln().abs());
            }
        }
        (spectrum, reference, sums)
    }

    /// Derivative by each sample of the output: through the magnitudes, and back through the
    /// transform, the window and the mirrors.
    fn slope(
        &self,
        mut spectrum: Vec<Complex32>,
        reference: &[f32],
        (by_power, by_log): (f64, f64),
        samples: usize,
    ) -> Vec<f32> {
        let (bins, half) = (self.num_bins(), self.size / 2);
        let mut slope = vec![0f32; samples];
        let mut output = self.backward.make_output_vec();
        let mut scratch = self.backward.make_scratch_vec();
        let frames = spectrum
            .chunks_exact_mut(bins)
            .zip(reference.chunks_exact(bins));
        for (frame, (values, reference)) in frames.enumerate() {
            for (k, (value, &b)) in values.iter_mut().zip(reference).enumerate() {
                let a = magnitude(value);
                let power = (by_power as f32) * (a - b);
                let log = (by_log as f32) * sign(a - b) / (a + self.floor);
                // The inverse transform counts inner bins twice, once for their mirror image.
                let twice = if k == 0 || k == half { 1.0 } else { 0.5 };
                *value *= twice * self.weights[k] * (power + log) / a;
            }
            (values[0].im, values[half].im) = (0.0, 0.0);
            self.backward
                .process_with_scratch(values, &mut output, &mut scratch)
                .expect("the buffers were made for this transform, and its ends are real");
            let places = self.places(frame, samples);
            for ((y, place), weight) in output.iter().zip(places).zip(&self.window) {
                slope[place] += y * weight;
            }
        }
        slope
    }
}

fn magnitude(value: &Complex32) -> f32 {
    (value.norm_sqr() + POWER_FLOOR).sqrt()
}

#[cfg(test)]
mod tests {
    use super::super::testing::pseudo;
    use super::*;

    fn sounds(len: usize) -> (Vec<f32>, Vec<f32>) {
        let sound = |level: f64, hz: f64, salt: u64| {
            let tone = |i: usize| level * (i as f64 * hz * std::f64::consts::TAU / 24e3).sin();
            let noise = |i: usize| 0.05 * f64::from(pseudo(i as u64 + salt));
            (0..len).map(|i| (tone(i) + noise(i)) as f32).collect()
        };
        (sound(0.4, 440.0, 0), sound(0.3, 523.0, 9999))
    }

    /// Values, and derivatives by some of the samples, of `spectral_loss` in
    /// `tests/reference/default_model/train_vocoder.py` by PyTorch's autograd in double precision.
    /// (Finite differences will not do: mirrored tones give magnitudes that cross zero.)
    #[test]
    fn values_and_gradients_are_those_of_the_reference() {
        let (a, b) = sounds(2 * 2400);
        let places = [0, 1, 700, 1234, 2399, 2400, 3600, 4799];
        let plain = [
            -0.010898, 0.014558, -0.003156, -0.0011757, 0.0022651, 0.035362, 0.0041323, -0.0012402,
        ];
        let emphasised = [
            -0.010152,
            0.011654,
            -0.00064113,
            -0.0066961,
            0.0029573,
            0.043402,
            0.00065596,
            -0.0027624,
        ];
        let cases = [
            (false, 1.3696547, 0.8048132, 1.0494685, plain),
            (true, 1.3741321, 0.8394026, 0.9565126, emphasised),
        ];
        for (emphasis, convergence, log_magnitude, norm, slopes) in cases {
            let (loss, parts) = StftLoss::new(emphasis).loss(&a, &b, 2);
            assert!((parts.convergence - convergence).abs() < 1e-4, "{parts:?}");
            assert!(
                (parts.log_magnitude - log_magnitude).abs() < 1e-4,
                "{parts:?}"
            );
            assert!((loss.value - convergence - log_magnitude).abs() < 2e-4);
            let square: f64 = loss.gradient.iter().map(|&g| f64::from(g).powi(2)).sum();
            assert!((square.sqrt() - norm).abs() < 2e-3, "{}", square.sqrt());
            for (place, slope) in places.into_iter().zip(slopes) {
                let found = f64::from(loss.gradient[place]);
                assert!(
                    (found - slope).abs() < 5e-4,
                    "{place}: {found}, not {slope}"
                );
            }
        }
    }

    #[test]
    fn equal_sounds_cost_nothing_and_silence_converges_to_one() {
        let (a, _) = sounds(4000);
        let loss = StftLoss::new(true);
        assert!(loss.loss(&a, &a, 1).0.value < 1e-9);
        let (silent, parts) = loss.loss(&vec![0.0; 4000], &a, 1);
        assert!((parts.convergence - 1.0).abs() < 1e-2, "{parts:?}");
        assert!(parts.log_magnitude > 1.0);
        assert!(silent.gradient.iter().all(|g| g.is_finite()));
    }

    #[test]
    fn polarity_is_not_heard_and_gain_is() {
        let (a, _) = sounds(3000);
        let loss = StftLoss::new(false);
        let flipped: Vec<f32> = a.iter().map(|x| -x).collect();
        assert!(loss.loss(&flipped, &a, 1).0.value < 1e-4);
        let louder: Vec<f32> = a.iter().map(|x| 1.5 * x).collect();
        let parts = loss.loss(&louder, &a, 1).1;
        assert!((parts.convergence - 0.5).abs() < 1e-3, "{parts:?}");
    }

    #[test]
    fn a_descent_step_makes_the_sound_more_alike() {
        let (a, b) = sounds(2400);
        let stft = StftLoss::new(true);
        let (loss, _) = stft.loss(&a, &b, 1);
        let square: f32 = loss.gradient.iter().map(|g| g * g).sum();
        let step = 0.01 * loss.value as f32 / square;
        let moved: Vec<f32> = a
            .iter()
            .zip(&loss.gradient)
            .map(|(x, g)| x - step * g)
            .collect();
        assert!(stft.loss(&moved, &b, 1).0.value < loss.value);
    }
}
