//! The directory at the end of a zip archive: which entries there are, and where.
//!
//! Source: PKWARE APPNOTE 6.3.10, sections 4.3.12 to 4.3.16 and 4.5.3 (zip64).

use std::io::{Read, Seek, SeekFrom};

use super::error::Problem;

/// A PyTorch archive has one entry per storage, and a handful of others.
const MAX_ENTRIES: u64 = 1 << 16;
const MAX_DIRECTORY_LEN: u64 = 8 << 20;
const MAX_NAME_LEN: usize = 256;

const END: u32 = 0x0605_4b50;
const END_LEN: u64 = 22;
const LOCATOR: u32 = 0x0706_4b50;
const LOCATOR_LEN: u64 = 20;
const END64: u32 = 0x0606_4b50;
const END64_LEN: u64 = 56;
const FILE_HEADER: u32 = 0x0201_4b50;
/// Encrypted, patched, strongly encrypted, masked.
const FORBIDDEN_FLAGS: u16 = 1 | 1 << 5 | 1 << 6 | 1 << 13;
const ZIP64_EXTRA: u16 = 1;

/// One entry as the directory has it.
#[derive(Debug)]
pub(super) struct Listed {
    pub(super) name: String,
    pub(super) flags: u16,
    pub(super) crc: u32,
    pub(super) size: u64,
    /// Byte of the file where its local header should be.
    pub(super) header_at: u64,
}

/// The directory's place.
struct Place {
    at: u64,
    len: u64,
    entries: u64,
}

/// All entries of an archive of `len` bytes in the order of the directory, and where that starts.
pub(super) fn list<R: Read + Seek>(
    reader: &mut R,
    len: u64,
) -> Result<(Vec<Listed>, u64), Problem> {
    let place = find(reader, len)?;
    let over = |what, found, limit| Err(Problem::Limit { what, found, limit });
    if place.entries > MAX_ENTRIES {
        return over("zip entries", place.entries, MAX_ENTRIES);
    }
    if place.len > MAX_DIRECTORY_LEN {
        return over("bytes of zip directory", place.len, MAX_DIRECTORY_LEN);
    }
    let mut bytes = vec![0; place.len as usize];
    read_at(reader, place.at, &mut bytes)?;
    let mut fields = Fields {
        rest: &bytes,
        at: place.at,
    };
    let mut listed = Vec::new();
    for _ in 0..place.entries {
        listed.push(file_header(&mut fields)?);
    }
    if !fields.rest.is_empty() {
        return Err(bad(
            fields.at,
            "the directory has more entries than it declares",
        ));
    }
    Ok((listed, place.at))
}

/// Finds the directory by the records at the very end of the file.
fn find<R: Read + Seek>(reader: &mut R, len: u64) -> Result<Place, Problem> {
    let Some(end_at) = len.checked_sub(END_LEN) else {
        return Err(bad(len, "it is cut short"));
    };
    let mut bytes = [0; END_LEN as usize];
    read_at(reader, end_at, &mut bytes)?;
    let mut end = Fields {
        rest: &bytes,
        at: end_at,
    };
    if end.u32()? != END {
        return Err(bad(end_at, "it is cut short, or has bytes behind its end"));
    }
    if (end.u16()?, end.u16()?) != (0, 0) {
        return Err(bad(end_at, "it is one part of several"));
    }
    let (entries_here, entries) = (u64::from(end.u16()?), u64::from(end.u16()?));
    let (size, at) = (u64::from(end.u32()?), u64::from(end.u32()?));
    if end.u16()? != 0 {
        return Err(bad(end_at, "it has a comment"));
    }
    let short = Place {
        at,
        len: size,
        entries,
    };
    let (place, stop) = match find64(reader, end_at)? {
        Some((long, stop)) => {
            let agrees = |short: u64, long: u64, full: u64| short == long || short == full;
            let full = u64::from(u32::MAX);
            let same = agrees(short.at, long.at, full)
                && agrees(short.len, long.len, full)
                && agrees(short.entries, long.entries, u64::from(u16::MAX))
                && agrees(entries_here, long.entries, u64::from(u16::MAX));
            if !same {
                return Err(bad(stop, "its two end records disagree"));
            }
            (long, stop)
        }
        None if entries_here != entries => {
            return Err(bad(end_at, "it is one part of several"));
        }
        None => (short, end_at),
    };
    if place.at.checked_add(place.len) != Some(stop) {
        return Err(bad(
            end_at,
            "the directory is not where the end record says",
        ));
    }
    Ok(place)
}

