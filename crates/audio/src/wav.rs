//! WAV files: the waveform as it is, at 16 or 24 bits or as 32-bit floats, with its tags.
//!
//! RIFF as in Microsoft's "Multimedia Programming Interface and Data Specifications 1.0" with
//! `WAVE_FORMAT_EXTENSIBLE` where 24 bits or more than two channels ask for it. The bytes depend
//! on the waveform and the tags alone. No RF64: 4 GiB is the end. Reading samples is
//! [`crate::decode`].

use std::io::{Read, Seek, Write};
use std::path::Path;

use crate::pcm::quantise;
use crate::{Error, Result, Tags, Waveform, file, tags};

/// How each sample is stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SampleFormat {
    /// 16-bit integers, rounded to nearest, saturating at full scale.
    #[default]
    Pcm16,
    /// 24-bit integers, rounded to nearest, saturating at full scale.
    Pcm24,
    /// 32-bit floats, exactly the samples; WAV only.
    Float32,
}

impl SampleFormat {
    /// Bits of one sample.
    pub fn bits(self) -> u16 {
        match self {
            Self::Pcm16 => 16,
            Self::Pcm24 => 24,
            Self::Float32 => 32,
        }
    }
}

/// Our tags that have a place in a RIFF `INFO` list.
const INFO: [(&str, &[u8; 4]); 6] = [
    ("artist", b"IART"),
    ("comment", b"ICMT"),
    ("date", b"ICRD"),
    ("genre", b"IGNR"),
    ("software", b"ISFT"),
    ("title", b"INAM"),
];
/// The chunk that holds every tag as JSON.
const TAGS_CHUNK: &[u8; 4] = b"mtag";

/// Writes a whole WAV file to `out`, tags before samples.
///
/// Refuses what the format cannot hold: 4 GiB or more, or more than 16,383 channels.
pub fn write(
    mut out: impl Write,
    waveform: &Waveform,
    format: SampleFormat,
    tags: &Tags,
) -> Result<()> {
    let data_bytes = waveform.samples().len() as u64 * u64::from(format.bits() / 8);
    let mut header = b"WAVE".to_vec();
    push_chunk(&mut header, b"fmt ", &format_chunk(waveform, format)?);
    if format == SampleFormat::Float32 {
        let num_frames = fits(waveform.num_frames() as u64, "frames")?;
        push_chunk(&mut header, b"fact", &num_frames.to_le_bytes());
    }
    if !tags.is_empty() {
        push_chunk(&mut header, b"LIST", &info_list(tags));
        push_chunk(&mut header, TAGS_CHUNK, &tags.to_json());
    }
    let padding = data_bytes % 2;
    let riff_bytes = fits(header.len() as u64 + 8 + data_bytes + padding, "bytes")?;
    out.write_all(b"RIFF")?;
    out.write_all(&riff_bytes.to_le_bytes())?;
    out.write_all(&header)?;
    out.write_all(b"data")?;
    out.write_all(&fits(data_bytes, "bytes")?.to_le_bytes())?;
    for block in waveform.samples().chunks(4096) {
        out.write_all(&sample_bytes(block, format))?;
    }
    out.write_all(&[0][..padding as usize])?;
    Ok(out.flush()?)
}

/// [`write()`] into memory.
pub fn to_bytes(waveform: &Waveform, format: SampleFormat, tags: &Tags) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    write(&mut bytes, waveform, format, tags)?;
    Ok(bytes)
}

/// [`write()`] to a file that is complete or absent ([`file::write_atomic`]).
pub fn write_file(
    path: &Path,
    waveform: &Waveform,
    format: SampleFormat,
    tags: &Tags,
) -> Result<()> {
    file::write_atomic(path, &to_bytes(waveform, format, tags)?)
}

fn fits(value: u64, what: &'static str) -> Result<u32> {
    u32::try_from(value).map_err(|_| Error::Format {
        format: "WAV",
        what,
        value,
    })
}

fn push_chunk(riff: &mut Vec<u8>, id: &[u8; 4], content: &[u8]) {
    let length = u32::try_from(content.len()).expect("only small chunks, limited by the tags");
    riff.extend_from_slice(id);
    riff.extend_from_slice(&length.to_le_bytes());
    riff.extend_from_slice(content);
    riff.extend_from_slice(&[0][..content.len() % 2]);
}

