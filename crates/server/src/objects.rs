//! Audio and uploads as files in one folder, or objects in a bucket, each complete or absent.
//!
//! Names are ours (ids and numbers), never those of users. What belongs to whom is in the store.

mod s3;

use std::path::{Path, PathBuf};

use crate::{Error, Result};
use s3::S3;

/// A folder or a bucket of objects.
#[derive(Debug, Clone)]
pub struct Objects {
    /// Where objects are, or what becomes one is gathered.
    folder: PathBuf,
    bucket: Option<S3>,
}

impl Objects {
    /// The objects in `folder`, which is made if needed.
    pub fn open(folder: &Path) -> Result<Self> {
        std::fs::create_dir_all(folder).map_err(|source| Error::File {
            path: folder.to_path_buf(),
            source,
        })?;
        Ok(Self {
            folder: folder.to_path_buf(),
            bucket: None,
        })
    }

    /// The objects in the bucket of `s3://bucket/prefix`, with the credentials of the environment
    /// (`AWS_ACCESS_KEY_ID` and the like); uploads are gathered in `folder`.
    pub fn connect(url: &str, folder: &Path) -> Result<Self> {
        let bucket = S3::open(url, |name| std::env::var(name).ok())?;
        Ok(Self {
            bucket: Some(bucket),
            ..Self::open(folder)?
        })
    }

    /// Where `name` is. Anything but our own kind of name is refused.
    pub fn path(&self, name: &str) -> Result<PathBuf> {
        let ours = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
        if name.is_empty() || name.starts_with('.') || !name.chars().all(ours) {
            return Err(Error::NotFound {
                what: "object",
                id: name.to_owned(),
            });
        }
        Ok(self.folder.join(name))
    }

    /// Keeps `bytes` under `name`: flushed to disk before it returns.
    pub fn put(&self, name: &str, bytes: &[u8]) -> Result<()> {
        let path = self.path(name)?;
        match &self.bucket {
            Some(bucket) => bucket.put(name, bytes),
            None => Ok(mustool_audio::file::write_atomic(&path, bytes)?),
        }
    }

    /// A file for bytes that are still coming; it vanishes unless [`Self::keep`] takes it.
    pub fn staging(&self) -> Result<tempfile::NamedTempFile> {
        tempfile::NamedTempFile::new_in(&self.folder).map_err(|source| Error::File {
            path: self.folder.clone(),
            source,
        })
    }

    /// Keeps a staged file under `name`: flushed to disk before it returns.
    pub fn keep(&self, file: tempfile::NamedTempFile, name: &str) -> Result<()> {
        let path = self.path(name)?;
        let failed = |source| Error::File {
            path: path.clone(),
            source,
        };
        if let Some(bucket) = &self.bucket {
            return bucket.put(name, &std::fs::read(file.path()).map_err(failed)?);
        }
        file.as_file().sync_all().map_err(failed)?;
        file.persist(&path).map_err(|error| failed(error.error))?;
        let folder = std::fs::File::open(&self.folder).map_err(failed)?;
        folder.sync_all().map_err(failed) // the new name, too, must survive a power cut
    }

    /// The bytes of `name`.
    pub fn get(&self, name: &str) -> Result<Vec<u8>> {
        let path = self.path(name)?;
        if let Some(bucket) = &self.bucket {
            return bucket.get(name);
        }
        std::fs::read(&path).map_err(|source| match source.kind() {
            std::io::ErrorKind::NotFound => Error::Gone {
                what: "object",
                id: name.to_owned(),
            },
            _ => Error::File { path, source },
        })
    }

    /// Deletes `name`, if it is there.
    pub fn delete(&self, name: &str) -> Result<()> {
        let path = self.path(name)?;
        if let Some(bucket) = &self.bucket {
            return bucket.delete(name);
        }
        match std::fs::remove_file(&path) {
            Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
                Err(Error::File { path, source })
            }
            _ => Ok(()),
        }
    }

    /// Deletes everything that nobody knows: what was written by a process that died before its
    /// row was. Call it only while nothing is written.
    pub fn sweep(&self, known: &[String]) -> Result<u64> {
        let failed = |source| Error::File {
            path: self.folder.clone(),
            source,
        };
        let known: std::collections::HashSet<&str> = known.iter().map(String::as_str).collect();
        let mut swept = 0;
        for entry in std::fs::read_dir(&self.folder).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let is_known = entry
                .file_name()
                .to_str()
                .is_some_and(|name| known.contains(name));
            if !is_known && entry.file_type().is_ok_and(|kind| kind.is_file()) {
                std::fs::remove_file(entry.path()).map_err(failed)?;
                swept += 1;
            }
        }
        Ok(swept)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_are_kept_and_strangers_swept() {
        let folder = tempfile::tempdir().unwrap();
        let objects = Objects::open(folder.path()).unwrap();
        objects.put("gen_1-0-1.wav", b"one").unwrap();
        objects.put("gen_2-0-1.wav", b"two").unwrap();
        std::fs::write(folder.path().join(".mustool-x.part"), b"torn").unwrap();
        assert_eq!(objects.sweep(&["gen_1-0-1.wav".to_owned()]).unwrap(), 2);
        assert_eq!(objects.get("gen_1-0-1.wav").unwrap(), b"one");
        assert!(matches!(
            objects.get("gen_2-0-1.wav"),
            Err(Error::Gone { .. })
        ));
        objects.delete("gen_1-0-1.wav").unwrap();
        objects.delete("gen_1-0-1.wav").unwrap();
    }

    #[test]
    fn names_cannot_leave_the_folder() {
        let folder = tempfile::tempdir().unwrap();
        let objects = Objects::open(folder.path()).unwrap();
        for name in ["", ".", "..", "../x", "a/b", "a\\b", "ä", ".hidden", "a\0b"] {
            assert!(objects.path(name).is_err(), "{name:?}");
        }
    }
}
