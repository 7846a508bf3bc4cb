//! The short-time Fourier transform: which frequencies sound when, and back to sound.
//!
//! Periodic Hann windows centred on every `hop_length`-th sample, with the sound mirrored at its
//! ends, as in librosa and `torch.stft(center=True, pad_mode="reflect")`. Inversion is weighted
//! overlap-add (Griffin & Lim 1984). No phase is invented here.

use std::sync::Arc;

use realfft::{ComplexToReal, RealFftPlanner, RealToComplex};

use crate::{Error, Result};

pub use realfft::num_complex::Complex32;

/// Largest `n_fft`.
pub const MAX_N_FFT: usize = 1 << 16;

/// Values over time and frequency: `[frames][bands]`, row-major.
#[derive(Clone, Debug, PartialEq)]
pub struct Spectrogram {
    num_bands: usize,
    values: Vec<f32>,
}

impl Spectrogram {
    /// `values` must be whole rows of `num_bands` (at least 1).
    pub fn new(values: Vec<f32>, num_bands: usize) -> Result<Self> {
        if num_bands == 0 || !values.len().is_multiple_of(num_bands) {
            return Err(shape("values of whole frames", num_bands, values.len()));
        }
        Ok(Self { num_bands, values })
    }

    /// Number of frames (columns of the usual picture).
    pub fn num_frames(&self) -> usize {
        self.values.len() / self.num_bands
    }

    /// Number of values in each frame.
    pub fn num_bands(&self) -> usize {
        self.num_bands
    }

    /// All values, frame after frame.
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// All values, frame after frame, without a copy.
    pub fn into_values(self) -> Vec<f32> {
        self.values
    }

    /// The frames in order.
    pub fn frames(&self) -> std::slice::ChunksExact<'_, f32> {
        self.values.chunks_exact(self.num_bands)
    }

    /// Cuts to `num_frames`, or appends frames of `filling`.
    pub fn with_num_frames(mut self, num_frames: usize, filling: f32) -> Self {
        self.values.resize(num_frames * self.num_bands, filling);
        self
    }
}

fn shape(what: &'static str, expected: usize, actual: usize) -> Error {
    Error::Shape {
        what,
        expected,
        actual,
    }
}

/// A short-time Fourier transform of one size; cheap to clone, and shared between threads.
#[derive(Clone)]
pub struct Stft {
    n_fft: usize,
    hop_length: usize,
    window: Vec<f32>,
    forward: Arc<dyn RealToComplex<f32>>,
    backward: Arc<dyn ComplexToReal<f32>>,
}

impl std::fmt::Debug for Stft {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            n_fft, hop_length, ..
        } = self;
        f.debug_struct("Stft")
            .field("n_fft", n_fft)
            .field("hop_length", hop_length)
            .finish()
    }
}

impl Stft {
    /// A window as long as the transform. `n_fft` is even, from 2 to [`MAX_N_FFT`];
    /// `hop_length` is from 1 to `n_fft`.
    pub fn new(n_fft: usize, hop_length: usize) -> Result<Self> {
        Self::with_window(n_fft, hop_length, n_fft)
    }

    /// A window of `win_length` (from 2 to `n_fft`) in the middle of the transform.
    pub fn with_window(n_fft: usize, hop_length: usize, win_length: usize) -> Result<Self> {
        let setting = |setting, value: usize, expected| {
            Err(Error::Setting {
                setting,
                value: value as f64,
                expected,
            })
        };
        if !(2..=MAX_N_FFT).contains(&n_fft) || !n_fft.is_multiple_of(2) {
            return setting("n_fft", n_fft, "an even number from 2 to 65536");
        }
        if !(1..=n_fft).contains(&hop_length) {
            return setting("hop_length", hop_length, "1 to n_fft");
        }
        if !(2..=n_fft).contains(&win_length) {
            return setting("win_length", win_length, "2 to n_fft");
        }
        let mut window = vec![0.0; n_fft];
        let start = (n_fft - win_length) / 2;
        window[start..start + win_length].copy_from_slice(&hann(win_length));
        let mut planner = RealFftPlanner::new();
        let (forward, backward) = (
            planner.plan_fft_forward(n_fft),
            planner.plan_fft_inverse(n_fft),
        );
        Ok(Self {
            n_fft,
            hop_length,
            window,
            forward,
            backward,
        })
    }

