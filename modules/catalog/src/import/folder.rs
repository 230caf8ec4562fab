use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use kernel::id::ImportId;
use sha2::{Digest, Sha256};
use tokio::fs::File;
use tokio::io::{AsyncWriteExt, BufWriter};
use tokio::sync::watch;

use crate::domain::Format;
use crate::error::{Error, Result};

/// How much of an upload is gathered before it is written, in bytes.
const BUFFER: usize = 1 << 20;

/// The folder of the files that imports were asked for with. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct ImportFolder {
    folder: Arc<Path>,
    asked: watch::Sender<u64>,
}

impl ImportFolder {
    pub(crate) fn new(folder: PathBuf) -> Self {
        Self { folder: folder.into(), asked: watch::channel(0).0 }
    }

    /// Changes when an import was asked for.
    pub(crate) fn asked(&self) -> watch::Receiver<u64> {
        self.asked.subscribe()
    }

    pub(crate) fn tell_asked(&self) {
        self.asked.send_modify(|count| *count += 1);
    }

    /// The file of an import.
    pub(crate) fn file(&self, id: ImportId, format: Format) -> PathBuf {
        self.folder.join(format!("{id}.{}", format.word()))
    }

    /// The file of the lines that an import left out.
    pub(crate) fn errors(&self, id: ImportId) -> PathBuf {
        self.folder.join(format!("{id}.errors.csv"))
    }

    /// The files of imports, those of errors aside, that were not written to for so long.
    pub(crate) async fn older_than(
        &self,
        age: Duration,
    ) -> std::io::Result<Vec<(ImportId, PathBuf)>> {
        let mut found = Vec::new();
        let mut entries = match tokio::fs::read_dir(&self.folder).await {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(found),
            entries => entries?,
        };
        while let Some(entry) = entries.next_entry().await? {
            let path = entry.path();
            let id = path.file_stem().and_then(|stem| stem.to_str()?.parse().ok());
            let is_old = entry.metadata().await?.modified()?.elapsed().is_ok_and(|is| is > age);
            if let Some(id) = id.filter(|_| is_old) {
                found.push((id, path));
            }
        }
        Ok(found)
    }

    /// A file to receive.
    pub(crate) async fn receive(
        &self,
        id: ImportId,
        format: Format,
        bytes_max: u64,
    ) -> Result<Upload> {
        tokio::fs::create_dir_all(&self.folder).await.map_err(Error::Folder)?;
        let path = self.file(id, format);
        let file = File::create_new(&path).await.map_err(Error::Folder)?;
        let file = BufWriter::with_capacity(BUFFER, file);
        Ok(Upload { file, path, hash: Sha256::new(), bytes: 0, bytes_max, is_kept: false })
    }
}

/// A file that is being received. Dropped before [`Upload::keep`] it is removed.
pub(crate) struct Upload {
    file: BufWriter<File>,
    path: PathBuf,
    hash: Sha256,
    bytes: u64,
    bytes_max: u64,
    is_kept: bool,
}

impl Upload {
    /// Writes the next piece.
    pub(crate) async fn write(&mut self, piece: &[u8]) -> Result<()> {
        self.bytes += piece.len() as u64;
        if self.bytes > self.bytes_max {
            return Err(Error::FileTooLong { bytes_max: self.bytes_max });
        }
        self.hash.update(piece);
        self.file.write_all(piece).await.map_err(Error::Folder)
    }

    /// Brings the file to the disk: its length, and its SHA-256 in hexadecimal digits.
    pub(crate) async fn finish(&mut self) -> Result<(i64, String)> {
        self.file.flush().await.map_err(Error::Folder)?;
        self.file.get_ref().sync_all().await.map_err(Error::Folder)?;
        let bytes = i64::try_from(self.bytes).unwrap_or(i64::MAX);
        Ok((bytes, hex::encode(self.hash.clone().finalize())))
    }

    /// There is an import of it now.
    pub(crate) fn keep(mut self) {
        self.is_kept = true;
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        if !self.is_kept
            && let Err(error) = std::fs::remove_file(&self.path)
        {
            tracing::warn!(%error, "the file of an import that was refused is left");
        }
    }
}
