//! Files that are copied, and read back to see that they are what they were.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::{Result, at};

/// How much of a file is read at once, in bytes.
const PIECE: usize = 1 << 16;

/// How long a file is, and what is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    pub bytes: u64,
    /// SHA-256, in hexadecimal digits.
    pub sha256: String,
}

/// What is in a file.
pub fn content(file: &Path) -> Result<Content> {
    File::open(file).and_then(|from| pour(from, io::sink())).map_err(at(file))
}

/// Copies a file to a new one, whose folder is made; it is on disk when this returns. Answers what was copied.
pub fn copy(from: &Path, to: &Path) -> Result<Content> {
    let source = File::open(from).map_err(at(from))?;
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder).map_err(at(folder))?;
    }
    // It has its name when it is whole.
    let beside = to.with_added_extension("new");
    let write = || {
        let mut out = File::create(&beside)?;
        let content = pour(source, &mut out)?;
        out.sync_all()?;
        fs::rename(&beside, to)?;
        Ok(content)
    };
    write().map_err(at(to))
}

fn pour(mut from: File, mut to: impl Write) -> io::Result<Content> {
    let (mut hash, mut bytes, mut piece) = (Sha256::new(), 0, vec![0; PIECE]);
    loop {
        let read = from.read(&mut piece)?;
        let Some(read) = piece.get(..read).filter(|read| !read.is_empty()) else { break };
        hash.update(read);
        to.write_all(read)?;
        bytes += read.len() as u64;
    }
    Ok(Content { bytes, sha256: hex::encode(hash.finalize()) })
}

/// Copies the files below a folder that are not there yet, or were of another length. A file that goes away meanwhile
/// is one that no row names any more. What is being uploaded (`*.new`) is nothing yet.
pub fn copy_tree(from: &Path, to: &Path) -> Result<()> {
    for file in below(from)? {
        let Ok(name) = file.strip_prefix(from) else { continue };
        if name.iter().any(|part| Path::new(part).extension().is_some_and(|kind| kind == "new")) {
            continue;
        }
        let there = to.join(name);
        let length = |file: &Path| fs::metadata(file).map(|known| known.len()).ok();
        if length(&there).is_some_and(|known| Some(known) == length(&file)) {
            continue;
        }
        match copy(&file, &there) {
            Err(super::Error::File { source, .. }) if source.kind() == io::ErrorKind::NotFound => {}
            copied => drop(copied?),
        }
    }
    Ok(())
}

/// All files below a folder, in the order of their names; none when it is not there.
pub fn below(folder: &Path) -> Result<Vec<PathBuf>> {
    let (mut found, mut folders) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(folder) = folders.pop() {
        let entries = match fs::read_dir(&folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            entries => entries.map_err(at(&folder))?,
        };
        for entry in entries {
            let entry = entry.map_err(at(&folder))?;
            let list = if entry.file_type().map_err(at(&folder))?.is_dir() {
                &mut folders
            } else {
                &mut found
            };
            list.push(entry.path());
        }
    }
    found.sort();
    Ok(found)
}

/// Brings the names in a folder, and in the folders below it, to the disk.
pub fn sync_folders(folder: &Path) -> Result<()> {
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).map_err(at(&folder))? {
            let path = entry.map_err(at(&folder))?.path();
            if path.is_dir() {
                folders.push(path);
            }
        }
        sync_folder(&folder)?;
    }
    Ok(())
}

/// Brings the names in a folder to the disk.
pub fn sync_folder(folder: &Path) -> Result<()> {
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(at(folder))
}
