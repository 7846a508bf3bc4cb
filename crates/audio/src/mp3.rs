//! MP3 files: small, lossy, and played by everything.
//!
//! MPEG-1 and MPEG-2 Audio Layer III (ISO/IEC 11172-3, 13818-3) at a constant bit rate, by the
//! encoder of the crate `rusty_mp3`; the LAME tag in the first frame lets players restore the exact
//! length. Tags are ID3v2.4. Reading samples is [`crate::decode`]; variable bit rates are not
//! written.

use rusty_mp3::{Error as Mp3Error, Mp3Encoder, Mp3EncoderConfig};

use crate::resample::resample;
use crate::{Error, Result, Tags, Waveform, id3};

/// Sample rates of the format, in Hz.
pub const SAMPLE_RATES: [u32; 9] = [
    8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000,
];
/// Bit rates that can be asked for, in kbit/s; each sample rate has the nearest of its own.
pub const BITRATES_KBPS: std::ops::RangeInclusive<u32> = 8..=320;

/// A whole MP3 file.
///
/// `bitrate_kbps` without a value is about 6 bits per frame and channel, at which the loss is hard
/// to hear. A sample rate that the format lacks is resampled to the next higher one (at most
/// 48 kHz), and of more than two channels the first two are kept. Refuses an empty sound and bit
/// rates outside [`BITRATES_KBPS`].
pub fn to_bytes(waveform: &Waveform, bitrate_kbps: Option<u32>, tags: &Tags) -> Result<Vec<u8>> {
    let refuse = |reason: String| Error::Encode {
        format: "MP3",
        reason,
    };
    if waveform.is_empty() {
        return Err(refuse("there are no samples".into()));
    }
    if let Some(kbps) = bitrate_kbps.filter(|kbps| !BITRATES_KBPS.contains(kbps)) {
        return Err(Error::Setting {
            setting: "bitrate_kbps",
            value: kbps.into(),
            expected: "8 to 320 for MP3",
        });
    }
    let waveform = fitting(waveform)?;
    let (channels, sample_rate) = (waveform.channels(), waveform.sample_rate());
    let mut encoder = Mp3Encoder::new(Mp3EncoderConfig {
        bitrate_kbps: bitrate_kbps.unwrap_or_else(|| default_kbps(channels, sample_rate)),
        vbr_quality: None,
    });
    let pushed = encoder.push_pcm_f32(waveform.samples(), channels, sample_rate);
    pushed.map_err(|error| refuse(error.to_string()))?;
    encoder.finish();
    let mut bytes = id3::to_bytes(tags);
    loop {
        match encoder.next_packet() {
            Ok(packet) => bytes.extend(packet),
            Err(Mp3Error::Eof) => return Ok(bytes),
            Err(error) => return Err(refuse(error.to_string())),
        }
    }
}

/// The sound with a sample rate and a number of channels that the format has.
fn fitting(waveform: &Waveform) -> Result<Waveform> {
    let stereo = match waveform.channels() {
        1 => waveform.clone(),
        _ => waveform.to_stereo(),
    };
    let wanted = stereo.sample_rate();
    let rate = SAMPLE_RATES.iter().find(|&&rate| rate >= wanted);
    match rate.copied().unwrap_or(48_000) {
        rate if rate == wanted => Ok(stereo),
        rate => resample(&stereo, rate),
    }
}

fn default_kbps(channels: u16, sample_rate: u32) -> u32 {
    (u32::from(channels) * sample_rate * 4 / 1000).clamp(64, 192)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::decode::{DecodeLimits, from_bytes};
    use crate::testing::{chord_of_sines, signal_to_noise_db};

    fn round_trip(waveform: &Waveform, kbps: Option<u32>) -> Waveform {
        let bytes = to_bytes(waveform, kbps, &Tags::new()).unwrap();
        from_bytes(Path::new("x.mp3"), bytes, &DecodeLimits::default()).unwrap()
    }

    #[test]
    fn every_sample_rate_comes_back_with_its_length_and_sound() {
        for sample_rate in SAMPLE_RATES {
            for channels in [1, 2] {
                let sound = chord_of_sines(0.7, channels, sample_rate);
                let back = round_trip(&sound, None);
                assert_eq!(
                    (back.channels(), back.sample_rate()),
                    (channels, sample_rate)
                );
                assert_eq!(back.num_frames(), sound.num_frames(), "{sample_rate} Hz");
                let snr = signal_to_noise_db(&sound, &back);
                assert!(
                    snr > 15.0,
                    "{snr:.1} dB at {sample_rate} Hz, {channels} channels"
                );
            }
        }
    }

    #[test]
    fn other_rates_and_channels_are_brought_to_the_nearest() {
        let surround = chord_of_sines(0.3, 6, 96_000);
        let back = round_trip(&surround, Some(320));
        assert_eq!((back.channels(), back.sample_rate()), (2, 48_000));
        assert!((back.duration_s() - 0.3).abs() < 1e-3);
        assert_eq!(
            round_trip(&chord_of_sines(0.3, 1, 9_000), None).sample_rate(),
            11_025
        );
    }

    #[test]
    fn the_same_sound_gives_the_same_bytes_and_the_bit_rate_is_kept() {
        let sound = chord_of_sines(2.0, 2, 44_100);
        let bytes = to_bytes(&sound, Some(128), &Tags::new()).unwrap();
        assert_eq!(bytes, to_bytes(&sound, Some(128), &Tags::new()).unwrap());
        let kbps = bytes.len() as f64 * 8.0 / 2.0 / 1000.0;
        assert!((kbps - 128.0).abs() < 6.0, "{kbps} kbit/s");
    }

    #[test]
    fn tags_stand_before_the_sound() {
        let mut tags = Tags::new();
        tags.insert("prompt", "warm piano").unwrap();
        let sound = chord_of_sines(0.2, 1, 16_000);
        let bytes = to_bytes(&sound, None, &tags).unwrap();
        let read = crate::tags::read_from(Path::new("x.mp3"), &mut std::io::Cursor::new(&bytes));
        assert_eq!(read.unwrap(), tags);
        let back = from_bytes(Path::new("x.mp3"), bytes, &DecodeLimits::default()).unwrap();
        assert_eq!(back.num_frames(), sound.num_frames());
    }

    #[test]
    fn silence_noise_and_single_frames_are_encoded_and_nonsense_refused() {
        let silence = Waveform::mono(vec![0.0; 5000], 24_000).unwrap();
        assert!(round_trip(&silence, None).peak() < 1e-4);
        let one = Waveform::mono(vec![0.5], 24_000).unwrap();
        assert_eq!(round_trip(&one, None).num_frames(), 1);
        let loud = Waveform::mono([1.0, -1.0].repeat(4000), 24_000).unwrap();
        assert!(round_trip(&loud, Some(8)).peak().is_finite());
        let none = Waveform::mono(vec![], 24_000).unwrap();
        assert!(matches!(
            to_bytes(&none, None, &Tags::new()),
            Err(Error::Encode { .. })
        ));
        for kbps in [0, 7, 321, u32::MAX] {
            let refused = to_bytes(&one, Some(kbps), &Tags::new());
            assert!(matches!(refused, Err(Error::Setting { .. })), "{kbps}");
        }
    }
}