    /// Number of frequency bins, `n_fft / 2 + 1`; bin k is at k · sample rate / `n_fft`.
    pub fn num_bins(&self) -> usize {
        self.n_fft / 2 + 1
    }

    /// Frames for a sound of `num_samples`: one per hop and one more; 0 for an empty sound.
    pub fn num_frames(&self, num_samples: usize) -> usize {
        if num_samples == 0 {
            0
        } else {
            1 + num_samples / self.hop_length
        }
    }

    /// Sum of the window: the magnitude of a constant 1 in bin 0.
    pub fn window_sum(&self) -> f32 {
        self.window.iter().copied().map(f64::from).sum::<f64>() as f32
    }

    /// Complex values `[frames][num_bins]`; frame t is centred on sample t · `hop_length`.
    ///
    /// A sound shorter than a window is mirrored as often as needed; an empty one gives no frames.
    pub fn forward(&self, samples: &[f32]) -> Vec<Complex32> {
        let num_frames = self.num_frames(samples.len());
        let mut spectrum = Vec::with_capacity(num_frames * self.num_bins());
        self.for_each_frame(samples, num_frames, |frame| {
            spectrum.extend_from_slice(frame)
        });
        spectrum
    }

    /// Magnitudes `[frames][num_bins]`.
    pub fn magnitude(&self, samples: &[f32]) -> Spectrogram {
        let num_frames = self.num_frames(samples.len());
        let mut values = Vec::with_capacity(num_frames * self.num_bins());
        let push = |frame: &[Complex32]| values.extend(frame.iter().map(|bin| bin.norm()));
        self.for_each_frame(samples, num_frames, push);
        Spectrogram {
            num_bands: self.num_bins(),
            values,
        }
    }

    /// Calls `f` with each of the first `num_frames` frames, without keeping them.
    pub(crate) fn for_each_frame(
        &self,
        samples: &[f32],
        num_frames: usize,
        mut f: impl FnMut(&[Complex32]),
    ) {
        let half = self.n_fft / 2;
        let (mut input, mut output) = (
            self.forward.make_input_vec(),
            self.forward.make_output_vec(),
        );
        let mut scratch = self.forward.make_scratch_vec();
        for frame in 0..num_frames.min(self.num_frames(samples.len())) {
            let centre = frame * self.hop_length;
            for (i, (value, weight)) in input.iter_mut().zip(&self.window).enumerate() {
                // Position centre + i − half, which may lie outside the sound on either side.
                let position = match (centre + i).checked_sub(half) {
                    Some(position) => mirror(position, samples.len()),
                    None => mirror(half - centre - i, samples.len()),
                };
                *value = samples[position] * weight;
            }
            self.forward
                .process_with_scratch(&mut input, &mut output, &mut scratch)
                .expect("the buffers were made for this transform");
            f(&output);
        }
    }

    /// The sound of `num_samples` samples whose transform is closest to `spectrum`.
    ///
    /// `spectrum` is `[frames][num_bins]` as from [`Stft::forward`]; of bins 0 and `n_fft / 2` the
    /// imaginary parts are ignored. Where no window reaches, the sound is 0.
    pub fn inverse(&self, spectrum: &[Complex32], num_samples: usize) -> Result<Vec<f32>> {
        let num_bins = self.num_bins();
        if !spectrum.len().is_multiple_of(num_bins) {
            return Err(shape("bins of whole frames", num_bins, spectrum.len()));
        }
        let half = self.n_fft / 2;
        let (mut sum, mut weights) = (vec![0.0; num_samples], vec![0.0; num_samples]);
        let (mut input, mut output) = (
            self.backward.make_input_vec(),
            self.backward.make_output_vec(),
        );
        let mut scratch = self.backward.make_scratch_vec();
        for (frame, bins) in spectrum.chunks_exact(num_bins).enumerate() {
            input.copy_from_slice(bins);
            (input[0].im, input[half].im) = (0.0, 0.0);
            self.backward
                .process_with_scratch(&mut input, &mut output, &mut scratch)
                .expect("the buffers were made for this transform, and its ends are real");
            for (i, (value, weight)) in output.iter().zip(&self.window).enumerate() {
                let position = (frame * self.hop_length + i).checked_sub(half);
                if let Some(position) = position.filter(|&position| position < num_samples) {
                    sum[position] += value * weight / self.n_fft as f32;
                    weights[position] += weight * weight;
                }
            }
        }
        let divide = |(value, weight): (f32, f32)| if weight > 1e-8 { value / weight } else { 0.0 };
        Ok(sum.into_iter().zip(weights).map(divide).collect())
    }
}

