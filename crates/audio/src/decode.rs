//! Reads a sound file, whatever its format: WAV, AIFF, FLAC, MP3, Ogg Vorbis, Opus, AAC and ALAC.
//!
//! The decoders are those of Symphonia, and [`crate::opus`]. The format is known by its content, not by its name, and
//! every limit is checked before memory is taken. Encoder delay and padding are removed where the
//! file states them (LAME tag, MP4 edit list, Ogg); bare AAC (ADTS) does not. There is no
//! resampling here, no WebM or WMA, and no metadata: see [`crate::tags`].

use std::fs::File;
use std::io::{Cursor, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use symphonia::core::audio::GenericAudioBufferRef;
use symphonia::core::codecs::audio::{AudioDecoder, AudioDecoderOptions};
use symphonia::core::errors::Error as SymphoniaError;
use symphonia::core::formats::probe::Hint;
use symphonia::core::formats::{FormatReader, TrackType};
use symphonia::core::io::MediaSourceStream;
use symphonia::default::{get_codecs, get_probe};

use crate::container::{describe, missing_wav_bytes, ogg_ends_inside_a_page, repair_streamed_wav};
use crate::opus::Refusal;
use crate::{Error, Result, Waveform, mp4, opus};

/// What is accepted from a sound file. The defaults are those of the server.
#[derive(Clone, Debug, PartialEq)]
pub struct DecodeLimits {
    /// Largest file, in bytes: 64 MiB.
    pub max_bytes: u64,
    /// Longest sound, in seconds: 600.
    pub max_duration_s: f64,
    /// Most channels: 8.
    pub max_channels: u16,
    /// Lowest sample rate, in Hz: 8,000.
    pub min_sample_rate: u32,
    /// Highest sample rate, in Hz: 192,000.
    pub max_sample_rate: u32,
    /// Most samples of all channels together: 2^27, which take 512 MiB.
    pub max_samples: usize,
    /// Largest absolute sample value, where ±1 is full scale: 100, and never more than 4 for a
    /// compressed format. Beyond it the file was not scaled or is corrupt, and would be deafening.
    pub max_amplitude: f32,
    /// Keep what can be decoded of a damaged or truncated file, rather than refuse it: off.
    pub accept_damaged: bool,
}

impl Default for DecodeLimits {
    fn default() -> Self {
        Self {
            max_bytes: 64 << 20,
            max_duration_s: 600.0,
            max_channels: 8,
            min_sample_rate: 8_000,
            max_sample_rate: 192_000,
            max_samples: 1 << 27,
            max_amplitude: 100.0,
            accept_damaged: false,
        }
    }
}

/// A sound may be this much shorter than its file says, as encoders round to whole blocks.
const LENGTH_TOLERANCE_S: f64 = 0.25;

/// Decodes the sound file at `path`.
///
/// A file without samples is [`Error::Empty`]; one that ends early, fails its checksum or has more
/// than a few unreadable packets is [`Error::Damaged`]; a format that is not read here is
/// [`Error::Unsupported`], with what the user can do. Isolated unreadable packets become silence
/// of the same length, so that what follows keeps its place.
pub fn from_path(path: &Path, limits: &DecodeLimits) -> Result<Waveform> {
    let open = |source| Error::Open {
        path: path.into(),
        source,
    };
    let metadata = std::fs::metadata(path).map_err(open)?;
    if !metadata.is_file() {
        return Err(open(std::io::Error::other("it is not a regular file")));
    }
    let too_large = |bytes| Error::TooLarge {
        path: path.into(),
        bytes,
        max_bytes: limits.max_bytes,
    };
    if metadata.len() > limits.max_bytes {
        return Err(too_large(metadata.len()));
    }
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(open)?;
    // The file may grow while it is read.
    let read = file
        .take(limits.max_bytes.saturating_add(1))
        .read_to_end(&mut bytes);
    read.map_err(|source| Error::Read {
        path: path.into(),
        source,
    })?;
    from_bytes(path, bytes, limits)
}

/// Decodes a sound file in memory, as [`from_path`] does; `name` stands for the path in errors.
pub fn from_bytes(name: &Path, mut bytes: Vec<u8>, limits: &DecodeLimits) -> Result<Waveform> {
    if bytes.len() as u64 > limits.max_bytes {
        let (bytes, max_bytes) = (bytes.len() as u64, limits.max_bytes);
        return Err(Error::TooLarge {
            path: name.into(),
            bytes,
            max_bytes,
        });
    }
    if bytes.is_empty() {
        return Err(Error::Empty { path: name.into() });
    }
    repair_streamed_wav(&mut bytes);
    let source = Source {
        name,
        bytes: &bytes,
        limits,
    };
    // Symphonia means never to panic, but with overflow checks some headers (an AIFF file of 60,000
    // channels) make it do so; a stranger's file must not end the program.
    catch_unwind(AssertUnwindSafe(|| source.decode()))
        .unwrap_or_else(|_| Err(source.damaged("the decoder gave up on its content")))
}

/// A file in memory with everything that decoding it needs to know.
struct Source<'a> {
    name: &'a Path,
    bytes: &'a [u8],
    limits: &'a DecodeLimits,
}

