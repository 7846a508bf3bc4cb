//! Which part of an MP4's sound is music, and which is the encoder's lead-in and filling.
//!
//! The edit list of ISO/IEC 14496-12, section 8.6.6, and the older iTunes note `iTunSMPB`. One
//! continuous edit is understood; films with many cuts are not.

/// The part of the decoded sound that is to be heard, in ticks of two clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Edit {
    start: u64,
    start_per_s: u32,
    length: u64,
    length_per_s: u32,
}

impl Edit {
    /// First frame to be heard at `sample_rate`.
    pub(crate) fn start_frame(&self, sample_rate: u32) -> u64 {
        rescale(self.start, self.start_per_s, sample_rate)
    }

    /// Number of frames to be heard at `sample_rate`; none if the edit lasts to the end.
    pub(crate) fn num_frames(&self, sample_rate: u32) -> Option<u64> {
        (self.length > 0).then(|| rescale(self.length, self.length_per_s, sample_rate))
    }
}

fn rescale(ticks: u64, per_s: u32, sample_rate: u32) -> u64 {
    let frames = (u128::from(ticks) * u128::from(sample_rate) * 2 + u128::from(per_s))
        / (2 * u128::from(per_s.max(1)));
    u64::try_from(frames).unwrap_or(u64::MAX)
}

/// Whether `bytes` are an MP4 file that was cut before the index at its end.
pub(crate) fn lacks_index(bytes: &[u8]) -> bool {
    bytes.get(4..8) == Some(b"ftyp") && child(bytes, b"moov").is_none()
}

/// The edit of the first sound track; none where the file gives none, or more than one.
pub(crate) fn edit(bytes: &[u8]) -> Option<Edit> {
    if bytes.get(4..8) != Some(b"ftyp") {
        return None;
    }
    let moov = child(bytes, b"moov")?;
    let movie_per_s = timescale(child(moov, b"mvhd")?)?;
    let track = boxes(moov)
        .filter(|(kind, _)| kind == b"trak")
        .map(|(_, track)| track)
        .find(|track| {
            let handler = child(track, b"mdia").and_then(|media| child(media, b"hdlr"));
            handler.and_then(|handler| handler.get(8..12)) == Some(b"soun")
        })?;
    let media_header = child(child(track, b"mdia")?, b"mdhd")?;
    let media_per_s = timescale(media_header)?;
    let in_media_ticks = |start, length| Edit {
        start,
        start_per_s: media_per_s,
        length,
        length_per_s: media_per_s,
    };
    let listed = child(track, b"edts").and_then(|edits| single_edit(child(edits, b"elst")?));
    match (listed, itunes_note(moov)) {
        (None | Some((0, _)), Some((start, length))) => Some(in_media_ticks(start, length)),
        (Some((start, length)), _) => {
            // The movie's clock often ticks in milliseconds; the media's own length is exact.
            let rest = duration(media_header).unwrap_or(0).saturating_sub(start);
            let rounded = rescale(rest, media_per_s, movie_per_s);
            if rest > 0 && rounded.abs_diff(length) <= 1 {
                return Some(in_media_ticks(start, rest));
            }
            Some(Edit {
                start,
                start_per_s: media_per_s,
                length,
                length_per_s: movie_per_s,
            })
        }
        (None, None) => None,
    }
}

/// The boxes in `bytes` with their content, until one does not fit.
fn boxes(bytes: &[u8]) -> impl Iterator<Item = ([u8; 4], &[u8])> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let (head, _) = rest.split_first_chunk::<8>()?;
        let [a, b, c, d, kind @ ..] = *head;
        let (header, length) = match u32::from_be_bytes([a, b, c, d]) {
            0 => (8, rest.len()),
            1 => (16, usize::try_from(number::<8>(rest, 8)?).ok()?),
            length => (8, length as usize),
        };
        let content = rest.get(header..length)?;
        rest = &rest[length..];
        Some((kind, content))
    })
}

fn child<'a>(bytes: &'a [u8], kind: &[u8; 4]) -> Option<&'a [u8]> {
    boxes(bytes)
        .find(|(found, _)| found == kind)
        .map(|(_, content)| content)
}

/// A big-endian number of `N` bytes at `offset`.
fn number<const N: usize>(bytes: &[u8], offset: usize) -> Option<u64> {
    let digits = bytes.get(offset..offset.checked_add(N)?)?;
    Some(
        digits
            .iter()
            .fold(0, |value, &digit| value << 8 | u64::from(digit)),
    )
}

/// Ticks per second in a `mvhd` or `mdhd` box, whose dates have 4 or 8 bytes.
fn timescale(header: &[u8]) -> Option<u32> {
    let offset = if header.first() == Some(&1) { 20 } else { 12 };
    u32::try_from(number::<4>(header, offset)?)
        .ok()
        .filter(|&per_s| per_s > 0)
}

/// Length in ticks, from the same boxes.
fn duration(header: &[u8]) -> Option<u64> {
    let wide = header.first() == Some(&1);
    if wide {
        number::<8>(header, 24)
    } else {
        number::<4>(header, 16)
    }
}