fn format_chunk(waveform: &Waveform, format: SampleFormat) -> Result<Vec<u8>> {
    let (channels, sample_rate) = (waveform.channels(), waveform.sample_rate());
    let block_bytes = channels
        .checked_mul(format.bits() / 8)
        .ok_or(Error::Format {
            format: "WAV",
            what: "channels",
            value: channels.into(),
        })?;
    let bytes_per_s = fits(
        u64::from(sample_rate) * u64::from(block_bytes),
        "bytes a second",
    )?;
    let code: u16 = if format == SampleFormat::Float32 {
        3
    } else {
        1
    };
    let extensible = channels > 2 || format == SampleFormat::Pcm24;
    let mut chunk = Vec::with_capacity(40);
    chunk.extend(if extensible { 0xFFFE } else { code }.to_le_bytes());
    chunk.extend(channels.to_le_bytes());
    chunk.extend(sample_rate.to_le_bytes());
    chunk.extend(bytes_per_s.to_le_bytes());
    chunk.extend(block_bytes.to_le_bytes());
    chunk.extend(format.bits().to_le_bytes());
    if extensible {
        chunk.extend(22_u16.to_le_bytes());
        chunk.extend(format.bits().to_le_bytes());
        chunk.extend(speaker_mask(channels).to_le_bytes());
        chunk.extend(code.to_le_bytes());
        // The rest of the GUIDs KSDATAFORMAT_SUBTYPE_PCM and _IEEE_FLOAT.
        chunk.extend(*b"\x00\x00\x00\x00\x10\x00\x80\x00\x00\xaa\x00\x38\x9b\x71");
    } else if format == SampleFormat::Float32 {
        chunk.extend(0_u16.to_le_bytes());
    }
    Ok(chunk)
}

/// The usual speakers for a channel count; 0 (no particular speakers) where none is usual.
fn speaker_mask(channels: u16) -> u32 {
    match channels {
        1 => 0x4,
        2 => 0x3,
        3 => 0x7,
        4 => 0x33,
        5 => 0x37,
        6 => 0x3F,
        8 => 0x63F,
        _ => 0,
    }
}

/// The samples one after the other, little-endian.
pub(crate) fn sample_bytes(samples: &[f32], format: SampleFormat) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(samples.len() * usize::from(format.bits() / 8));
    for &sample in samples {
        match format {
            SampleFormat::Pcm16 => bytes.extend(&quantise(sample, 16).to_le_bytes()[..2]),
            SampleFormat::Pcm24 => bytes.extend(&quantise(sample, 24).to_le_bytes()[..3]),
            SampleFormat::Float32 => bytes.extend(sample.to_le_bytes()),
        }
    }
    bytes
}

/// The tags that other programs show; the prompt stands in for a missing comment.
fn info_list(tags: &Tags) -> Vec<u8> {
    let mut list = b"INFO".to_vec();
    for (key, id) in INFO {
        let fallback = if key == "comment" {
            tags.get("prompt")
        } else {
            None
        };
        if let Some(value) = tags.get(key).or(fallback) {
            // The text ends at the first NUL for whoever reads it.
            let text: String = value.chars().filter(|&c| c != '\0').chain(['\0']).collect();
            push_chunk(&mut list, id, text.as_bytes());
        }
    }
    list
}

/// Tags of a WAV file: those of the `mtag` chunk, or else those of the `INFO` list.
///
/// Chunks of samples are skipped, not read. I/O errors come back as [`Error::Output`].
pub(crate) fn read_tags(reader: &mut (impl Read + Seek)) -> Result<Tags> {
    let mut start = [0; 12];
    reader.read_exact(&mut start)?;
    let mut info = Tags::new();
    let mut head = [0; 8];
    while read_or_end(reader, &mut head)? {
        let [a, b, c, d, length @ ..] = head;
        let length = u64::from(u32::from_le_bytes(length));
        let id = [a, b, c, d];
        let wanted = &id == TAGS_CHUNK || &id == b"LIST";
        if !wanted {
            reader.seek_relative((length + length % 2) as i64)?;
            continue;
        }
        // JSON escapes a character with at most six bytes.
        if length > 6 * tags::MAX_BYTES as u64 + 16 * tags::MAX_TAGS as u64 {
            return Err(Error::Tag {
                key: "mtag".into(),
                reason: "the chunk is too large",
            });
        }
        let mut content = Vec::new();
        reader
            .by_ref()
            .take(length + length % 2)
            .read_to_end(&mut content)?;
        content.truncate(length as usize);
        if &id == TAGS_CHUNK {
            return Tags::from_json(&content);
        }
        read_info(&content, &mut info)?;
    }
    Ok(info)
}

/// Fills `buffer`, or returns false where the file ends before it is full.
fn read_or_end(reader: &mut impl Read, buffer: &mut [u8]) -> Result<bool> {
    match reader.read_exact(buffer) {
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => Ok(false),
        other => Ok(other.map(|()| true)?),
    }
}

fn read_info(list: &[u8], tags: &mut Tags) -> Result<()> {
    let Some(mut rest) = list.strip_prefix(b"INFO") else {
        return Ok(());
    };
    while let Some((head, content)) = rest.split_first_chunk::<8>() {
        let [a, b, c, d, length @ ..] = *head;
        let length = u32::from_le_bytes(length) as usize;
        let text = &content[..length.min(content.len())];
        let text = text.split(|&byte| byte == 0).next().unwrap_or_default();
        if let Some((key, _)) = INFO.iter().find(|(_, id)| **id == [a, b, c, d]) {
            tags.insert_foreign(key, &text_of(text))?;
        }
        rest = content
            .get(length.saturating_add(length % 2)..)
            .unwrap_or_default();
    }
    Ok(())
}

/// UTF-8, or Latin-1 as old programs wrote it.
fn text_of(bytes: &[u8]) -> String {
    let latin_1 = || bytes.iter().map(|&byte| char::from(byte)).collect();
    std::str::from_utf8(bytes).map_or_else(|_| latin_1(), str::to_owned)
}
