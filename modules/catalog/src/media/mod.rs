//! Uploaded images: their files in a folder of the data folder.
//!
//! The files of an image are in a folder with the image's id, which nobody else ever uses: an
//! upload that finds its image there already, or dies, leaves files that no row names, and deleting
//! an image can never take away another's.

mod metadata;
mod render;

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use kernel::id::ImageId;
use serde::Deserialize;
use tokio::sync::Semaphore;

use crate::error::{Error, Result};

pub(crate) use render::{Rendered, render};

/// How many images are read and made smaller at once: each takes up to four bytes a pixel.
const RENDERED_AT_ONCE: usize = 1;
/// How long an upload waits for its turn.
const TURN_WAIT_MAX: Duration = Duration::from_secs(10);

/// What is done with uploaded images.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The largest upload, in bytes.
    pub bytes_max: usize,
    /// The most pixels of an image, width times height. Reading one takes some eight bytes each.
    pub pixels_max: u64,
    /// The widths, in pixels, in which an image is kept too. None is wider than the image.
    pub widths: Vec<u32>,
}

impl Default for Settings {
    fn default() -> Self {
        let widths = vec![160, 480, 960, 1_600];
        Self { bytes_max: 10 << 20, pixels_max: 25_000_000, widths }
    }
}

/// The folder of uploaded images. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Media {
    folder: Arc<Path>,
    turns: Arc<Semaphore>,
}

impl Media {
    pub(crate) fn new(folder: PathBuf) -> Self {
        Self { folder: folder.into(), turns: Arc::new(Semaphore::new(RENDERED_AT_ONCE)) }
    }

    fn of(&self, id: ImageId) -> PathBuf {
        self.folder.join(id.to_string())
    }

    /// Reads an upload, makes the smaller ones and writes all of them to the disk.
    pub(crate) async fn add(
        &self,
        id: ImageId,
        bytes: Vec<u8>,
        settings: Settings,
    ) -> Result<Rendered> {
        let turn = tokio::time::timeout(TURN_WAIT_MAX, self.turns.clone().acquire_owned());
        let Ok(Ok(turn)) = turn.await else { return Err(Error::Busy) };
        let folder = self.of(id);
        let work = tokio::task::spawn_blocking(move || {
            // The turn ends with the work, also when nobody waits for it any more.
            let _turn = turn;
            let rendered = render(&bytes, &settings)?;
            write(&folder, &rendered).map_err(Error::Folder)?;
            Ok(rendered)
        });
        work.await.map_err(|error| Error::Folder(error.into()))?
    }

    /// A file of an image.
    pub(crate) async fn open(&self, id: ImageId, file: &str) -> Result<tokio::fs::File> {
        let path = self.of(id).join(file);
        tokio::fs::File::open(path).await.map_err(Error::Folder)
    }

    /// Removes the files of an image that no row names any more.
    pub(crate) async fn remove(&self, id: ImageId) {
        let folder = self.of(id);
        if let Err(error) = tokio::fs::remove_dir_all(&folder).await {
            let folder = folder.display().to_string();
            tracing::warn!(folder, %error, "files of an image that is gone are left");
        }
    }
}

/// Writes the files of an image under another name, and gives the folder its own once they are on
/// the disk.
fn write(folder: &Path, rendered: &Rendered) -> std::io::Result<()> {
    let unfinished = folder.with_extension("new");
    std::fs::create_dir_all(&unfinished)?;
    write_file(&unfinished.join(rendered.file()), &rendered.original)?;
    for (variant, bytes) in &rendered.variants {
        write_file(&unfinished.join(variant.file()), bytes)?;
    }
    File::open(&unfinished)?.sync_all()?;
    std::fs::rename(&unfinished, folder)?;
    folder.parent().map_or(Ok(()), |parent| File::open(parent)?.sync_all())
}

fn write_file(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}
