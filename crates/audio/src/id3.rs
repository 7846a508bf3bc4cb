//! ID3 tags: how an MP3 file says what it is, who made it and from which prompt.
//!
//! Written as ID3v2.4 (<https://id3.org/id3v2.4.0-structure>) in UTF-8; read as 2.3 and 2.4. The
//! keys that players show have their own frames, all others are `TXXX` frames. Pictures, lyrics,
//! compressed and encrypted frames are skipped; ID3v1 and 2.2 are not read.

use std::io::Read;

use crate::{Error, Result, Tags, tags};

/// Our tags that have a text frame of their own.
const TEXT_FRAMES: [(&str, &[u8; 4]); 5] = [
    ("artist", b"TPE1"),
    ("date", b"TDRC"),
    ("genre", b"TCON"),
    ("software", b"TSSE"),
    ("title", b"TIT2"),
];
const COMMENT: &[u8; 4] = b"COMM";
const USER_TEXT: &[u8; 4] = b"TXXX";
const HEADER_BYTES: usize = 10;
/// Largest tag that is read: our own limit and room for the cover pictures of others.
const MAX_TAG_BYTES: usize = 16 << 20;
/// The text encoding "UTF-8".
const UTF_8: u8 = 3;

/// The tags as the bytes that stand before the first MP3 frame; nothing for no tags.
pub(crate) fn to_bytes(tags: &Tags) -> Vec<u8> {
    if tags.is_empty() {
        return Vec::new();
    }
    let mut frames = Vec::new();
    for (key, value) in tags.iter() {
        let own = TEXT_FRAMES.iter().find(|(name, _)| *name == key);
        match (own, key) {
            (Some((_, id)), _) => push_frame(&mut frames, id, &[&[UTF_8], value.as_bytes()]),
            // Language unknown, no description: what players show as the comment.
            (None, "comment") => {
                push_frame(&mut frames, COMMENT, &[b"\x03und\0", value.as_bytes()]);
            }
            (None, _) => {
                let parts = [&[UTF_8], key.as_bytes(), &[0], value.as_bytes()];
                push_frame(&mut frames, USER_TEXT, &parts);
            }
        }
    }
    let mut tag = b"ID3\x04\x00\x00".to_vec();
    tag.extend(syncsafe(frames.len()));
    tag.extend(frames);
    tag
}

fn push_frame(frames: &mut Vec<u8>, id: &[u8; 4], parts: &[&[u8]]) {
    let content = parts.concat();
    frames.extend(id);
    frames.extend(syncsafe(content.len()));
    frames.extend([0, 0]);
    frames.extend(content);
}

/// A length of up to 28 bits as four bytes of seven bits each.
fn syncsafe(length: usize) -> [u8; 4] {
    debug_assert!(length < 1 << 28, "tags have at most 1 MiB");
    [21, 14, 7, 0].map(|shift| (length >> shift) as u8 & 0x7F)
}

/// Tags of an MP3 file that begins with `ID3`. I/O errors come back as [`Error::Output`].
pub(crate) fn read_tags(reader: &mut impl Read) -> Result<Tags> {
    let broken = |reason| Error::Tag {
        key: "*".into(),
        reason,
    };
    let mut header = [0; HEADER_BYTES];
    reader.read_exact(&mut header)?;
    let [_, _, _, version, _, flags, size @ ..] = header;
    if !matches!(version, 3 | 4) {
        return Ok(Tags::new());
    }
    let length = from_syncsafe(size).ok_or_else(|| broken("the length is not a length"))?;
    if length > MAX_TAG_BYTES {
        return Err(broken("the tag is larger than 16 MiB"));
    }
    let mut body = Vec::new();
    reader.by_ref().take(length as u64).read_to_end(&mut body)?;
    if flags & 0x80 != 0 && version == 3 {
        body = resynchronise(&body);
    }
    let start = match flags & 0x40 {
        0 => 0,
        _ => extended_header_bytes(&body, version).ok_or_else(|| broken("the tag is cut"))?,
    };
    let mut tags = Tags::new();
    let mut rest = body.get(start..).unwrap_or_default();
    while let Some((frame, after)) = next_frame(rest, version) {
        rest = after;
        read_frame(&frame, &mut tags)?;
    }
    Ok(tags)
}

struct Frame<'a> {
    id: [u8; 4],
    /// Whether the content is plain: neither compressed, encrypted, grouped nor unsynchronised.
    plain: bool,
    content: &'a [u8],
}

fn next_frame(bytes: &[u8], version: u8) -> Option<(Frame<'_>, &[u8])> {
    let (header, rest) = bytes.split_first_chunk::<HEADER_BYTES>()?;
    let [a, b, c, d, s0, s1, s2, s3, _, format] = *header;
    let id = [a, b, c, d];
    if !id
        .iter()
        .all(|c| c.is_ascii_uppercase() || c.is_ascii_digit())
    {
        return None; // padding
    }
    let size = match version {
        4 => from_syncsafe([s0, s1, s2, s3])?,
        _ => u32::from_be_bytes([s0, s1, s2, s3]) as usize,
    };
    let (content, after) = rest.split_at_checked(size)?;
    let plain = format == 0;
    Some((Frame { id, plain, content }, after))
}

