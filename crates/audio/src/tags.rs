//! Text that travels inside an audio file: the prompt, the seed, the plan that made it.
//!
//! In WAV files the tags are a RIFF `INFO` list for other programs and an `mtag` chunk with all of
//! them as JSON; in FLAC and Ogg Opus files they are Vorbis comments
//! (<https://xiph.org/vorbis/doc/v-comment.html>), in MP3 files ID3v2 frames. What is written is read
//! back to the byte. Pictures and the tags of MP4 and Ogg Vorbis are not read.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use crate::{Error, Result, flac, id3, opus, wav};

/// Most tags in one file.
pub const MAX_TAGS: usize = 256;
/// Most bytes of all keys and values of one file together: 1 MiB.
pub const MAX_BYTES: usize = 1 << 20;
const MAX_KEY_BYTES: usize = 64;

/// Tags of one file, in the order of their keys.
///
/// A key has 1 to 64 characters of `a-z`, `0-9`, `_`, `-` and `.`; a value is any text. The keys
/// `title`, `artist`, `comment`, `software`, `date` and `genre` are those that players show.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
#[serde(transparent)]
pub struct Tags(BTreeMap<String, String>);

impl Tags {
    /// No tags.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets `key` to `value` and forgets the value it had.
    pub fn insert(&mut self, key: &str, value: impl Into<String>) -> Result<()> {
        let value = value.into();
        let refuse = |reason| {
            Err(Error::Tag {
                key: key.chars().take(80).collect(),
                reason,
            })
        };
        let allowed = |c: u8| matches!(c, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-' | b'.');
        if !(1..=MAX_KEY_BYTES).contains(&key.len()) || !key.bytes().all(allowed) {
            return refuse("a key has 1 to 64 characters of a-z, 0-9, _, - and .");
        }
        let others = || self.0.iter().filter(|(other, _)| *other != key);
        let bytes: usize = others().map(|(key, value)| key.len() + value.len()).sum();
        if others().count() + 1 > MAX_TAGS {
            return refuse("there are more than 256 tags");
        }
        if bytes.saturating_add(key.len() + value.len()) > MAX_BYTES {
            return refuse("all tags together have more than 1 MiB");
        }
        self.0.insert(key.to_owned(), value);
        Ok(())
    }

    /// Value of `key`.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str)
    }

    /// Keys and values, ordered by key.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// Number of tags.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are no tags.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(&self.0).expect("a map from text to text is always JSON")
    }

    pub(crate) fn from_json(json: &[u8]) -> Result<Self> {
        let parsed = serde_json::from_slice::<BTreeMap<String, String>>(json);
        let map = parsed.map_err(|_| Error::Tag {
            key: "mtag".into(),
            reason: "the chunk is not a JSON object of texts",
        })?;
        let mut tags = Self::new();
        map.into_iter()
            .try_for_each(|(key, value)| tags.insert(&key, value))?;
        Ok(tags)
    }

    /// Adds a tag of a file that someone else wrote: its key is lowered, a repeated key keeps all
    /// its values, and a key that cannot be one of ours is left out.
    pub(crate) fn insert_foreign(&mut self, key: &str, value: &str) -> Result<()> {
        let key = key.to_ascii_lowercase().replace(' ', "_");
        let value = match self.get(&key) {
            Some(before) if before != value => format!("{before}; {value}"),
            _ => value.to_owned(),
        };
        match self.insert(&key, value) {
            Err(Error::Tag { reason, .. }) if reason.starts_with("a key") => Ok(()),
            other => other,
        }
    }
}

/// Tags of a WAV, FLAC, MP3 or Ogg Opus file, known by its content. A file without tags gives none.
///
/// Refuses other formats, files whose structure is broken before the tags, and more tags than
/// [`MAX_TAGS`] or [`MAX_BYTES`].
pub fn read(path: &Path) -> Result<Tags> {
    let open = |source| Error::Open {
        path: path.into(),
        source,
    };
    let mut reader = BufReader::new(File::open(path).map_err(open)?);
    read_from(path, &mut reader)
}

/// [`read`] from anything that can be read and sought; `name` stands for the path in errors.
pub fn read_from(name: &Path, reader: &mut (impl Read + Seek)) -> Result<Tags> {
    let failed = |source: std::io::Error| match source.kind() {
        std::io::ErrorKind::UnexpectedEof => Error::Damaged {
            path: name.into(),
            reason: "the file ends inside its header".into(),
        },
        _ => Error::Read {
            path: name.into(),
            source,
        },
    };
    let mut magic = [0; 4];
    reader.read_exact(&mut magic).map_err(failed)?;
    reader.seek(SeekFrom::Start(0)).map_err(failed)?;
    let tags = match &magic {
        b"RIFF" => wav::read_tags(reader),
        b"fLaC" => flac::read_tags(reader),
        b"OggS" => opus::read_tags(reader),
        [b'I', b'D', b'3', _] => id3::read_tags(reader),
        [0xFF, second, ..] if second & 0xE0 == 0xE0 => return Ok(Tags::new()), // MP3 without ID3
        _ => {
            return Err(Error::Unsupported {
                path: name.into(),
                format: "neither WAV, FLAC, MP3 nor Ogg".into(),
                remedy: "tags are read from these only",
            });
        }
    };
    tags.map_err(|error| match error {
        Error::Output(source) => failed(source),
        other => other,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_sizes_are_limited() {
        let mut tags = Tags::new();
        for key in ["", "Prompt", "a b", "ä", "a=b", &"k".repeat(65)] {
            assert!(
                matches!(tags.insert(key, "x"), Err(Error::Tag { .. })),
                "{key}"
            );
        }
        tags.insert("plan", "x".repeat(MAX_BYTES - 4)).unwrap();
        assert!(tags.insert("seed", "1").is_err());
        tags.insert("plan", "short again").unwrap();
        for number in 0..MAX_TAGS - 1 {
            tags.insert(&number.to_string(), "").unwrap();
        }
        assert!(tags.insert("one-too-many", "").is_err());
        assert_eq!(tags.len(), MAX_TAGS);
    }

    #[test]
    fn foreign_keys_are_lowered_and_repeats_are_joined() {
        let mut tags = Tags::new();
        for (key, value) in [
            ("ARTIST", "Bach"),
            ("Artist", "Busoni"),
            ("Ä", "lost"),
            ("Track No", "1"),
        ] {
            tags.insert_foreign(key, value).unwrap();
        }
        let found: Vec<_> = tags.iter().collect();
        assert_eq!(found, [("artist", "Bach; Busoni"), ("track_no", "1")]);
    }

    #[test]
    fn json_of_something_else_is_refused() {
        for json in [
            "",
            "[]",
            "{\"a\":1}",
            "{\"A\":\"x\"}",
            "{\"a\":\"x\"",
            "null",
        ] {
            assert!(Tags::from_json(json.as_bytes()).is_err(), "{json}");
        }
    }
}
