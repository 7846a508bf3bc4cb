//! The same sound at another sample rate.
//!
//! Band-limited with a windowed sinc in the frequency domain, by the crate `rubato`; everything
//! above half the lower rate is removed. For sounds in memory; there is no streaming.

use rubato::audioadapter_buffers::direct::InterleavedSlice;
use rubato::{Fft, FixedSync, Resampler, WindowFunction};

use crate::{Error, Result, Waveform};

/// The highest sample rate on either side, in Hz.
pub const MAX_SAMPLE_RATE: u32 = 768_000;
/// Frames that one transform has at least, at the lower rate: the more, the steeper the filter.
const MIN_TRANSFORM: usize = 2048;

/// `waveform` at `sample_rate` Hz, in time with the original.
///
/// The result has [`num_frames_at`] frames and as many channels as before. The same rate gives an
/// exact copy, an empty sound an empty one. Near a hard start or end, as near any step, a
/// band-limited sound rings and may exceed its peak slightly.
pub fn resample(waveform: &Waveform, sample_rate: u32) -> Result<Waveform> {
    for rate in [waveform.sample_rate(), sample_rate] {
        if !(1..=MAX_SAMPLE_RATE).contains(&rate) {
            return Err(Error::SampleRate { sample_rate: rate });
        }
    }
    if waveform.sample_rate() == sample_rate {
        return Ok(waveform.clone());
    }
    let (channels, num_frames) = (usize::from(waveform.channels()), waveform.num_frames());
    if num_frames == 0 {
        return Waveform::new(Vec::new(), waveform.channels(), sample_rate);
    }
    let failed = |error: String| Error::Resample {
        from_hz: waveform.sample_rate(),
        to_hz: sample_rate,
        reason: error,
    };
    let mut resampler = Fft::<f32>::new_custom(
        waveform.sample_rate() as usize,
        sample_rate as usize,
        chunk_frames(waveform.sample_rate(), sample_rate),
        1,
        channels,
        WindowFunction::BlackmanHarris2,
        FixedSync::Input,
    )
    .map_err(|error| failed(error.to_string()))?;
    let input = InterleavedSlice::new(waveform.samples(), channels, num_frames)
        .map_err(|error| failed(error.to_string()))?;
    let output = resampler.process_all(&input, num_frames, None);
    let mut samples = output
        .map_err(|error| failed(error.to_string()))?
        .take_data();
    let wanted = num_frames_at(num_frames, waveform.sample_rate(), sample_rate);
    samples.resize(wanted * channels, 0.0);
    Waveform::new(samples, waveform.channels(), sample_rate)
}

/// Frames at the input rate for one transform.
///
/// Both sides have whole frames, and an even number of them: the filter delays by half a
/// transform, which must be whole frames, too.
fn chunk_frames(from_hz: u32, to_hz: u32) -> usize {
    let (mut divisor, mut rest) = (from_hz, to_hz);
    while rest > 0 {
        (divisor, rest) = (rest, divisor % rest);
    }
    let (from, to) = ((from_hz / divisor) as usize, (to_hz / divisor) as usize);
    from * MIN_TRANSFORM.div_ceil(from.min(to)).next_multiple_of(2)
}

/// Frames that `num_frames` at `from_hz` become at `to_hz`, rounded up; 0 if a rate is 0.
pub fn num_frames_at(num_frames: usize, from_hz: u32, to_hz: u32) -> usize {
    let ticks = num_frames as u128 * u128::from(to_hz);
    usize::try_from(ticks.div_ceil(u128::from(from_hz.max(1)))).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sine(hz: f64, sample_rate: u32, num_frames: usize) -> Vec<f32> {
        let phase = |i: usize| std::f64::consts::TAU * hz * i as f64 / f64::from(sample_rate);
        (0..num_frames).map(|i| phase(i).sin() as f32).collect()
    }

    #[test]
    fn usual_rates_keep_length_and_phase() {
        let up = [
            (16_000, 44_100),
            (24_000, 48_000),
            (11_025, 192_000),
            (44_100, 44_101),
        ];
        let down = [
            (44_100, 16_000),
            (44_100, 24_000),
            (48_000, 44_100),
            (192_000, 8_000),
        ];
        for (from, to) in up.into_iter().chain(down) {
            let seconds = 2;
            let before =
                Waveform::mono(sine(440.0, from, (seconds * from) as usize), from).unwrap();
            let after = resample(&before, to).unwrap();
            let expected = sine(440.0, to, (seconds * to) as usize);
            assert_eq!(after.num_frames(), expected.len());
            let inside = (to as usize / 4)..(to as usize * 7 / 4);
            for i in inside {
                let error = (after.samples()[i] - expected[i]).abs();
                assert!(error < 2e-5, "{from} to {to}, frame {i}: off by {error}");
            }
        }
    }

    #[test]
    fn what_the_lower_rate_cannot_hold_is_gone() {
        let before = Waveform::mono(sine(9_000.0, 44_100, 44_100), 44_100).unwrap();
        let after = resample(&before, 16_000).unwrap();
        let left = after.samples()[2000..14_000]
            .iter()
            .fold(0.0_f32, |peak, x| peak.max(x.abs()));
        assert!(left < 1e-4, "{left} of an alias");
    }

    #[test]
    fn channels_do_not_mix() {
        let left = sine(300.0, 32_000, 9_001);
        let stereo = Waveform::from_channels(&[left.clone(), vec![0.0; 9_001]], 32_000).unwrap();
        let after = resample(&stereo, 22_050).unwrap();
        let alone = resample(&Waveform::mono(left, 32_000).unwrap(), 22_050).unwrap();
        assert_eq!(after.channel(0), alone.samples());
        assert!(after.channel(1).iter().all(|&sample| sample == 0.0));
    }

    #[test]
    fn rates_out_of_reach_are_refused() {
        let sound = Waveform::mono(vec![0.0], 8_000).unwrap();
        assert!(matches!(
            resample(&sound, 0),
            Err(Error::SampleRate { sample_rate: 0 })
        ));
        assert!(resample(&sound, 1_000_000).is_err());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn any_rate_gives_the_exact_length(
            num_frames in 0_usize..3000,
            from in 4_000_u32..60_000,
            to in 4_000_u32..60_000,
            channels in 1_u16..4,
        ) {
            let silence = vec![0.0; num_frames * usize::from(channels)];
            let after = resample(&Waveform::new(silence, channels, from).unwrap(), to).unwrap();
            let exact = (num_frames as u64 * u64::from(to)).div_ceil(u64::from(from));
            prop_assert_eq!(after.num_frames() as u64, exact);
            prop_assert_eq!((after.channels(), after.sample_rate()), (channels, to));
            prop_assert_eq!(after.peak(), 0.0);
        }
    }

    #[test]
    fn one_sample_is_enough() {
        let after = resample(&Waveform::mono(vec![0.5], 16_000).unwrap(), 48_000).unwrap();
        assert_eq!(after.num_frames(), 3);
        assert!(
            (after.samples()[0] - 0.5).abs() < 0.05,
            "{:?}",
            after.samples()
        );
    }
}
