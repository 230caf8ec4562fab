//! Where a shop moves from and to.

use std::fs;
use std::path::{Path, PathBuf, absolute};

use kernel::Clock;
use platform::sql::transfer::Place;
use platform::sql::{Standing, standing};

use super::{Error, Result, refused};
use crate::app::{SCHEMAS, open_database};
use crate::backup::{self, apart};
use crate::settings::{EngineName, Settings};

/// What SQLite keeps beside a file.
const BESIDE: [&str; 3] = ["", "-wal", "-shm"];

/// The settings of a shop as it is, and as it is to be. What nodes share stays where it is.
#[derive(Debug)]
pub struct Way {
    /// As it is.
    pub from: Settings,
    /// As it is to be.
    pub to: Settings,
    /// As they are read.
    set: Settings,
}

impl Way {
    /// The way between two places, one of which may be left out: it is the one of the settings.
    pub fn between(
        settings: &Settings,
        from: Option<&str>,
        to: Option<&str>,
        schema_prefix: Option<String>,
    ) -> Result<Self> {
        let at = |place: Option<&str>| {
            place.map_or_else(|| Ok(settings.clone()), |it| named(settings, it))
        };
        let (from, mut to) = (at(from)?, at(to)?);
        to.database.schema_prefix = schema_prefix.unwrap_or(to.database.schema_prefix);
        to.server.shared_dir = absolutely(from.shared_folder())?;
        if from.database.engine == to.database.engine {
            return refused(format!(
                "both places are of {}: name the other one by --to or --from; a backup moves within an engine",
                from.database.engine
            ));
        }
        if !is_there(&from) {
            return refused(format!("there is no shop in {}", from.server.data_dir.display()));
        }
        Ok(Self { from, to, set: settings.clone() })
    }

    /// The place it leaves, without its password.
    pub fn from_name(&self) -> String {
        name(&self.from)
    }

    /// The place where it goes, without its password.
    pub fn to_name(&self) -> String {
        name(&self.to)
    }

    /// What is to be set for the shop to be served where it went, as far as it is not.
    pub fn to_set(&self) -> Vec<String> {
        let (to, set) = (&self.to, &self.set);
        let mut lines = vec![format!("database.engine = \"{}\"", to.database.engine)];
        if to.database.engine == EngineName::Postgres {
            lines.push(format!(
                "database.url = \"{}\", with its password",
                apart(&self.to.database.url).0
            ));
            if to.database.schema_prefix != set.database.schema_prefix {
                lines.push(format!("database.schema_prefix = \"{}\"", to.database.schema_prefix));
            }
        }
        if to.server.data_dir != set.server.data_dir {
            lines.push(format!("server.data_dir = \"{}\"", to.server.data_dir.display()));
        }
        let is_shared = to.shared_folder() == absolutely(&to.server.data_dir).unwrap_or_default();
        if !is_shared && set.server.shared_dir != to.server.shared_dir {
            lines.push(format!("server.shared_dir = \"{}\"", to.server.shared_dir.display()));
        }
        lines
    }
}

/// The settings, with the databases at a place.
fn named(settings: &Settings, place: &str) -> Result<Settings> {
    let mut settings = settings.clone();
    if let Some(folder) = place.strip_prefix("sqlite:") {
        settings.database.engine = EngineName::Sqlite;
        settings.server.data_dir = absolutely(Path::new(folder))?;
    } else if place.starts_with("postgres://") || place.starts_with("postgresql://") {
        settings.database.engine = EngineName::Postgres;
        place.clone_into(&mut settings.database.url);
    } else {
        return refused("a place is sqlite:FOLDER or postgres://user:password@host/database");
    }
    Ok(settings)
}

fn absolutely(folder: &Path) -> Result<PathBuf> {
    let failed = |source| backup::Error::File { file: folder.to_owned(), source };
    absolute(folder).map_err(failed).map_err(Error::from)
}

fn name(settings: &Settings) -> String {
    match settings.database.engine {
        EngineName::Sqlite => {
            let folder = absolutely(&settings.server.data_dir);
            format!("sqlite:{}", folder.unwrap_or_default().display())
        }
        EngineName::Postgres => {
            let database = &settings.database;
            format!("{} (schemas {}*)", apart(&database.url).0, database.schema_prefix)
        }
    }
}

/// The databases of all modules.
pub(super) fn databases(settings: &Settings) -> Place {
    let database = &settings.database;
    match database.engine {
        EngineName::Sqlite => Place::Sqlite(files(settings)),
        EngineName::Postgres => {
            let schemas = SCHEMAS.iter();
            let schemas = schemas.map(|it| format!("{}{}", database.schema_prefix, it.module));
            Place::Postgres { url: database.url.clone(), schemas: schemas.collect() }
        }
    }
}

fn files(settings: &Settings) -> Vec<PathBuf> {
    let file = |module: &str| settings.server.data_dir.join(format!("{module}.db"));
    SCHEMAS.iter().map(|schema| file(schema.module)).collect()
}

/// Whether there is a place at all: nothing is made by looking.
pub(super) fn is_there(settings: &Settings) -> bool {
    settings.database.engine == EngineName::Postgres
        || files(settings).first().is_some_and(|file| file.exists())
}

/// Refuses a place with a shop in it that was not left, and takes what a killed move left out of the way. Answers where
/// the files are that were put aside.
pub(super) async fn make_room(to: &Settings, replace: bool) -> Result<Vec<PathBuf>> {
    let is_files = to.database.engine == EngineName::Sqlite;
    let (mut unfinished, mut left) = (Vec::new(), Vec::new());
    for (schema, file) in SCHEMAS.iter().zip(files(to)) {
        if is_files && !file.exists() {
            continue;
        }
        let db = open_database(to, schema, &Clock::system()).await?;
        let why = standing(&db).await;
        let is_empty = platform::sql::is_empty(&db).await;
        db.close().await;
        match why? {
            Some(Standing::Unfinished(_)) => unfinished.push(file),
            Some(Standing::Left(_)) if replace => left.push(file),
            Some(Standing::Left(_)) => {
                return refused(format!(
                    "a shop was left at {}: add --replace to move over it",
                    name(to)
                ));
            }
            None if is_empty? => {}
            None => {
                return refused(format!(
                    "there is something in the {} of {}: name a place without a shop",
                    schema.module,
                    name(to)
                ));
            }
        }
    }
    if !is_files {
        return Ok(Vec::new());
    }
    for file in unfinished.iter().flat_map(|file| with_beside(file)) {
        fs::remove_file(&file).map_err(|source| backup::Error::File { file, source })?;
    }
    let left: Vec<PathBuf> = left.iter().flat_map(|file| with_beside(file)).collect();
    Ok(backup::put_aside(&left)?)
}

/// A database's files, as far as they are there.
fn with_beside(file: &Path) -> Vec<PathBuf> {
    let beside = BESIDE.iter().map(|end| {
        let mut name = file.as_os_str().to_owned();
        name.push(end);
        PathBuf::from(name)
    });
    beside.filter(|file| file.exists()).collect()
}
