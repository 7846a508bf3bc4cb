//! Sound as numbers: interleaved samples, a channel count and a sample rate.
//!
//! Full scale is ±1; values beyond it are kept until a file format or the limiter brings them
//! back. Where a sound came from, and its tags, are not part of it.

use crate::{Error, Result};

/// A sound in memory. Every sample is finite, and every frame is complete.
///
/// A *sample* is one number of one channel; a *frame* is one sample of every channel.
#[derive(Clone, Debug, PartialEq)]
pub struct Waveform {
    samples: Vec<f32>,
    channels: u16,
    sample_rate: u32,
}

impl Waveform {
    /// `samples` are interleaved (left, right, left, right, ..); an empty sound is allowed.
    ///
    /// Refuses zero channels, a sample rate of 0 Hz, an incomplete last frame, NaN and infinity.
    pub fn new(samples: Vec<f32>, channels: u16, sample_rate: u32) -> Result<Self> {
        if sample_rate == 0 {
            return Err(Error::SampleRate { sample_rate });
        }
        if channels == 0 || !samples.len().is_multiple_of(usize::from(channels)) {
            return Err(Error::Layout {
                num_samples: samples.len(),
                channels,
            });
        }
        if let Some(index) = samples.iter().position(|sample| !sample.is_finite()) {
            return Err(Error::NotFinite { index });
        }
        Ok(Self {
            samples,
            channels,
            sample_rate,
        })
    }

    /// One channel.
    pub fn mono(samples: Vec<f32>, sample_rate: u32) -> Result<Self> {
        Self::new(samples, 1, sample_rate)
    }

    /// Joins channels of equal length, first channel first.
    pub fn from_channels(channels: &[Vec<f32>], sample_rate: u32) -> Result<Self> {
        let num_frames = channels.first().map_or(0, Vec::len);
        let num_channels = u16::try_from(channels.len()).map_err(|_| Error::Format {
            format: "a waveform",
            what: "channels",
            value: channels.len() as u64,
        })?;
        if let Some(other) = channels.iter().find(|channel| channel.len() != num_frames) {
            return Err(Error::OutOfRange {
                start: 0,
                end: num_frames,
                num_frames: other.len(),
            });
        }
        let frame = |t: usize| channels.iter().map(move |channel| channel[t]);
        Self::new(
            (0..num_frames).flat_map(frame).collect(),
            num_channels,
            sample_rate,
        )
    }

    /// Interleaved samples.
    pub fn samples(&self) -> &[f32] {
        &self.samples
    }

    /// Interleaved samples, without a copy.
    pub fn into_samples(self) -> Vec<f32> {
        self.samples
    }

    /// Number of channels, at least 1.
    pub fn channels(&self) -> u16 {
        self.channels
    }

    /// Frames per second, at least 1.
    pub fn sample_rate(&self) -> u32 {
        self.sample_rate
    }

    /// Number of frames: samples of each channel.
    pub fn num_frames(&self) -> usize {
        self.samples.len() / usize::from(self.channels)
    }

    /// The frames in order; each slice has one sample of every channel.
    pub fn frames(&self) -> std::slice::ChunksExact<'_, f32> {
        self.samples.chunks_exact(usize::from(self.channels))
    }

    /// Samples of one channel, counted from 0; empty if there is no such channel.
    pub fn channel(&self, channel: u16) -> Vec<f32> {
        let wanted = usize::from(channel);
        self.frames()
            .filter_map(|frame| frame.get(wanted).copied())
            .collect()
    }

    /// Duration in seconds.
    pub fn duration_s(&self) -> f64 {
        self.num_frames() as f64 / f64::from(self.sample_rate)
    }

    /// Whether there are no samples.
    pub fn is_empty(&self) -> bool {
        self.samples.is_empty()
    }

    /// Largest absolute sample value; 0 for an empty sound.
    pub fn peak(&self) -> f32 {
        self.samples
            .iter()
            .fold(0.0, |peak, sample| sample.abs().max(peak))
    }

    /// The mean of all channels, as one channel. Surround channels count alike.
    pub fn to_mono(&self) -> Self {
        let scale = 1.0 / f64::from(self.channels);
        let mean =
            |frame: &[f32]| (frame.iter().copied().map(f64::from).sum::<f64>() * scale) as f32;
        let samples = match self.channels {
            1 => self.samples.clone(),
            _ => self.frames().map(mean).collect(),
        };
        Self {
            samples,
            channels: 1,
            sample_rate: self.sample_rate,
        }
    }

    /// Two channels: one channel is doubled, of more than two the first two are kept.
    pub fn to_stereo(&self) -> Self {
        let second = usize::from(self.channels > 1);
        let samples = self
            .frames()
            .flat_map(|frame| [frame[0], frame[second]])
            .collect();
        Self {
            samples,
            channels: 2,
            sample_rate: self.sample_rate,
        }
    }

    /// Every sample multiplied by `gain`, which is linear (0.5 is about −6 dB).
    ///
    /// Fails if a product is not finite.
    pub fn scaled(&self, gain: f32) -> Result<Self> {
        let samples = self.samples.iter().map(|sample| sample * gain).collect();
        Self::new(samples, self.channels, self.sample_rate)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_what_is_no_sound() {
        assert!(matches!(
            Waveform::mono(vec![0.0], 0),
            Err(Error::SampleRate { sample_rate: 0 })
        ));
        assert!(matches!(
            Waveform::new(vec![0.0; 3], 2, 8000),
            Err(Error::Layout { .. })
        ));
        assert!(matches!(
            Waveform::new(vec![], 0, 8000),
            Err(Error::Layout { .. })
        ));
        let nan = Waveform::mono(vec![0.0, f32::NAN], 8000);
        assert!(matches!(nan, Err(Error::NotFinite { index: 1 })));
        assert!(
            Waveform::mono(vec![f32::MAX], 8000)
                .unwrap()
                .scaled(2.0)
                .is_err()
        );
    }

    #[test]
    fn mono_is_the_mean_and_stereo_doubles() {
        let stereo = Waveform::new(vec![1.0, 0.0, -0.5, 0.5], 2, 2).unwrap();
        assert_eq!(stereo.to_mono().samples(), [0.5, 0.0]);
        assert_eq!(stereo.duration_s(), 1.0);
        assert_eq!(stereo.to_mono().to_stereo().samples(), [0.5, 0.5, 0.0, 0.0]);
        assert_eq!(stereo.to_stereo(), stereo);
    }

    #[test]
    fn channels_come_apart_and_together() {
        let left_and_right = [vec![1.0, 2.0, 3.0], vec![-1.0, -2.0, -3.0]];
        let joined = Waveform::from_channels(&left_and_right, 48_000).unwrap();
        assert_eq!(joined.samples(), [1.0, -1.0, 2.0, -2.0, 3.0, -3.0]);
        assert_eq!([joined.channel(0), joined.channel(1)], left_and_right);
        assert!(joined.channel(2).is_empty());
        assert!(Waveform::from_channels(&[vec![0.0], vec![]], 48_000).is_err());
    }
}
