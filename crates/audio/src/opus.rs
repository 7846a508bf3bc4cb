//! Ogg Opus files: the smallest at a given quality, played by every browser.
//!
//! Opus is RFC 6716, its Ogg container RFC 7845; the codec is the crate `opus-pure`. The header
//! states the encoder's delay and the exact length, so that decoding returns as many frames as were
//! encoded. Tags are Vorbis comments. One or two channels; surround and chained files are not here.

use std::io::Read;

use opus_pure::{
    Application, Error as OpusError, MAX_PACKET_BYTES, MAX_PACKET_SAMPLES, OggOpusReader,
    OggOpusWriter, OpusEncoder, OpusHead, OpusTags, Trim,
};

use crate::decode::DecodeLimits;
use crate::resample::resample;
use crate::{Error, Result, Tags, Waveform, tags};

/// Sample rates that the codec takes, in Hz; others are resampled.
pub const SAMPLE_RATES: [u32; 5] = [8_000, 12_000, 16_000, 24_000, 48_000];
/// Bit rates that can be asked for, in kbit/s.
pub const BITRATES_KBPS: std::ops::RangeInclusive<u32> = 6..=510;
/// Granule positions count at this rate whatever the sound's own, in Hz.
const GRANULE_RATE: u32 = 48_000;
/// Packets a second: 20 ms each, the codec's usual.
const PACKETS_PER_S: u32 = 50;
/// Largest comment header that is read: our own limit and room for the pictures of others.
const MAX_HEADER_BYTES: u64 = 16 << 20;

/// A whole Ogg Opus file.
///
/// `bitrate_kbps` without a value is 64 for each channel, at which music is hard to tell from the
/// original. A sample rate that the codec lacks is resampled to the next higher one (at most
/// 48 kHz), and of more than two channels the first two are kept. Refuses an empty sound and bit
/// rates outside [`BITRATES_KBPS`].
pub fn to_bytes(waveform: &Waveform, bitrate_kbps: Option<u32>, tags: &Tags) -> Result<Vec<u8>> {
    if let Some(kbps) = bitrate_kbps.filter(|kbps| !BITRATES_KBPS.contains(kbps)) {
        return Err(Error::Setting {
            setting: "bitrate_kbps",
            value: kbps.into(),
            expected: "6 to 510 for Ogg Opus",
        });
    }
    let refuse = |reason: String| Error::Encode {
        format: "Opus",
        reason,
    };
    if waveform.is_empty() {
        return Err(refuse("there are no samples".into()));
    }
    let waveform = fitting(waveform)?;
    let kbps = bitrate_kbps.unwrap_or(64 * u32::from(waveform.channels()));
    encode(&waveform, kbps, tags).map_err(|error| refuse(error.to_string()))
}

/// The sound with a sample rate and a number of channels that the codec has.
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

/// `waveform` fits; the bit rate is in range.
fn encode(waveform: &Waveform, kbps: u32, tags: &Tags) -> Result<Vec<u8>, OpusError> {
    let (channels, sample_rate) = (usize::from(waveform.channels()), waveform.sample_rate());
    let mut encoder = OpusEncoder::new(sample_rate as i32, channels, Application::Audio)?;
    encoder.bitrate_bps = kbps as i32 * 1000;
    let head = OpusHead::for_encoder(&encoder, sample_rate);
    let ticks = u64::from(GRANULE_RATE / sample_rate);
    let pre_skip = u64::from(head.pre_skip);
    // Where the last page says that the sound ends (RFC 7845, section 4.4).
    let end = pre_skip + waveform.num_frames() as u64 * ticks;
    let mut comments = OpusTags::new();
    comments.vendor = "mustool".to_owned();
    for (key, value) in tags.iter() {
        comments.push(&key.to_ascii_uppercase(), value)?;
    }
    let mut writer = OggOpusWriter::with_tags(Vec::new(), head, comments)?;
    let packet_frames = (sample_rate / PACKETS_PER_S) as usize;
    let packet_samples = packet_frames * channels;
    // Silence after the end pushes out what the encoder still holds.
    let num_packets = end.div_ceil(ticks * packet_frames as u64) as usize;
    let mut block = vec![0.0; packet_samples];
    let mut packet = vec![0; MAX_PACKET_BYTES];
    let mut rest = waveform.samples();
    for index in 0..num_packets {
        let (now, later) = rest.split_at(packet_samples.min(rest.len()));
        rest = later;
        block[..now.len()].copy_from_slice(now);
        block[now.len()..].fill(0.0);
        let length = encoder.encode(&block, packet_frames, &mut packet)?;
        if index + 1 < num_packets {
            writer.write_packet(&packet[..length])?;
        } else {
            let remaining = end - writer.granule() as u64;
            writer.write_packet_with_duration(&packet[..length], remaining as u32)?;
        }
    }
    writer.finish()
}

