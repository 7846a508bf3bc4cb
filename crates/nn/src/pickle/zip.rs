//! The zip container of a PyTorch checkpoint, read strictly: every entry stored as it is, one after
//! the other, each where both its own header and the directory say.
//!
//! Source: PKWARE APPNOTE 6.3.10. Not here: compression, encryption, archives in several parts,
//! comments, bytes in front of or behind the archive: PyTorch writes none of them.

use std::collections::HashMap;
use std::io::{Read, Seek};
use std::sync::{Mutex, PoisonError};

use super::crc32::Crc32;
use super::directory::{Listed, bad, list, read_at};
use super::error::Problem;

const LOCAL_HEADER: u32 = 0x0403_4b50;
/// Bytes of a local header before its name.
const LOCAL_LEN: u64 = 30;
/// The longest data descriptor, which may follow an entry: signature, checksum, two 64-bit sizes.
const MAX_DESCRIPTOR: u64 = 24;
/// Sizes and checksum follow the entry; the local header has zeros.
const FLAG_DESCRIPTOR: u16 = 1 << 3;
/// Bytes read at a time where an entry is only checked.
const CHUNK: usize = 1 << 20;

/// Where the bytes of one entry are in the file.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry {
    pub(super) offset: u64,
    pub(super) size: u64,
    /// As recorded; 0 where the writer left it out (`set_crc32_options(False)`).
    crc: u32,
}

/// An opened archive. Entries go by their name without the archive's one top folder.
#[derive(Debug)]
pub(super) struct Archive<R> {
    reader: Mutex<R>,
    entries: HashMap<String, Entry>,
}

impl<R: Read + Seek> Archive<R> {
    /// Reads the directory and every local header of an archive of `len` bytes.
    pub(super) fn open(mut reader: R, len: u64) -> Result<Self, Problem> {
        let (mut listed, directory_at) = list(&mut reader, len)?;
        listed.sort_unstable_by_key(|entry| entry.header_at);
        if let Some(first) = listed.first().filter(|first| first.header_at != 0) {
            return Err(bad(
                first.header_at,
                "bytes stand in front of the first entry",
            ));
        }
        let top = top_folder(&listed)?;
        let mut entries = HashMap::with_capacity(listed.len());
        for (index, entry) in listed.iter().enumerate() {
            let end = listed
                .get(index + 1)
                .map_or(directory_at, |next| next.header_at);
            let place = locate(&mut reader, entry, end)?;
            if entries
                .insert(entry.name[top..].to_owned(), place)
                .is_some()
            {
                return Err(fault(entry, "is there twice"));
            }
        }
        Ok(Self {
            reader: Mutex::new(reader),
            entries,
        })
    }

    pub(super) fn entry(&self, name: &str) -> Option<Entry> {
        self.entries.get(name).copied()
    }

    /// Fills `out` from the bytes of `entry` that start at `offset`.
    pub(super) fn read(&self, entry: Entry, offset: u64, out: &mut [u8]) -> Result<(), Problem> {
        let inside = offset
            .checked_add(out.len() as u64)
            .is_some_and(|end| end <= entry.size);
        if !inside {
            return Err(bad(entry.offset, "an entry ends too early"));
        }
        // A panic elsewhere cannot leave the reader in a bad state: every read seeks first.
        let mut reader = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
        read_at(&mut *reader, entry.offset + offset, out)
    }

    /// The bytes of a small entry, checked against their checksum.
    pub(super) fn read_all(&self, name: &str, max_len: u64) -> Result<Vec<u8>, Problem> {
        let entry = self.entry(name).ok_or(Problem::Entry {
            entry: name.to_owned(),
            fault: "is missing: this is not a checkpoint of torch.save",
        })?;
        if entry.size > max_len {
            let what = "bytes of pickle";
            return Err(Problem::Limit {
                what,
                found: entry.size,
                limit: max_len,
            });
        }
        let mut bytes = vec![0; entry.size as usize];
        self.read(entry, 0, &mut bytes)?;
        entry.check(name, Crc32::of(&bytes))?;
        Ok(bytes)
    }