/// What has been decoded so far.
#[derive(Default)]
struct Sound {
    samples: Vec<f32>,
    channels: u16,
    sample_rate: u32,
    num_packets: usize,
    num_bad_packets: usize,
}

impl Source<'_> {
    fn damaged(&self, reason: impl Into<String>) -> Error {
        Error::Damaged {
            path: self.name.into(),
            reason: reason.into(),
        }
    }

    fn unsupported(&self) -> Error {
        if mp4::lacks_index(self.bytes) {
            return self.damaged("it ends before its index");
        }
        if [&b"fLaC"[..], b"FORM", b"ID3"]
            .iter()
            .any(|magic| self.bytes.starts_with(magic))
        {
            return self.damaged("there is no sound after its header");
        }
        let (format, remedy) = describe(self.bytes);
        Error::Unsupported {
            path: self.name.into(),
            format: format.into(),
            remedy,
        }
    }

    fn decode(&self) -> Result<Waveform> {
        if !self.limits.accept_damaged {
            self.check_container()?;
        }
        if opus::is_opus(self.bytes) {
            return self.decode_opus();
        }
        let stream = MediaSourceStream::new(Box::new(Cursor::new(self.bytes)), Default::default());
        let probe = get_probe().probe(&Hint::new(), stream, Default::default(), Default::default());
        let mut format = probe.map_err(|error| self.explain(error))?;
        let mut decoder = self.open_track(format.as_mut())?;
        let declared = self.declared_frames(format.as_ref());
        if let (Some(num_frames), Some((channels, sample_rate))) =
            (declared, self.declared_spec(format.as_ref()))
        {
            self.check_length(num_frames, channels, sample_rate)?;
        }
        let mut sound = Sound::default();
        self.decode_packets(format.as_mut(), &mut decoder, &mut sound)?;
        let strict = !self.limits.accept_damaged;
        if strict {
            self.check_packets(&sound)?;
        }
        let waveform = self.finish(sound, declared)?;
        if strict && decoder.finalize().verify_ok == Some(false) {
            return Err(self.damaged("its samples do not match its checksum"));
        }
        Ok(waveform)
    }

    fn decode_opus(&self) -> Result<Waveform> {
        let waveform = opus::decode(self.bytes, self.limits).map_err(|refusal| match refusal {
            Refusal::Damaged(reason) => self.damaged(reason),
            Refusal::TooManyChannels(channels) => Error::TooManyChannels {
                path: self.name.into(),
                channels,
                max_channels: self.limits.max_channels.min(2),
            },
            Refusal::TooLong(duration_s) => Error::TooLong {
                path: self.name.into(),
                duration_s,
                max_duration_s: self.limits.max_duration_s,
            },
        })?;
        match waveform.is_empty() {
            true => Err(Error::Empty {
                path: self.name.into(),
            }),
            false => Ok(waveform),
        }
    }

    /// Finds what a decoder cannot see: that the file was cut.
    fn check_container(&self) -> Result<()> {
        let missing = missing_wav_bytes(self.bytes);
        if missing > 0 {
            return Err(self.damaged(format!("it ends {missing} bytes too early")));
        }
        if ogg_ends_inside_a_page(self.bytes) {
            return Err(self.damaged("it ends inside a page"));
        }
        Ok(())
    }

    fn open_track(&self, format: &mut dyn FormatReader) -> Result<Box<dyn AudioDecoder>> {
        let track = format
            .default_track(TrackType::Audio)
            .ok_or_else(|| self.unsupported())?;
        let params = track
            .codec_params
            .as_ref()
            .and_then(|params| params.audio());
        let params = params.ok_or_else(|| self.unsupported())?;
        if let Some(sample_rate) = params.sample_rate {
            self.check_sample_rate(sample_rate)?;
        }
        if let Some(channels) = &params.channels {
            self.check_channels(channels.count())?;
        }
        let options = AudioDecoderOptions::default().verify(!self.limits.accept_damaged);
        get_codecs()
            .make_audio_decoder(params, &options)
            .map_err(|error| self.explain(error))
    }

    fn declared_spec(&self, format: &dyn FormatReader) -> Option<(usize, u32)> {
        let params = format
            .default_track(TrackType::Audio)?
            .codec_params
            .as_ref()?
            .audio()?;
        Some((params.channels.as_ref()?.count(), params.sample_rate?))
    }

    /// Frames that the file promises, where that number is exact.
    fn declared_frames(&self, format: &dyn FormatReader) -> Option<u64> {
        let track = format.default_track(TrackType::Audio)?;
        // Without a LAME tag, the length of an MP3 is an estimate.
        let estimated = format.format_info().short_name == "mp3" && track.delay.is_none();
        let edited = mp4::edit(self.bytes)
            .and_then(|edit| edit.num_frames(track.codec_params.as_ref()?.audio()?.sample_rate?));
        edited.or(track.num_frames.filter(|_| !estimated))
    }

    fn decode_packets(
        &self,
        format: &mut dyn FormatReader,
        decoder: &mut Box<dyn AudioDecoder>,
        sound: &mut Sound,
    ) -> Result<()> {
        let mut track_id = format.default_track(TrackType::Audio).map(|track| track.id);
        // A packet without a byte could repeat for ever.
        for _ in 0..self.bytes.len().saturating_add(1024) {
            let packet = match format.next_packet() {
                Ok(Some(packet)) => packet,
                Ok(None) => return Ok(()),
                Err(SymphoniaError::ResetRequired) => {
                    // The next song of a chained Ogg file.
                    *decoder = self.open_track(format)?;
                    track_id = format.default_track(TrackType::Audio).map(|track| track.id);
                    continue;
                }
                Err(SymphoniaError::IoError(error))
                    if error.kind() == std::io::ErrorKind::UnexpectedEof =>
                {
                    return Ok(());
                }
                Err(_) if self.limits.accept_damaged && !sound.samples.is_empty() => return Ok(()),
                Err(error) => return Err(self.explain(error)),
            };
            if Some(packet.track_id) != track_id {
                continue;
            }
            sound.num_packets += 1;
            match decoder.decode(&packet) {
                Ok(audio) => self.append(&audio, sound)?,
                Err(SymphoniaError::DecodeError(_) | SymphoniaError::IoError(_)) => {
                    sound.num_bad_packets += 1;
                    self.append_silence(packet.dur.get(), sound)?;
                }
                Err(error) => return Err(self.explain(error)),
            }
        }
        Err(self.damaged("it has more packets than bytes"))
    }

    fn append(&self, audio: &GenericAudioBufferRef<'_>, sound: &mut Sound) -> Result<()> {
        if audio.frames() == 0 {
            return Ok(());
        }
        let (sample_rate, num_channels) = (audio.spec().rate(), audio.spec().channels().count());
        let channels = self.check_channels(num_channels)?;
        if sound.samples.is_empty() {
            self.check_sample_rate(sample_rate)?;
            (sound.channels, sound.sample_rate) = (channels, sample_rate);
        } else if (sound.channels, sound.sample_rate) != (channels, sample_rate) {
            return Err(self.damaged("its channels or sample rate change on the way"));
        }
        let max_amplitude = self.max_amplitude();
        let start = sound.samples.len();
        let end = start.saturating_add(audio.frames().saturating_mul(num_channels));
        self.check_length((end / num_channels) as u64, num_channels, sample_rate)?;
        sound.samples.resize(end, 0.0);
        audio.copy_to_slice_interleaved(&mut sound.samples[start..]);
        for (index, sample) in sound.samples.iter().enumerate().skip(start) {
            if !sample.is_finite() {
                return Err(Error::NotFiniteIn {
                    path: self.name.into(),
                    index,
                });
            }
            if sample.abs() > max_amplitude {
                let value = sample.abs();
                return Err(self.damaged(format!(
                    "a sample of {value} lies beyond {max_amplitude} times full scale"
                )));
            }
        }
        Ok(())
    }

    /// A float WAV or AIFF file may well exceed full scale; a lossy codec that goes far beyond it
    /// has been fed noise.
    fn max_amplitude(&self) -> f32 {
        let stored = self.bytes.starts_with(b"RIFF") || self.bytes.starts_with(b"FORM");
        if stored {
            self.limits.max_amplitude
        } else {
            self.limits.max_amplitude.min(4.0)
        }
    }

    /// Stands in for a packet that cannot be decoded; nothing before the first that can be.
    fn append_silence(&self, num_frames: u64, sound: &mut Sound) -> Result<()> {
        if sound.samples.is_empty() {
            return Ok(());
        }
        let channels = usize::from(sound.channels);
        // No codec has longer packets than 2^16 frames.
        let end = sound.samples.len() + num_frames.min(1 << 16) as usize * channels;
        self.check_length((end / channels) as u64, channels, sound.sample_rate)?;
        sound.samples.resize(end, 0.0);
        Ok(())
    }

    fn finish(&self, mut sound: Sound, declared: Option<u64>) -> Result<Waveform> {
        if sound.samples.is_empty() {
            return Err(match sound.num_packets {
                0 => Error::Empty {
                    path: self.name.into(),
                },
                _ => self.damaged("not one packet of it can be decoded"),
            });
        }
        let (channels, sample_rate) = (usize::from(sound.channels), sound.sample_rate);
        if let Some(edit) = mp4::edit(self.bytes) {
            let start = usize::try_from(edit.start_frame(sample_rate)).unwrap_or(usize::MAX);
            let start = start.saturating_mul(channels).min(sound.samples.len());
            sound.samples.drain(..start);
            let wanted = edit
                .num_frames(sample_rate)
                .and_then(|frames| usize::try_from(frames).ok());
            sound
                .samples
                .truncate(wanted.unwrap_or(usize::MAX).saturating_mul(channels));
        }
        let duration_s = (sound.samples.len() / channels) as f64 / f64::from(sample_rate);
        let declared_s = declared.map_or(0.0, |frames| frames as f64 / f64::from(sample_rate));
        // FLAC knows its length to the sample; one block less means a block that failed its check.
        let exact = self.bytes.starts_with(b"fLaC");
        let tolerance_s = if exact {
            0.5 / f64::from(sample_rate)
        } else {
            LENGTH_TOLERANCE_S
        };
        if duration_s + tolerance_s < declared_s && !self.limits.accept_damaged {
            return Err(self.damaged(format!("{duration_s:.2} s of {declared_s:.2} s are there")));
        }
        if sound.samples.is_empty() {
            return Err(Error::Empty {
                path: self.name.into(),
            });
        }
        Waveform::new(sound.samples, sound.channels, sound.sample_rate)
    }

    fn check_packets(&self, sound: &Sound) -> Result<()> {
        // Two may be lost where a stream was cut out of a longer one.
        if sound.num_bad_packets > 2 + sound.num_packets / 100 {
            let (bad, all) = (sound.num_bad_packets, sound.num_packets);
            return Err(self.damaged(format!("{bad} of {all} packets cannot be decoded")));
        }
        Ok(())
    }

    fn check_channels(&self, channels: usize) -> Result<u16> {
        let max_channels = self.limits.max_channels;
        match u16::try_from(channels) {
            Ok(0) => Err(self.damaged("it declares no channels")),
            Ok(channels) if channels <= max_channels => Ok(channels),
            _ => Err(Error::TooManyChannels {
                path: self.name.into(),
                channels,
                max_channels,
            }),
        }
    }

    fn check_sample_rate(&self, sample_rate: u32) -> Result<()> {
        let (min_hz, max_hz) = (
            self.limits.min_sample_rate.max(1),
            self.limits.max_sample_rate,
        );
        if (min_hz..=max_hz).contains(&sample_rate) {
            return Ok(());
        }
        Err(Error::SampleRateOutOfRange {
            path: self.name.into(),
            sample_rate,
            min_hz,
            max_hz,
        })
    }

    fn check_length(&self, num_frames: u64, channels: usize, sample_rate: u32) -> Result<()> {
        let most_frames = (self.limits.max_samples / channels.max(1)) as f64;
        let by_memory_s = most_frames / f64::from(sample_rate);
        let max_duration_s = self.limits.max_duration_s.min(by_memory_s);
        let duration_s = num_frames as f64 / f64::from(sample_rate);
        if duration_s <= max_duration_s {
            return Ok(());
        }
        Err(Error::TooLong {
            path: self.name.into(),
            duration_s,
            max_duration_s,
        })
    }

    fn explain(&self, error: SymphoniaError) -> Error {
        match error {
            SymphoniaError::Unsupported(_) => self.unsupported(),
            SymphoniaError::IoError(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
                match describe(self.bytes) {
                    (format, _) if format.contains("text") || format.contains("unknown") => {
                        self.unsupported()
                    }
                    _ => self.damaged("it ends too early"),
                }
            }
            other => self.damaged(other.to_string()),
        }
    }
}