/// Whether the bytes begin an Ogg Opus file.
pub(crate) fn is_opus(bytes: &[u8]) -> bool {
    bytes.starts_with(b"OggS") && bytes.get(28..36) == Some(b"OpusHead")
}

/// Why an Ogg Opus file could not be decoded.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// The content is broken; in words.
    Damaged(String),
    /// More than two channels: how many.
    TooManyChannels(usize),
    /// More frames than the limits allow: the duration so far, in seconds.
    TooLong(f64),
}

impl From<OpusError> for Refusal {
    fn from(error: OpusError) -> Self {
        Self::Damaged(error.to_string())
    }
}

/// Decodes at the sample rate that was encoded, if the codec has it, or else at 48 kHz.
///
/// Stops as soon as a limit is passed; a file that ends early is damaged unless the limits accept
/// that.
pub(crate) fn decode(bytes: &[u8], limits: &DecodeLimits) -> Result<Waveform, Refusal> {
    let mut reader = OggOpusReader::new(bytes)?;
    let head = reader.head().clone();
    let channels = u16::from(head.channel_count);
    if head.mapping_family != 0 || channels > limits.max_channels {
        return Err(Refusal::TooManyChannels(channels.into()));
    }
    let wanted = head.input_sample_rate;
    let known = SAMPLE_RATES.contains(&wanted) && wanted >= limits.min_sample_rate;
    let sample_rate = if known { wanted } else { GRANULE_RATE };
    let mut decoder = head.decoder(sample_rate as i32)?;
    let width = usize::from(channels);
    let mut trim = Trim::new(&head, sample_rate as i32, width)?;
    let max_frames = (limits.max_duration_s * f64::from(sample_rate)) as usize;
    let max_samples = limits.max_samples.min(max_frames.saturating_mul(width));
    let mut block = vec![0.0; MAX_PACKET_SAMPLES * width];
    let mut samples = Vec::new();
    let mut ended = false;
    loop {
        let packet = match reader.read_packet() {
            Ok(Some(packet)) => packet,
            Ok(None) => break,
            Err(_) if limits.accept_damaged && !samples.is_empty() => break,
            Err(error) => return Err(error.into()),
        };
        let num_frames = decoder.decode(&packet.data, MAX_PACKET_SAMPLES, &mut block)?;
        samples.extend_from_slice(trim.keep(&packet, &block[..num_frames * width]));
        ended = packet.end_of_stream;
        if samples.len() > max_samples {
            let duration_s = (samples.len() / width) as f64 / f64::from(sample_rate);
            return Err(Refusal::TooLong(duration_s));
        }
    }
    if !ended && !limits.accept_damaged {
        return Err(Refusal::Damaged("it ends before its last page".into()));
    }
    Waveform::new(samples, channels, sample_rate)
        .map_err(|error| Refusal::Damaged(error.to_string()))
}