    /// Reads every entry once, in the order of the file, and compares its checksum.
    pub(super) fn verify(&self) -> Result<(), Problem> {
        let mut entries: Vec<_> = self.entries.iter().collect();
        entries.sort_unstable_by_key(|(_, entry)| entry.offset);
        let mut chunk = vec![0; CHUNK];
        for (name, &entry) in entries {
            let (mut crc, mut done) = (Crc32::default(), 0);
            while done < entry.size {
                let part = &mut chunk[..(entry.size - done).min(CHUNK as u64) as usize];
                self.read(entry, done, part)?;
                crc.update(part);
                done += part.len() as u64;
            }
            entry.check(name, crc.value)?;
        }
        Ok(())
    }
}

impl Entry {
    fn check(&self, name: &str, crc: u32) -> Result<(), Problem> {
        if self.crc != 0 && self.crc != crc {
            let fault = "does not have its recorded checksum; download the file again";
            return Err(Problem::Entry {
                entry: name.to_owned(),
                fault,
            });
        }
        Ok(())
    }
}

/// Where the data of an entry is, which must end by `end`, where the next thing starts.
fn locate<R: Read + Seek>(reader: &mut R, entry: &Listed, end: u64) -> Result<Entry, Problem> {
    let name_len = entry.name.len();
    let header_end = entry.header_at.checked_add(LOCAL_LEN + name_len as u64);
    let Some(header_end) = header_end.filter(|&header_end| header_end <= end) else {
        return Err(fault(entry, "overlaps what follows it"));
    };
    let mut header = [0; LOCAL_LEN as usize];
    read_at(reader, entry.header_at, &mut header)?;
    let mut name = vec![0; name_len];
    read_at(reader, entry.header_at + LOCAL_LEN, &mut name)?;
    let u16_at = |at: usize| u16::from_le_bytes([header[at], header[at + 1]]);
    let u32_at = |at: usize| u32::from(u16_at(at)) | u32::from(u16_at(at + 2)) << 16;

    if u32_at(0) != LOCAL_HEADER {
        return Err(fault(entry, "has no header where the directory says"));
    }
    if usize::from(u16_at(26)) != name_len || name != entry.name.as_bytes() {
        return Err(fault(entry, "has another name in its own header"));
    }
    let described = u16_at(6) & FLAG_DESCRIPTOR != 0;
    let agrees = |local: u32, listed: u64| {
        u64::from(local) == listed || local == u32::MAX || (described && local == 0)
    };
    let same = u16_at(6) == entry.flags
        && u16_at(8) == 0
        && (u32_at(14) == entry.crc || (described && u32_at(14) == 0))
        && agrees(u32_at(18), entry.size)
        && agrees(u32_at(22), entry.size);
    if !same {
        return Err(fault(
            entry,
            "has another size, method or checksum in its own header",
        ));
    }
    let offset = header_end + u64::from(u16_at(28));
    let Some(left) = offset
        .checked_add(entry.size)
        .and_then(|data_end| end.checked_sub(data_end))
    else {
        return Err(fault(entry, "overlaps what follows it"));
    };
    if left > if described { MAX_DESCRIPTOR } else { 0 } {
        return Err(fault(entry, "is followed by bytes that belong to nothing"));
    }
    Ok(Entry {
        offset,
        size: entry.size,
        crc: entry.crc,
    })
}

/// Length of the top folder that all names share, with its slash.
fn top_folder(listed: &[Listed]) -> Result<usize, Problem> {
    let Some(first) = listed.first() else {
        return Err(bad(0, "it has no entries"));
    };
    let top = first
        .name
        .find('/')
        .map_or("", |slash| &first.name[..=slash]);
    for entry in listed {
        let name = &entry.name;
        let unsafe_part = |part: &str| matches!(part, "" | "." | "..");
        if name.contains(['\\', '\0']) || name.split('/').any(unsafe_part) {
            return Err(fault(
                entry,
                "has a name that could leave the archive's folder",
            ));
        }
        if top.is_empty() || !name.starts_with(top) {
            return Err(fault(
                entry,
                "is not in the one folder of a PyTorch archive",
            ));
        }
    }
    Ok(top.len())
}

fn fault(entry: &Listed, fault: &'static str) -> Problem {
    Problem::Entry {
        entry: entry.name.clone(),
        fault,
    }
}
