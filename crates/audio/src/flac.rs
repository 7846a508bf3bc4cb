//! FLAC files: the waveform without loss at 16 or 24 bits, at about half the size of WAV.
//!
//! RFC 9639; the encoder is the crate `flacenc`, on one thread, so that the same sound gives the
//! same bytes. Tags are Vorbis comments. Reading samples is [`crate::decode`].

use std::io::{Read, Seek, Write};
use std::path::Path;

use flacenc::bitsink::ByteSink;
use flacenc::component::{BitRepr, MetadataBlockData};
use flacenc::error::Verify;
use flacenc::source::MemSource;

use crate::pcm::quantise;
use crate::wav::SampleFormat;
use crate::{Error, Result, Tags, Waveform, file, tags};

const VORBIS_COMMENT: u8 = 4;
/// The most channels that the format has.
const MAX_CHANNELS: u16 = 8;
/// The highest sample rate that the encoder writes, in Hz.
const MAX_SAMPLE_RATE: u32 = 96_000;
/// Who wrote the file, as every Vorbis comment must say.
const VENDOR: &str = "mustool";

/// Writes a whole FLAC file to `out`.
///
/// Refuses floats, more than 8 channels, more than 96 kHz and 2^36 frames or more.
pub fn write(
    mut out: impl Write,
    waveform: &Waveform,
    format: SampleFormat,
    tags: &Tags,
) -> Result<()> {
    out.write_all(&to_bytes(waveform, format, tags)?)?;
    Ok(out.flush()?)
}

/// [`write()`] into memory.
pub fn to_bytes(waveform: &Waveform, format: SampleFormat, tags: &Tags) -> Result<Vec<u8>> {
    let failed = |reason: String| Error::Encode {
        format: "FLAC",
        reason,
    };
    check(waveform, format)?;
    let bits = usize::from(format.bits());
    let quantised = waveform
        .samples()
        .iter()
        .map(|&sample| quantise(sample, bits as u32));
    let source = MemSource::from_samples(
        &quantised.collect::<Vec<_>>(),
        waveform.channels().into(),
        bits,
        waveform.sample_rate() as usize,
    );
    let mut config = flacenc::config::Encoder::default();
    config.multithread = false;
    let config = config
        .into_verified()
        .map_err(|(_, error)| failed(error.to_string()))?;
    let stream = flacenc::encode_with_fixed_block_size(&config, source, config.block_size);
    let mut stream = stream.map_err(|error| failed(error.to_string()))?;
    // The last block may be shorter and does not count (RFC 9639, section 8.2); here it did.
    let sizes = stream
        .stream_info_mut()
        .set_block_sizes(config.block_size, config.block_size);
    sizes.map_err(|error| failed(error.to_string()))?;
    if !tags.is_empty() {
        let block = MetadataBlockData::new_unknown(VORBIS_COMMENT, &comments(tags));
        stream.add_metadata_block(block.map_err(|error| failed(error.to_string()))?);
    }
    let mut sink = ByteSink::new();
    stream
        .write(&mut sink)
        .map_err(|error| failed(error.to_string()))?;
    Ok(sink.into_inner())
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

fn check(waveform: &Waveform, format: SampleFormat) -> Result<()> {
    let refuse = |what, value| {
        Err(Error::Format {
            format: "FLAC",
            what,
            value,
        })
    };
    if format == SampleFormat::Float32 {
        return refuse("bits of float", 32);
    }
    if waveform.channels() > MAX_CHANNELS {
        return refuse("channels", waveform.channels().into());
    }
    if waveform.sample_rate() > MAX_SAMPLE_RATE {
        return refuse("a sample rate in Hz", waveform.sample_rate().into());
    }
    if waveform.num_frames() as u64 >= 1 << 36 {
        return refuse("frames", waveform.num_frames() as u64);
    }
    Ok(())
}

/// A Vorbis comment block; keys in capitals, as is the custom.
fn comments(tags: &Tags) -> Vec<u8> {
    let mut block = Vec::new();
    let push = |block: &mut Vec<u8>, text: &[u8]| {
        let length = u32::try_from(text.len()).expect("tags have at most 1 MiB");
        block.extend(length.to_le_bytes());
        block.extend(text);
    };
    push(&mut block, VENDOR.as_bytes());
    block.extend((tags.len() as u32).to_le_bytes());
    for (key, value) in tags.iter() {
        push(
            &mut block,
            format!("{}={value}", key.to_ascii_uppercase()).as_bytes(),
        );
    }
    block
}

/// Tags of a FLAC file, from its Vorbis comments. I/O errors come back as [`Error::Output`].
pub(crate) fn read_tags(reader: &mut (impl Read + Seek)) -> Result<Tags> {
    let mut magic = [0; 4];
    reader.read_exact(&mut magic)?;
    loop {
        let mut head = [0; 4];
        reader.read_exact(&mut head)?;
        let (last, kind) = (head[0] & 0x80 != 0, head[0] & 0x7F);
        let length = u32::from_be_bytes([0, head[1], head[2], head[3]]);
        if kind == VORBIS_COMMENT {
            if length as usize > 2 * tags::MAX_BYTES {
                return Err(Error::Tag {
                    key: "*".into(),
                    reason: "the comments are too large",
                });
            }
            let mut block = Vec::new();
            reader
                .by_ref()
                .take(length.into())
                .read_to_end(&mut block)?;
            return parse_comments(&block);
        }
        if last {
            return Ok(Tags::new());
        }
        reader.seek_relative(length.into())?;
    }
}

fn parse_comments(block: &[u8]) -> Result<Tags> {
    let cut = || Error::Tag {
        key: "*".into(),
        reason: "the comments end too early",
    };
    let (_vendor, rest) = take_text(block).ok_or_else(cut)?;
    let (count, mut rest) = take_number(rest).ok_or_else(cut)?;
    let mut tags = Tags::new();
    for _ in 0..count {
        let (comment, after) = take_text(rest).ok_or_else(cut)?;
        rest = after;
        if let Some((key, value)) = String::from_utf8_lossy(comment).split_once('=') {
            tags.insert_foreign(key, value)?;
        }
    }
    Ok(tags)
}

fn take_number(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let (number, rest) = bytes.split_first_chunk::<4>()?;
    Some((u32::from_le_bytes(*number), rest))
}

fn take_text(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = take_number(bytes)?;
    rest.split_at_checked(length as usize)
}
