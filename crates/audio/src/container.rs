//! What kind of file some bytes are, and the few facts about it that the decoder does not report.
//!
//! Signatures as listed by each format's own specification. Nothing is decoded here.

/// What `bytes` look like, for a message to the user: the kind, and what to do about it.
pub(crate) fn describe(bytes: &[u8]) -> (&'static str, &'static str) {
    const CONVERT: &str = "convert it to WAV, FLAC, MP3, Ogg Vorbis, Opus or M4A";
    let at = |offset: usize, magic: &[u8]| {
        bytes
            .get(offset..)
            .is_some_and(|rest| rest.starts_with(magic))
    };
    let early = |magic: &[u8]| {
        bytes[..bytes.len().min(4096)]
            .windows(magic.len())
            .any(|w| w == magic)
    };
    match () {
        () if at(0, b"OggS") && early(b"Speex   ") => ("a Speex file", CONVERT),
        () if at(0, b"OggS") => ("an Ogg file without Vorbis, Opus or FLAC sound", CONVERT),
        () if at(0, b"\x1a\x45\xdf\xa3") => ("a WebM or Matroska file", CONVERT),
        () if at(0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11") => ("a Windows Media (WMA) file", CONVERT),
        () if at(4, b"ftyp") => ("an MP4 file without AAC-LC or ALAC sound", CONVERT),
        () if at(0, b"RIFF") && at(8, b"AVI ") => ("an AVI film", CONVERT),
        () if at(0, b"RIFF") && at(8, b"WAVE") => ("a WAV file of a rare encoding", CONVERT),
        () if at(0, b"caff") => ("a CAF file", CONVERT),
        () if at(0, b"wvpk") => ("a WavPack file", CONVERT),
        () if at(0, b"MAC ") => ("a Monkey's Audio file", CONVERT),
        () if at(0, b"#!AMR") => ("an AMR recording", CONVERT),
        () if at(0, b"DSD ") || at(0, b"FRM8") => ("a DSD file", CONVERT),
        () if at(0, b"MThd") => ("a MIDI file", "render it to audio first"),
        () if at(0, b"PK\x03\x04") => ("a ZIP archive", "unpack it first"),
        () if at(0, b"%PDF") => ("a PDF document", "give an audio file"),
        () if at(0, b"\x89PNG") || at(0, b"\xff\xd8\xff") => ("a picture", "give an audio file"),
        () if is_text(bytes) => ("a text or web page", "give an audio file"),
        () => ("of an unknown kind", CONVERT),
    }
}

fn is_text(bytes: &[u8]) -> bool {
    let start = &bytes[..bytes.len().min(512)];
    start
        .iter()
        .all(|&c| matches!(c, b'\t' | b'\n' | b'\r' | b' '..=b'~' | 0x80..))
        && start.iter().filter(|c| c.is_ascii()).count() * 2 > start.len()
}

/// Writes the true length into a WAV file that was streamed and so declares none.
///
/// Such files (of recorders and of pipes) say 0xFFFFFFFF, or 0 with samples after all. Other
/// lengths stay: a file that is shorter than it says was cut.
pub(crate) fn repair_streamed_wav(bytes: &mut [u8]) {
    let Some(position) = find_wav_data(bytes) else {
        return;
    };
    let start = position + 8;
    let available = bytes.len() - start;
    let declared = u32::from_le_bytes([0, 1, 2, 3].map(|i| bytes[position + 4 + i]));
    let riff = u32::from_le_bytes([4, 5, 6, 7].map(|i| bytes[i]));
    let streamed = declared == u32::MAX || (declared == 0 && matches!(riff, 0 | u32::MAX));
    if let (true, Ok(length)) = (streamed, u32::try_from(available)) {
        bytes[position + 4..start].copy_from_slice(&length.to_le_bytes());
        let riff_length = length.saturating_add(start as u32 - 8);
        bytes[4..8].copy_from_slice(&riff_length.to_le_bytes());
    }
}

/// Bytes that a WAV file's sample chunk promises but does not have.
pub(crate) fn missing_wav_bytes(bytes: &[u8]) -> u64 {
    let Some(position) = find_wav_data(bytes) else {
        return 0;
    };
    let declared = u32::from_le_bytes([4, 5, 6, 7].map(|i| bytes[position + i]));
    u64::from(declared).saturating_sub((bytes.len() - position - 8) as u64)
}

/// Where the header of the `data` chunk starts; all eight bytes of it exist.
fn find_wav_data(bytes: &[u8]) -> Option<usize> {
    if !bytes.starts_with(b"RIFF") || bytes.get(8..12) != Some(b"WAVE") {
        return None;
    }
    let mut position = 12_usize;
    loop {
        let head = bytes.get(position..position.checked_add(8)?)?;
        if head.starts_with(b"data") {
            return Some(position);
        }
        let length = u32::from_le_bytes([head[4], head[5], head[6], head[7]]) as usize;
        position = position
            .checked_add(8)?
            .checked_add(length)?
            .checked_add(length % 2)?;
    }
}

/// Whether an Ogg file ends inside a page, as a file does whose download was interrupted.
///
/// Pages as in RFC 3533, section 6.
pub(crate) fn ogg_ends_inside_a_page(bytes: &[u8]) -> bool {
    if !bytes.starts_with(b"OggS") {
        return false;
    }
    // A page has at most 27 + 255 + 255 · 255 bytes, so the last one starts within the last 64 KiB.
    let tail = &bytes[bytes.len().saturating_sub(65_307)..];
    let Some(start) = tail.windows(5).rposition(|window| window == b"OggS\0") else {
        return true;
    };
    let page = &tail[start..];
    let Some(&num_segments) = page.get(26) else {
        return true;
    };
    let Some(table) = page.get(27..27 + usize::from(num_segments)) else {
        return true;
    };
    let body: usize = table.iter().map(|&length| usize::from(length)).sum();
    page.len() < 27 + table.len() + body
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Tags, Waveform, wav};

    #[test]
    fn kinds_are_named() {
        assert!(describe(b"OggS....OpusHead").0.contains("Opus"));
        assert!(describe(b"<html>").0.contains("web page"));
        assert!(describe("Prélude\n".as_bytes()).0.contains("text"));
        assert!(describe(b"MThd\0\0\0\x06").1.contains("render"));
        assert!(describe(&[0, 1, 2]).0.contains("unknown"));
    }

    #[test]
    fn a_streamed_wav_gets_its_length_and_a_cut_one_does_not() {
        let sound = Waveform::mono(vec![0.25; 100], 8000).unwrap();
        let whole = wav::to_bytes(&sound, wav::SampleFormat::Pcm16, &Tags::new()).unwrap();
        let mut streamed = whole.clone();
        streamed[4..8].copy_from_slice(&[0xFF; 4]);
        streamed[40..44].copy_from_slice(&[0xFF; 4]);
        repair_streamed_wav(&mut streamed);
        assert_eq!(streamed, whole);
        let mut cut = whole[..144].to_vec();
        repair_streamed_wav(&mut cut);
        assert_eq!(cut, whole[..144]);
        assert_eq!(missing_wav_bytes(&cut), 100);
        assert_eq!(missing_wav_bytes(&whole), 0);
    }

    #[test]
    fn ogg_pages_are_counted_to_the_last_byte() {
        let mut page = b"OggS\0\x04".to_vec();
        page.extend([0; 20]);
        page.extend([2, 255, 3]);
        page.extend([7; 258]);
        assert!(!ogg_ends_inside_a_page(&page));
        for length in 4..page.len() {
            assert!(ogg_ends_inside_a_page(&page[..length]), "{length}");
        }
    }
}