/// The place by the zip64 records, if they are there, and where those start.
fn find64<R: Read + Seek>(reader: &mut R, end_at: u64) -> Result<Option<(Place, u64)>, Problem> {
    let Some(locator_at) = end_at.checked_sub(LOCATOR_LEN) else {
        return Ok(None);
    };
    let mut bytes = [0; LOCATOR_LEN as usize];
    read_at(reader, locator_at, &mut bytes)?;
    let mut locator = Fields {
        rest: &bytes,
        at: locator_at,
    };
    if locator.u32()? != LOCATOR {
        return Ok(None);
    }
    let (disk, end64_at, disks) = (locator.u32()?, locator.u64()?, locator.u32()?);
    if disk != 0 || disks > 1 {
        return Err(bad(locator_at, "it is one part of several"));
    }
    if end64_at.checked_add(END64_LEN) != Some(locator_at) {
        return Err(bad(
            locator_at,
            "the zip64 end record is not in front of its locator",
        ));
    }
    let mut bytes = [0; END64_LEN as usize];
    read_at(reader, end64_at, &mut bytes)?;
    let mut end = Fields {
        rest: &bytes,
        at: end64_at,
    };
    let (signature, rest_len) = (end.u32()?, end.u64()?);
    if signature != END64 || rest_len != END64_LEN - 12 {
        return Err(bad(end64_at, "the zip64 end record is malformed"));
    }
    let _versions = end.u32()?;
    if (end.u32()?, end.u32()?) != (0, 0) {
        return Err(bad(end64_at, "it is one part of several"));
    }
    let (entries_here, entries) = (end.u64()?, end.u64()?);
    if entries_here != entries {
        return Err(bad(end64_at, "it is one part of several"));
    }
    let (len, at) = (end.u64()?, end.u64()?);
    Ok(Some((Place { at, len, entries }, end64_at)))
}

/// One file header of the directory.
fn file_header(fields: &mut Fields<'_>) -> Result<Listed, Problem> {
    let header_at = fields.at;
    if fields.u32()? != FILE_HEADER {
        return Err(bad(header_at, "an entry of the directory is malformed"));
    }
    let _versions = fields.u32()?;
    let (flags, method) = (fields.u16()?, fields.u16()?);
    let _time_and_date = fields.u32()?;
    let (crc, stored, size) = (fields.u32()?, fields.u32()?, fields.u32()?);
    let (name_len, extra_len) = (usize::from(fields.u16()?), usize::from(fields.u16()?));
    let (comment_len, disk) = (usize::from(fields.u16()?), fields.u16()?);
    let _attributes = fields.take(6)?;
    let local_at = fields.u32()?;
    let name = fields.take(name_len)?;
    let mut extra = Fields {
        at: fields.at,
        rest: fields.take(extra_len)?,
    };
    fields.take(comment_len)?;

    if name_len > MAX_NAME_LEN {
        let (found, limit) = (name_len as u64, MAX_NAME_LEN as u64);
        return Err(Problem::Limit {
            what: "bytes in the name of a zip entry",
            found,
            limit,
        });
    }
    let Ok(name) = str::from_utf8(name) else {
        return Err(bad(header_at, "the name of an entry is not UTF-8"));
    };
    let name = name.to_owned();
    let refuse = |fault| {
        Err(Problem::Entry {
            entry: name.clone(),
            fault,
        })
    };
    if flags & FORBIDDEN_FLAGS != 0 {
        return refuse("is encrypted or patched");
    }
    if method != 0 {
        return refuse("is compressed, which torch.save never does; re-save the file with torch");
    }
    if disk != 0 {
        return refuse("is in another part of the archive");
    }
    let mut long = zip64_extra(&mut extra)?;
    let mut widen = |short: u32| match short {
        u32::MAX => long.u64(),
        short => Ok(u64::from(short)),
    };
    // The order of the zip64 field is that of the standard: size, stored size, header.
    let (size, stored, header_at) = (widen(size)?, widen(stored)?, widen(local_at)?);
    if size != stored {
        return refuse("is stored but has two sizes");
    }
    Ok(Listed {
        name,
        flags,
        crc,
        size,
        header_at,
    })
}

/// The contents of the zip64 extra field; empty if there is none.
fn zip64_extra<'a>(extra: &mut Fields<'a>) -> Result<Fields<'a>, Problem> {
    while !extra.rest.is_empty() {
        let (id, len) = (extra.u16()?, usize::from(extra.u16()?));
        let field = Fields {
            at: extra.at,
            rest: extra.take(len)?,
        };
        if id == ZIP64_EXTRA {
            return Ok(field);
        }
    }
    Ok(Fields {
        rest: &[],
        at: extra.at,
    })
}

/// Little-endian numbers from the front of some bytes.
struct Fields<'a> {
    rest: &'a [u8],
    /// Byte of the file at which `rest` starts.
    at: u64,
}

impl<'a> Fields<'a> {
    fn take(&mut self, len: usize) -> Result<&'a [u8], Problem> {
        let Some((taken, rest)) = self.rest.split_at_checked(len) else {
            return Err(bad(self.at, "a record ends too early"));
        };
        self.rest = rest;
        self.at += len as u64;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Problem> {
        Ok(self
            .take(N)?
            .try_into()
            .expect("take gives as many bytes as asked"))
    }

    fn u16(&mut self) -> Result<u16, Problem> {
        Ok(u16::from_le_bytes(self.array()?))
    }

    fn u32(&mut self) -> Result<u32, Problem> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    fn u64(&mut self) -> Result<u64, Problem> {
        Ok(u64::from_le_bytes(self.array()?))
    }
}

/// Fills `out` from byte `at` of the file.
pub(super) fn read_at<R: Read + Seek>(
    reader: &mut R,
    at: u64,
    out: &mut [u8],
) -> Result<(), Problem> {
    reader
        .seek(SeekFrom::Start(at))
        .and_then(|_| reader.read_exact(out))
        .map_err(|source| Problem::Io {
            action: "read the file",
            source,
        })
}

/// The archive contradicts itself at byte `at`.
pub(super) fn bad(at: u64, fault: &'static str) -> Problem {
    Problem::Archive { at, fault }
}