/// The periodic Hann window: 0 at its first sample, 1 in its middle.
pub fn hann(win_length: usize) -> Vec<f32> {
    let phase = |i: usize| std::f64::consts::TAU * i as f64 / win_length as f64;
    (0..win_length)
        .map(|i| (0.5 - 0.5 * phase(i).cos()) as f32)
        .collect()
}

/// Where `position` falls in a sound that is mirrored at its ends without repeating them.
fn mirror(position: usize, num_samples: usize) -> usize {
    if position < num_samples {
        return position;
    }
    let period = (2 * (num_samples - 1)).max(1);
    let folded = position % period;
    if folded < num_samples {
        folded
    } else {
        period - folded
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn largest_error(a: &[f32], b: &[f32]) -> f32 {
        assert_eq!(a.len(), b.len());
        a.iter().zip(b).fold(0.0, |worst, (a, b)| {
            let error = (a - b).abs();
            assert!(error.is_finite());
            error.max(worst)
        })
    }

    #[test]
    fn a_sine_peaks_in_its_bin_at_half_the_window_sum() {
        let stft = Stft::new(512, 128).unwrap();
        let sine: Vec<f32> = (0..4096)
            .map(|i| (std::f32::consts::TAU * 20.0 * (i % 512) as f32 / 512.0).sin())
            .collect();
        let spectrogram = stft.magnitude(&sine);
        assert_eq!(
            (spectrogram.num_frames(), spectrogram.num_bands()),
            (33, 257)
        );
        let middle = spectrogram.frames().nth(16).unwrap();
        let loudest = (0..257)
            .max_by(|&a, &b| middle[a].total_cmp(&middle[b]))
            .unwrap();
        assert_eq!(loudest, 20);
        assert!((middle[20] - stft.window_sum() / 2.0).abs() < 1e-3);
    }

    #[test]
    fn mirrors_like_numpy() {
        let mirrored: Vec<_> = (0..12).map(|position| mirror(position, 4)).collect();
        assert_eq!(mirrored, [0, 1, 2, 3, 2, 1, 0, 1, 2, 3, 2, 1]);
        assert_eq!(mirror(9, 1), 0);
        assert_eq!([mirror(1, 2), mirror(2, 2), mirror(3, 2)], [1, 0, 1]);
    }

    #[test]
    fn sizes_that_make_no_sense_are_refused() {
        for (n_fft, hop, win) in [
            (0, 1, 2),
            (7, 1, 2),
            (8, 0, 8),
            (8, 9, 8),
            (8, 4, 9),
            (1 << 17, 1, 2),
        ] {
            assert!(
                Stft::with_window(n_fft, hop, win).is_err(),
                "{n_fft} {hop} {win}"
            );
        }
        let stft = Stft::new(8, 4).unwrap();
        assert!(stft.inverse(&[Complex32::default(); 6], 10).is_err());
        assert!(stft.forward(&[]).is_empty());
        assert_eq!(stft.inverse(&[], 3).unwrap(), [0.0; 3]);
    }

    proptest! {
        #[test]
        fn back_and_forth_is_the_same_sound(
            samples in prop::collection::vec(-1.0_f32..1.0, 1..700),
            hop in 1_usize..33,
            win in 48_usize..65,
        ) {
            let stft = Stft::with_window(64, hop.min(win / 2), win).unwrap();
            let back = stft.inverse(&stft.forward(&samples), samples.len()).unwrap();
            prop_assert!(largest_error(&samples, &back) < 2e-4);
        }
    }
}