/// Tags of an Ogg Opus file; other Ogg files give none. I/O errors come back as
/// [`Error::Output`].
pub(crate) fn read_tags(reader: &mut impl Read) -> Result<Tags> {
    let mut start = [0; 36];
    reader.read_exact(&mut start)?;
    if !is_opus(&start) {
        return Ok(Tags::new());
    }
    let limited = reader.by_ref().take(MAX_HEADER_BYTES);
    let ogg = OggOpusReader::new(start.chain(limited)).map_err(|error| match error {
        OpusError::Io(source) => Error::Output(source),
        _ => Error::Tag {
            key: "*".into(),
            reason: "the comment header is damaged or larger than 16 MiB",
        },
    })?;
    let mut found = Tags::new();
    for comment in ogg.tags().comments.iter().take(4 * tags::MAX_TAGS) {
        if let Some((key, value)) = comment.split_once('=') {
            found.insert_foreign(key, value)?;
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use proptest::prelude::*;

    use super::*;
    use crate::decode::from_bytes;
    use crate::testing::{chord_of_sines, signal_to_noise_db};

    fn open(bytes: Vec<u8>) -> Result<Waveform> {
        from_bytes(Path::new("x.ogg"), bytes, &DecodeLimits::default())
    }

    #[test]
    fn every_sample_rate_comes_back_with_its_length_and_sound() {
        for sample_rate in SAMPLE_RATES {
            for channels in [1, 2] {
                let sound = chord_of_sines(0.703, channels, sample_rate);
                let back = open(to_bytes(&sound, None, &Tags::new()).unwrap()).unwrap();
                assert_eq!(
                    (back.channels(), back.sample_rate()),
                    (channels, sample_rate)
                );
                assert_eq!(back.num_frames(), sound.num_frames(), "{sample_rate} Hz");
                let snr = signal_to_noise_db(&sound, &back);
                assert!(
                    snr > 12.0,
                    "{snr:.1} dB at {sample_rate} Hz, {channels} channels"
                );
            }
        }
    }

    #[test]
    fn other_rates_are_resampled_and_surround_becomes_stereo() {
        let sound = chord_of_sines(0.5, 6, 44_100);
        let back = open(to_bytes(&sound, None, &Tags::new()).unwrap()).unwrap();
        assert_eq!((back.channels(), back.sample_rate()), (2, 48_000));
        assert!((back.duration_s() - sound.duration_s()).abs() < 1e-3);
    }

    #[test]
    fn tags_come_back_and_the_same_sound_gives_the_same_bytes() {
        let mut tags = Tags::new();
        tags.insert("prompt", "varmt piano, 84 bpm = långsamt")
            .unwrap();
        tags.insert("plan", "{}".repeat(40_000)).unwrap(); // more than one page
        let sound = chord_of_sines(0.2, 1, 24_000);
        let bytes = to_bytes(&sound, Some(96), &tags).unwrap();
        assert_eq!(bytes, to_bytes(&sound, Some(96), &tags).unwrap());
        let read = crate::tags::read_from(Path::new("x"), &mut std::io::Cursor::new(&bytes));
        assert_eq!(read.unwrap(), tags);
        assert_eq!(open(bytes).unwrap().num_frames(), sound.num_frames());
    }

    #[test]
    fn a_cut_file_is_damaged_and_a_long_one_refused() {
        let sound = chord_of_sines(2.0, 1, 48_000);
        let bytes = to_bytes(&sound, None, &Tags::new()).unwrap();
        let cut = bytes[..bytes.len() / 2].to_vec();
        assert!(matches!(open(cut), Err(Error::Damaged { .. })));
        let limits = DecodeLimits {
            max_duration_s: 1.0,
            ..DecodeLimits::default()
        };
        let refused = from_bytes(Path::new("x"), bytes, &limits);
        assert!(matches!(refused, Err(Error::TooLong { .. })), "{refused:?}");
        for kbps in [0, 5, 511] {
            assert!(
                to_bytes(&sound, Some(kbps), &Tags::new()).is_err(),
                "{kbps}"
            );
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn any_length_is_exact(num_frames in 1_usize..3000, rate in prop::sample::select(&SAMPLE_RATES)) {
            let sound = Waveform::mono(vec![0.25; num_frames], rate).unwrap();
            let back = open(to_bytes(&sound, None, &Tags::new()).unwrap()).unwrap();
            prop_assert_eq!(back.num_frames(), num_frames);
        }

        #[test]
        fn changed_bytes_never_panic(position in 0_usize..4000, value in any::<u8>()) {
            let sound = chord_of_sines(0.3, 2, 16_000);
            let mut bytes = to_bytes(&sound, None, &Tags::new()).unwrap();
            let position = position % bytes.len();
            bytes[position] = value;
            let _ = open(bytes.clone());
            let _ = crate::tags::read_from(Path::new("x"), &mut std::io::Cursor::new(&bytes));
        }
    }
}
