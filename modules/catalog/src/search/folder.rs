//! Where the index is on disk: a folder with a folder for each building of the index, and a file
//! `current` that names the one in use. A building becomes the current one by renaming that file,
//! so that a crash at any time leaves either the one before or the new one.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError, RwLock};

use tantivy::directory::error::LockError;
use tantivy::{Index, IndexReader, IndexWriter, ReloadPolicy, TantivyDocument, TantivyError};
use uuid::Uuid;

use super::schema::{Fields, register, schema};
use super::{Position, SearchError};

/// How much memory the writer may use, in bytes. One thread writes.
const WRITER_BYTES: usize = 32_000_000;
const CURRENT: &str = "current";

/// One building of the index, open for writing.
pub(super) struct Building {
    pub reader: IndexReader,
    pub fields: Fields,
    /// None while it is dropped.
    writer: Mutex<Option<IndexWriter<TantivyDocument>>>,
    pub position: RwLock<Option<Position>>,
    pub folder: PathBuf,
}

fn failed(folder: &Path) -> impl Fn(io::Error) -> SearchError {
    move |source| SearchError::Folder { folder: folder.to_owned(), source }
}

/// Opens the current building, or makes an empty one in its place if it is missing or broken.
pub(super) fn open(root: &Path, languages: &[String]) -> Result<Building, SearchError> {
    let building = match open_current(root, languages) {
        Ok(Some(building)) => building,
        Ok(None) => {
            let building = create(root, languages)?;
            make_current(root, &building)?;
            building
        }
        Err(SearchError::Engine(error)) => {
            let root_shown = root.display().to_string();
            tracing::warn!(folder = root_shown, %error, "the search index is unusable: built again");
            let building = create(root, languages)?;
            make_current(root, &building)?;
            building
        }
        Err(error) => return Err(error),
    };
    remove_others(root, &building);
    Ok(building)
}

fn open_current(root: &Path, languages: &[String]) -> Result<Option<Building>, SearchError> {
    let Ok(name) = fs::read_to_string(root.join(CURRENT)) else { return Ok(None) };
    let Ok(id) = name.trim().parse::<Uuid>() else { return Ok(None) };
    let folder = root.join(id.to_string());
    if !folder.is_dir() {
        return Ok(None);
    }
    let index = Index::open_in_dir(&folder)?;
    let damaged = index.validate_checksum()?;
    if index.schema() != schema(languages).0 || !damaged.is_empty() {
        let what = format!("another schema, or {} damaged files", damaged.len());
        return Err(TantivyError::InvalidArgument(what).into());
    }
    building(&index, folder, languages).map(Some)
}

/// An empty building in a folder of its own.
pub(super) fn create(root: &Path, languages: &[String]) -> Result<Building, SearchError> {
    let failed = failed(root);
    match fs::symlink_metadata(root) {
        Ok(found) if !found.is_dir() => fs::remove_file(root).map_err(&failed)?,
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(failed(error)),
        Ok(_) | Err(_) => {}
    }
    let folder = root.join(Uuid::now_v7().to_string());
    fs::create_dir_all(&folder).map_err(&failed)?;
    let index = Index::create_in_dir(&folder, schema(languages).0)?;
    building(&index, folder, languages)
}

/// Makes a building the one that is opened from now on.
pub(super) fn make_current(root: &Path, building: &Building) -> Result<(), SearchError> {
    let failed = failed(root);
    let name = building.folder.file_name().unwrap_or_default();
    let written = root.join("current.new");
    fs::write(&written, name.as_encoded_bytes()).map_err(&failed)?;
    fs::File::open(&written).and_then(|file| file.sync_all()).map_err(&failed)?;
    fs::rename(&written, root.join(CURRENT)).map_err(&failed)?;
    fs::File::open(root).and_then(|folder| folder.sync_all()).map_err(failed)
}

/// Removes what is not the current building: those before it, and those that were never ended.
/// Nothing depends on it, so that a failure is only told of.
pub(super) fn remove_others(root: &Path, current: &Building) {
    let Ok(entries) = fs::read_dir(root) else { return };
    for path in entries.flatten().map(|entry| entry.path()) {
        let keep = path == current.folder || path.ends_with(CURRENT);
        let removed = match (keep, path.is_dir()) {
            (true, _) => Ok(()),
            (false, true) => fs::remove_dir_all(&path),
            (false, false) => fs::remove_file(&path),
        };
        if let Err(error) = removed {
            tracing::warn!(path = path.display().to_string(), %error, "cannot be removed");
        }
    }
}

fn building(index: &Index, folder: PathBuf, languages: &[String]) -> Result<Building, SearchError> {
    register(index.tokenizers(), languages);
    let writer: IndexWriter<TantivyDocument> =
        index.writer_with_num_threads(1, WRITER_BYTES).map_err(|error| match error {
            TantivyError::LockFailure(LockError::LockBusy, _) => SearchError::InUse(folder.clone()),
            error => error.into(),
        })?;
    let reader = index.reader_builder().reload_policy(ReloadPolicy::Manual).try_into()?;
    let position = index.load_metas()?.payload.as_deref().and_then(Position::parse);
    Ok(Building {
        reader,
        fields: schema(languages).1,
        writer: Mutex::new(Some(writer)),
        position: RwLock::new(position),
        folder,
    })
}

impl Building {
    /// Changes it, on a thread that may block. With a position it is committed and found.
    pub fn write(
        &self,
        position: Option<Position>,
        work: impl FnOnce(&mut IndexWriter<TantivyDocument>, &Fields) -> tantivy::Result<()>,
    ) -> Result<(), SearchError> {
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(writer) = writer.as_mut() else { return Ok(()) };
        let outcome = work(writer, &self.fields).and_then(|()| match position {
            None => Ok(()),
            Some(position) => {
                let mut commit = writer.prepare_commit()?;
                commit.set_payload(&position.payload());
                commit.commit()?;
                self.reader.reload()
            }
        });
        if outcome.is_err() {
            // What was begun must not end up in a later commit.
            writer.rollback()?;
        }
        Ok(outcome?)
    }

    /// Tells how far it has come, once that is what is searched.
    pub fn stand_at(&self, position: Position) {
        *self.position.write().unwrap_or_else(PoisonError::into_inner) = Some(position);
    }
}

/// Segments are merged in the background, also when nobody writes any more. Whoever removes or opens
/// the folder next must not meet a thread that still makes files in it.
impl Drop for Building {
    fn drop(&mut self) {
        let writer = self.writer.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(Err(error)) = writer.map(IndexWriter::wait_merging_threads) {
            tracing::warn!(%error, "merging the search index failed");
        }
    }
}