fn read_frame(frame: &Frame<'_>, tags: &mut Tags) -> Result<()> {
    let Some((&encoding, text)) = frame.content.split_first().filter(|_| frame.plain) else {
        return Ok(());
    };
    let own = TEXT_FRAMES.iter().find(|(_, id)| **id == frame.id);
    let (key, value) = match (&frame.id, own) {
        (_, Some((key, _))) => ((*key).to_owned(), decode(encoding, text)),
        (COMMENT, _) => {
            let text = text.get(3..).unwrap_or_default();
            match split_description(encoding, text) {
                (description, value) if description.is_empty() => ("comment".to_owned(), value),
                _ => return Ok(()),
            }
        }
        (USER_TEXT, _) => split_description(encoding, text),
        _ => return Ok(()),
    };
    // Version 2.3 ends texts with NUL, 2.4 separates several with it.
    tags.insert_foreign(&key, value.trim_end_matches('\0'))
}

/// `description NUL value`, both in the frame's encoding.
fn split_description(encoding: u8, text: &[u8]) -> (String, String) {
    let wide = matches!(encoding, 1 | 2);
    let (width, end) = match wide {
        true => (2, text.chunks_exact(2).position(|pair| pair == [0, 0])),
        false => (1, text.iter().position(|&byte| byte == 0)),
    };
    let end = end.map_or(text.len(), |index| index * width);
    let value = text.get(end + width..).unwrap_or_default();
    (decode(encoding, &text[..end]), decode(encoding, value))
}

/// Text of the encodings 0 (Latin-1), 1 (UTF-16 with its byte order), 2 (UTF-16BE), 3 (UTF-8).
fn decode(encoding: u8, text: &[u8]) -> String {
    match encoding {
        1 | 2 => {
            let (big_endian, text) = match text {
                [0xFF, 0xFE, rest @ ..] => (false, rest),
                [0xFE, 0xFF, rest @ ..] => (true, rest),
                _ => (encoding == 2, text),
            };
            let unit = |pair: &[u8; 2]| match big_endian {
                true => u16::from_be_bytes(*pair),
                false => u16::from_le_bytes(*pair),
            };
            let units: Vec<u16> = text.as_chunks::<2>().0.iter().map(unit).collect();
            String::from_utf16_lossy(&units)
        }
        UTF_8 => String::from_utf8_lossy(text).into_owned(),
        _ => text.iter().map(|&byte| char::from(byte)).collect(),
    }
}

fn from_syncsafe(bytes: [u8; 4]) -> Option<usize> {
    let add = |sum: usize, &byte: &u8| (byte < 0x80).then_some(sum << 7 | usize::from(byte));
    bytes.iter().try_fold(0, add)
}

/// Undoes the unsynchronisation of a whole 2.3 tag: `FF 00` stood for `FF`.
fn resynchronise(body: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(body.len());
    for (index, &byte) in body.iter().enumerate() {
        if byte != 0 || index == 0 || body[index - 1] != 0xFF {
            out.push(byte);
        }
    }
    out
}

fn extended_header_bytes(body: &[u8], version: u8) -> Option<usize> {
    let size = *body.first_chunk::<4>()?;
    match version {
        4 => from_syncsafe(size), // counts itself
        _ => usize::try_from(u32::from_be_bytes(size))
            .ok()?
            .checked_add(4),
    }
}

const _: () = assert!(tags::MAX_BYTES + tags::MAX_TAGS * 128 < 1 << 28);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_bytes_are_those_of_the_standard() {
        let mut tags = Tags::new();
        tags.insert("title", "Blå").unwrap();
        tags.insert("seed", "7").unwrap();
        let expected = b"ID3\x04\x00\x00\x00\x00\x00\x20\
            TXXX\x00\x00\x00\x07\x00\x00\x03seed\x007\
            TIT2\x00\x00\x00\x05\x00\x00\x03Bl\xC3\xA5";
        assert_eq!(to_bytes(&tags), expected);
        assert!(to_bytes(&Tags::new()).is_empty());
    }

    #[test]
    fn version_2_3_of_others_is_read() {
        // UTF-16 with byte order, a Latin-1 comment with and without description, a picture.
        let frames: &[(&[u8; 4], &[u8])] = &[
            (b"TIT2", b"\x01\xFF\xFEM\0\xF8\0n\0"),
            (b"COMM", b"\0eng\0caf\xE9\0"),
            (b"COMM", b"\0engiTunNORM\0 0000"),
            (b"APIC", b"\0image/png\0\x03\0...."),
            (b"TXXX", b"\x01\xFF\xFEk\0e\0y\0\0\0\xFF\xFEv\0"),
        ];
        let mut body = Vec::new();
        for (id, content) in frames {
            body.extend(*id);
            body.extend((content.len() as u32).to_be_bytes());
            body.extend([0, 0]);
            body.extend(*content);
        }
        body.extend([0; 32]);
        let mut tag = b"ID3\x03\0\0".to_vec();
        tag.extend(syncsafe(body.len()));
        tag.extend(body);
        let tags = read_tags(&mut tag.as_slice()).unwrap();
        let found: Vec<_> = tags.iter().collect();
        assert_eq!(found, [("comment", "café"), ("key", "v"), ("title", "Møn")]);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            pairs in prop::collection::btree_map("[a-z0-9_.-]{1,20}", "[^\0]{0,40}", 0..8),
        ) {
            let mut tags = Tags::new();
            for (key, value) in &pairs {
                tags.insert(key, value).unwrap();
            }
            let bytes = to_bytes(&tags);
            if !tags.is_empty() {
                prop_assert_eq!(read_tags(&mut bytes.as_slice()).unwrap(), tags);
            }
        }

        #[test]
        fn no_bytes_make_it_panic(body in prop::collection::vec(any::<u8>(), 0..300)) {
            let mut tag = b"ID3".to_vec();
            tag.extend(body);
            let _ = read_tags(&mut tag.as_slice());
        }
    }
}