/// Start in the media's ticks and length in the movie's, if there is one edit at normal speed.
fn single_edit(list: &[u8]) -> Option<(u64, u64)> {
    let wide = list.first() == Some(&1);
    let entry_bytes = if wide { 20 } else { 12 };
    let num_entries = usize::try_from(number::<4>(list, 4)?).ok()?;
    let table = list.get(8..)?;
    let entries = table.chunks_exact(entry_bytes).take(num_entries);
    let mut edits = entries.filter_map(|entry| {
        let (length, start, empty) = if wide {
            (number::<8>(entry, 0)?, number::<8>(entry, 8)?, u64::MAX)
        } else {
            (
                number::<4>(entry, 0)?,
                number::<4>(entry, 4)?,
                u64::from(u32::MAX),
            )
        };
        (start != empty).then_some((start, length, number::<4>(entry, entry_bytes - 4)?))
    });
    match (edits.next(), edits.next()) {
        (Some((start, length, 0x0001_0000)), None) => Some((start, length)),
        _ => None,
    }
}

/// Delay and length in frames: ` 00000000 00000840 000001CA 00000000003F31F6 ..` in hexadecimal.
fn itunes_note(moov: &[u8]) -> Option<(u64, u64)> {
    let position = moov.windows(8).position(|window| window == b"iTunSMPB")?;
    let note = moov.get(position + 8..)?;
    let start = note.iter().take(64).position(|&byte| byte == b' ')?;
    let text = std::str::from_utf8(note.get(start..start + 44)?).ok()?;
    let mut fields = text
        .split_ascii_whitespace()
        .map(|field| u64::from_str_radix(field, 16));
    let (_, delay, _padding, length) = (
        fields.next()?.ok()?,
        fields.next()?.ok()?,
        fields.next()?.ok()?,
        fields.next()?.ok()?,
    );
    Some((delay, length))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn atom(kind: &[u8; 4], content: &[u8]) -> Vec<u8> {
        let length = (content.len() as u32 + 8).to_be_bytes();
        [&length[..], kind, content].concat()
    }

    fn clock(per_s: u32, duration: u32) -> Vec<u8> {
        [&[0; 12][..], &per_s.to_be_bytes(), &duration.to_be_bytes()].concat()
    }

    fn file(edit_list: &[u8], note: &[u8]) -> Vec<u8> {
        let handler = atom(b"hdlr", b"\0\0\0\0\0\0\0\0soun");
        let media = atom(
            b"mdia",
            &[atom(b"mdhd", &clock(44_100, 221_511)), handler].concat(),
        );
        let track = atom(b"trak", &[media, edit_list.to_vec()].concat());
        let moov = [atom(b"mvhd", &clock(1000, 0)), track, note.to_vec()].concat();
        [atom(b"ftyp", b"M4A "), atom(b"moov", &moov)].concat()
    }

    fn edit_list(entries: &[(u32, u32)]) -> Vec<u8> {
        let mut list = vec![0; 4];
        list.extend((entries.len() as u32).to_be_bytes());
        for (length, start) in entries {
            list.extend(length.to_be_bytes());
            list.extend(start.to_be_bytes());
            list.extend([0, 1, 0, 0]);
        }
        atom(b"edts", &atom(b"elst", &list))
    }

    #[test]
    fn an_edit_list_gives_start_and_length() {
        let found = edit(&file(&edit_list(&[(5000, 1024)]), b"")).unwrap();
        assert_eq!(found.start_frame(44_100), 1024);
        // 5 s and 1024 frames, less the 13 that milliseconds cannot tell.
        assert_eq!(found.num_frames(44_100), Some(220_487));
        let shorter = edit(&file(&edit_list(&[(4000, 1024)]), b"")).unwrap();
        assert_eq!(shorter.num_frames(44_100), Some(176_400));
        assert_eq!(found.start_frame(22_050), 512);
    }

    #[test]
    fn an_itunes_note_counts_where_there_is_no_edit() {
        let note = b"iTunSMPB\0\0\0\x84data\0\0\0\x01\0\0\0\0 00000000 00000840 000001CA 00000000003F31F6 0";
        let found = edit(&file(b"", note)).unwrap();
        assert_eq!(found.start_frame(44_100), 0x840);
        assert_eq!(found.num_frames(44_100), Some(0x3F_31F6));
    }

    #[test]
    fn several_edits_and_none_are_no_edit() {
        assert_eq!(edit(&file(b"", b"")), None);
        assert_eq!(edit(&file(&edit_list(&[(10, 0), (10, 900)]), b"")), None);
        assert_eq!(edit(b"RIFF....WAVE"), None);
    }

    #[test]
    fn a_cut_file_never_panics() {
        let whole = file(&edit_list(&[(5000, 1024)]), b" iTunSMPB 00000000 00000840");
        for length in 0..whole.len() {
            let _ = edit(&whole[..length]);
        }
    }
}
