//! Where the log lies: a folder of files that are written whole and never changed, and one checkpoint
//! that is swapped for the next one.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use crate::domain::tile::Tile;
use crate::error::LogError;

const CHECKPOINT: &str = "checkpoint";
/// The newest checkpoint that witnesses signed, with what they signed.
const WITNESSED: &str = "checkpoint.witnessed";
/// Held by whoever swaps the checkpoint.
const LOCK: &str = "checkpoint.lock";
/// The public half of the key, for whoever takes the folder away.
const KEY: &str = "key";

/// The folder. Nodes share it, as they share the folder of keys.
#[derive(Debug, Clone)]
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn open(folder: &Path, public_key: &str) -> Result<Self, LogError> {
        let opened = Self(folder.to_owned());
        fs::create_dir_all(folder).map_err(|source| opened.failed("", source))?;
        let key = format!("{public_key}\n");
        if opened.read(KEY)?.as_deref() != Some(key.as_bytes()) {
            opened.replace(KEY, key.as_bytes())?;
        }
        Ok(opened)
    }

    fn failed(&self, name: &str, source: io::Error) -> LogError {
        LogError::File { file: self.0.join(name), source }
    }

    /// The bytes of a file, if there is one.
    fn read(&self, name: &str) -> Result<Option<Vec<u8>>, LogError> {
        match fs::read(self.0.join(name)) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(self.failed(name, error)),
        }
    }

    /// Writes a file beside and puts it into place; both are on disk when this returns.
    fn replace(&self, name: &str, bytes: &[u8]) -> Result<(), LogError> {
        let file = self.0.join(name);
        let beside = file.with_added_extension(platform::random::token());
        let failed = |source| self.failed(name, source);
        let mut out =
            OpenOptions::new().write(true).create_new(true).open(&beside).map_err(failed)?;
        let written = out.write_all(bytes).and_then(|()| out.sync_all());
        let placed = written.and_then(|()| fs::rename(&beside, &file));
        if placed.is_err() {
            // What is left of it harms nobody.
            let _ = fs::remove_file(&beside);
        }
        let synced = placed.and_then(|()| match file.parent() {
            Some(parent) => File::open(parent)?.sync_all(),
            None => Ok(()),
        });
        synced.map_err(failed)
    }

    /// The bytes of a tile. One that has become full serves whoever wants its beginning.
    pub(crate) fn tile(&self, tile: &Tile) -> Result<Option<(Tile, Vec<u8>)>, LogError> {
        if let Some(bytes) = self.read(&tile.filled().path())? {
            return Ok(Some((tile.filled(), bytes)));
        }
        if let Some(bytes) = self.read(&tile.path())? {
            return Ok(Some((*tile, bytes)));
        }
        // It has become full between the two looks.
        Ok(self.read(&tile.filled().path())?.map(|bytes| (tile.filled(), bytes)))
    }

    /// The bytes of exactly this tile.
    pub(crate) fn exactly(&self, tile: &Tile) -> Result<Option<Vec<u8>>, LogError> {
        self.read(&tile.path())
    }

    /// Writes a tile. A full one is never changed: the same bytes are left as they are, and others are
    /// refused. What is not full may be left of a sequencer that died before its checkpoint.
    pub(crate) fn write(&self, tile: &Tile, bytes: &[u8]) -> Result<(), LogError> {
        let path = tile.path();
        if tile.is_full()
            && let Some(there) = self.read(&path)?
        {
            let same = there == bytes;
            return if same { Ok(()) } else { Err(LogError::Overwritten { path }) };
        }
        if let Some(parent) = self.0.join(&path).parent() {
            fs::create_dir_all(parent).map_err(|source| self.failed(&path, source))?;
        }
        self.replace(&path, bytes)
    }

    /// Removes what a full tile was before it was full.
    pub(crate) fn forget_partial(&self, tile: &Tile) -> Result<(), LogError> {
        let path = format!("{}.p", tile.stem());
        match fs::remove_dir_all(self.0.join(&path)) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(self.failed(&path, error)),
            _ => Ok(()),
        }
    }

    /// The checkpoint of a folder that may not be there; nothing is made.
    pub(crate) fn checkpoint_in(folder: &Path) -> Result<Option<String>, LogError> {
        Self(folder.to_owned()).checkpoint()
    }

    /// The checkpoint, if there is one.
    pub(crate) fn checkpoint(&self) -> Result<Option<String>, LogError> {
        let bytes = self.read(CHECKPOINT)?;
        let text = bytes.map(String::from_utf8).transpose();
        text.map_err(|_| LogError::Checkpoint("it is no text"))
    }

    /// The newest checkpoint that witnesses signed, if there is one.
    pub(crate) fn witnessed(&self) -> Result<Option<String>, LogError> {
        let bytes = self.read(WITNESSED)?;
        let text = bytes.map(String::from_utf8).transpose();
        text.map_err(|_| LogError::Checkpoint("the witnessed one is no text"))
    }

    /// Keeps what witnesses signed.
    pub(crate) fn keep_witnessed(&self, note: &str) -> Result<(), LogError> {
        self.replace(WITNESSED, note.as_bytes())
    }

    /// Puts a checkpoint in the place of another: of two that would follow the same one, the second is
    /// refused.
    pub(crate) fn swap(&self, expected: Option<&str>, new: &str) -> Result<(), LogError> {
        let failed = |source| self.failed(LOCK, source);
        let mut open = OpenOptions::new();
        let lock = open.create(true).write(true).truncate(false).open(self.0.join(LOCK));
        let lock = lock.map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(LogError::Overtaken),
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
        if self.checkpoint()?.as_deref() != expected {
            return Err(LogError::Overtaken);
        }
        self.replace(CHECKPOINT, new.as_bytes())
        // The lock ends with its file.
    }
}
