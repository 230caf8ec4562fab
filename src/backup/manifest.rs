//! What a backup says of itself, and whether that is so.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Component, Path, PathBuf};

use kernel::Timestamp;
use platform::sql;
use serde::{Deserialize, Serialize};

use super::files::{Content, content};
use super::{Result, at, on_disk, postgres, refused};
use crate::app::SCHEMAS;
use crate::settings::{EngineName, Settings};

/// How this program writes backups; it reads no newer ones.
const FORMAT: u32 = 1;
/// The file that makes a folder a backup. It is written at last.
const FILE: &str = "backup.json";

/// What a backup says of itself.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Manifest {
    /// How it is written.
    pub format: u32,
    /// The version of the program that made it.
    pub program: String,
    /// When it was begun; what is in it is of a moment soon after.
    pub begun_at: Timestamp,
    /// The engine of its databases.
    pub engine: EngineName,
    /// Of PostgreSQL: what the schema of each module is called, before the module's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema_prefix: Option<String>,
    /// The migrations that each module's database has had.
    pub migrations: BTreeMap<String, Vec<String>>,
    /// Its files.
    pub files: Vec<Kept>,
    /// The key files without which it says little. They are not in it.
    pub keys: Vec<Kept>,
}

/// A file: its place, and what is in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// From the folder of the backup on; of a key file its name.
    pub path: String,
    /// Its length.
    pub bytes: u64,
    /// What is in it, in hexadecimal digits.
    pub sha256: String,
}

impl Kept {
    pub(super) fn of(path: &Path, content: Content) -> Result<Self> {
        let Some(path) = path.to_str() else {
            return refused(format!("{} is no name that can be written down", path.display()));
        };
        Ok(Self { path: path.to_owned(), bytes: content.bytes, sha256: content.sha256 })
    }

    pub(super) fn is(&self, found: &Content) -> bool {
        (self.bytes, &self.sha256) == (found.bytes, &found.sha256)
    }

    /// Where it is in a folder. A place outside of the folder is refused.
    pub(super) fn within(&self, folder: &Path) -> Result<PathBuf> {
        let path = Path::new(&self.path);
        if path.components().all(|part| matches!(part, Component::Normal(_))) {
            return Ok(folder.join(path));
        }
        refused(format!("{FILE} names {}, which is not in the backup", self.path))
    }
}

impl Manifest {
    /// A backup of this program that has no files yet.
    pub(super) fn new(
        begun_at: Timestamp,
        settings: &Settings,
        migrations: BTreeMap<String, Vec<String>>,
        keys: Vec<Kept>,
    ) -> Self {
        Self {
            format: FORMAT,
            program: env!("CARGO_PKG_VERSION").to_owned(),
            begun_at,
            engine: settings.database.engine,
            schema_prefix: prefix(settings),
            migrations,
            files: Vec::new(),
            keys,
        }
    }

    /// Writes it into the folder that it is of. It is on disk when this returns.
    pub(super) fn write(&self, folder: &Path) -> Result<()> {
        let file = folder.join(FILE);
        let text = serde_json::to_vec_pretty(self).map_err(std::io::Error::from);
        let written = text.and_then(|text| fs::write(&file, text));
        written.and_then(|()| fs::File::open(&file)?.sync_all()).map_err(at(&file))
    }

    /// Reads that of a folder. A folder without one is no backup, or was never finished.
    fn read(folder: &Path) -> Result<Self> {
        let file = folder.join(FILE);
        let text = match fs::read(&file) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return refused(format!(
                    "{} is no backup: it has no {FILE}, which is written at last",
                    folder.display()
                ));
            }
            text => text.map_err(at(&file))?,
        };
        let format: Format = serde_json::from_slice(&text).map_err(|_| damaged(&file))?;
        if format.format > FORMAT {
            return refused(format!("{} was written by a newer version of Stoa", folder.display()));
        }
        serde_json::from_slice(&text).map_err(|_| damaged(&file))
    }

    /// Refuses what these settings have no place for.
    fn refuse_elsewhere(&self, settings: &Settings) -> Result<()> {
        let engine = settings.database.engine;
        if self.engine != engine {
            return refused(format!(
                "the backup is of {}, and database.engine is {engine}",
                self.engine
            ));
        }
        if self.schema_prefix != prefix(settings) {
            let theirs = self.schema_prefix.as_deref().unwrap_or_default();
            return refused(format!("the backup wants database.schema_prefix to be {theirs:?}"));
        }
        Ok(())
    }

    /// Refuses what a newer program made.
    fn refuse_newer(&self) -> Result<()> {
        for (module, migrations) in &self.migrations {
            let schema = SCHEMAS.iter().find(|schema| schema.module == module);
            let unknown = |name: &&String| {
                !schema.is_some_and(|schema| schema.known().any(|known| known == *name))
            };
            if let Some(name) = migrations.iter().find(unknown) {
                return refused(format!(
                    "the backup is of a newer version of Stoa ({}): {module} has had {name}, which is unknown here",
                    self.program
                ));
            }
        }
        Ok(())
    }

    /// Refuses files that are not what they were when the backup was made, and databases that are damaged.
    fn refuse_damaged(&self, folder: &Path) -> Result<()> {
        for kept in &self.files {
            let file = kept.within(folder)?;
            if !kept.is(&content(&file)?) {
                return refused(format!(
                    "{} is not what it was: do not use this backup",
                    file.display()
                ));
            }
        }
        if self.engine == EngineName::Postgres {
            if !self.files.iter().any(|kept| kept.path == postgres::DUMP) {
                return refused(format!("{} is missing in the backup", postgres::DUMP));
            }
        } else {
            for schema in &SCHEMAS {
                let name = format!("{}.db", schema.module);
                if self.files.iter().any(|kept| kept.path == name) {
                    sql::refuse_damaged(&folder.join(name))?;
                } else if self.migrations.contains_key(schema.module) {
                    return refused(format!("{name} is missing in the backup"));
                }
            }
        }
        Ok(())
    }
}

fn prefix(settings: &Settings) -> Option<String> {
    let database = &settings.database;
    (database.engine == EngineName::Postgres).then(|| database.schema_prefix.clone())
}

#[derive(Deserialize)]
struct Format {
    format: u32,
}

fn damaged(file: &Path) -> super::Error {
    super::Error::Refused(format!("{} cannot be read", file.display()))
}

/// What the backup in a folder says of itself, once that was found to be so: each file is what it was, each database
/// is sound, and this program and these settings can make use of it.
pub async fn checked(settings: &Settings, folder: &Path) -> Result<Manifest> {
    let (folder, settings) = (folder.to_owned(), settings.clone());
    on_disk(move || {
        let manifest = Manifest::read(&folder)?;
        manifest.refuse_elsewhere(&settings)?;
        manifest.refuse_newer()?;
        manifest.refuse_damaged(&folder)?;
        Ok(manifest)
    })
    .await
}
