//! One door to every sound file that is written: WAV, FLAC, MP3, Ogg Opus, raw samples.
//!
//! Each format's own module says what it keeps and refuses. The sound is written as it is: levels
//! are [`crate::loudness`], other sample rates [`crate::resample`].

use crate::wav::SampleFormat;
use crate::{Error, Result, Tags, Waveform, flac, mp3, opus, wav};

/// A kind of sound file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// RIFF WAVE, uncompressed.
    #[default]
    Wav,
    /// FLAC, compressed without loss.
    Flac,
    /// MPEG Layer III.
    Mp3,
    /// Opus in Ogg.
    Ogg,
    /// Interleaved samples without a header, little-endian; no tags.
    Pcm,
}

impl Format {
    /// All formats, the usual one first.
    pub const ALL: [Self; 5] = [Self::Wav, Self::Flac, Self::Mp3, Self::Ogg, Self::Pcm];

    /// Its name in requests and flags, which is also the extension of its files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Wav => "wav",
            Self::Flac => "flac",
            Self::Mp3 => "mp3",
            Self::Ogg => "ogg",
            Self::Pcm => "pcm",
        }
    }

    /// The format of a name or file extension in any case; `opus`, `oga` and `wave` are known too.
    pub fn from_name(name: &str) -> Option<Self> {
        match name.to_ascii_lowercase().as_str() {
            "wave" => Some(Self::Wav),
            "opus" | "oga" => Some(Self::Ogg),
            "raw" => Some(Self::Pcm),
            name => Self::ALL.into_iter().find(|format| format.name() == name),
        }
    }

    /// Its media type, as HTTP states it.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Wav => "audio/wav",
            Self::Flac => "audio/flac",
            Self::Mp3 => "audio/mpeg",
            Self::Ogg => "audio/ogg",
            Self::Pcm => "audio/pcm",
        }
    }

    /// The bit rates that the format takes, in kbit/s; nothing for those without loss.
    pub fn bitrates_kbps(self) -> Option<std::ops::RangeInclusive<u32>> {
        match self {
            Self::Mp3 => Some(mp3::BITRATES_KBPS),
            Self::Ogg => Some(opus::BITRATES_KBPS),
            Self::Wav | Self::Flac | Self::Pcm => None,
        }
    }
}

/// How a sound file is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EncodeSettings {
    /// The kind of file.
    pub format: Format,
    /// How samples are stored where nothing is lost; MP3 and Ogg ignore it.
    pub sample_format: SampleFormat,
    /// Bit rate of MP3 and Ogg in kbit/s; theirs to choose if not given.
    pub bitrate_kbps: Option<u32>,
}

impl From<Format> for EncodeSettings {
    fn from(format: Format) -> Self {
        Self {
            format,
            ..Self::default()
        }
    }
}

/// The bytes of a whole sound file.
///
/// The same sound, settings and tags give the same bytes on the same machine. Raw samples have no
/// place for tags, which are then left out. A bit rate for a format without one is refused.
pub fn encode(waveform: &Waveform, settings: &EncodeSettings, tags: &Tags) -> Result<Vec<u8>> {
    let EncodeSettings {
        format,
        sample_format,
        bitrate_kbps,
    } = *settings;
    if let (Some(kbps), None) = (bitrate_kbps, format.bitrates_kbps()) {
        return Err(Error::Setting {
            setting: "bitrate_kbps",
            value: kbps.into(),
            expected: "a bit rate belongs to MP3 and Ogg only",
        });
    }
    match format {
        Format::Wav => wav::to_bytes(waveform, sample_format, tags),
        Format::Flac => flac::to_bytes(waveform, sample_format, tags),
        Format::Mp3 => mp3::to_bytes(waveform, bitrate_kbps, tags),
        Format::Ogg => opus::to_bytes(waveform, bitrate_kbps, tags),
        Format::Pcm => Ok(wav::sample_bytes(waveform.samples(), sample_format)),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::decode::{DecodeLimits, from_bytes};
    use crate::testing::{chord_of_sines, signal_to_noise_db};

    #[test]
    fn names_lead_back_to_their_formats() {
        for format in Format::ALL {
            assert_eq!(Format::from_name(format.name()), Some(format));
            assert_eq!(
                Format::from_name(&format.name().to_uppercase()),
                Some(format)
            );
            assert!(format.media_type().starts_with("audio/"));
        }
        assert_eq!(Format::from_name("opus"), Some(Format::Ogg));
        assert_eq!(Format::from_name("aac"), None);
        assert_eq!(Format::from_name(""), None);
    }

    #[test]
    fn every_file_decodes_to_the_sound() {
        let sound = chord_of_sines(0.5, 2, 48_000);
        for format in Format::ALL.into_iter().filter(|&f| f != Format::Pcm) {
            let bytes = encode(&sound, &format.into(), &Tags::new()).unwrap();
            let back = from_bytes(Path::new("x"), bytes, &DecodeLimits::default()).unwrap();
            assert_eq!(back.num_frames(), sound.num_frames(), "{format:?}");
            let snr = signal_to_noise_db(&sound, &back);
            assert!(snr > 12.0, "{format:?}: {snr:.1} dB");
        }
    }

    #[test]
    fn raw_samples_are_little_endian_without_a_header() {
        let sound = Waveform::mono(vec![0.0, 0.5, -1.0], 8000).unwrap();
        let bytes = encode(&sound, &Format::Pcm.into(), &Tags::new()).unwrap();
        assert_eq!(bytes, [0, 0, 0, 0x40, 0, 0x80]);
    }

    #[test]
    fn a_bit_rate_without_loss_is_refused() {
        let sound = chord_of_sines(0.1, 1, 16_000);
        for format in [Format::Wav, Format::Flac, Format::Pcm] {
            let settings = EncodeSettings {
                bitrate_kbps: Some(128),
                ..format.into()
            };
            let refused = encode(&sound, &settings, &Tags::new());
            assert!(matches!(refused, Err(Error::Setting { .. })), "{format:?}");
        }
    }
}
