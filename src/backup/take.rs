//! A backup is made.

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use kernel::Clock;
use platform::audit::{self, Actor, Entry};
use platform::fault;
use platform::sql::{self, Moment};
use serde_json::json;

use super::manifest::{Kept, Manifest};
use super::{Error, LOG, Result, TREES, at, files, on_disk, postgres, refused};
use crate::app::{SCHEMAS, open_database};
use crate::settings::{EngineName, Settings};

/// How the folder is called until it is a backup.
const UNFINISHED: &str = "unfinished";
/// How long a moment is waited for at which nobody writes.
const MOMENT_WAIT_MAX: Duration = Duration::from_mins(1);

/// A backup that was made.
#[derive(Debug)]
pub struct Taken {
    /// What it says of itself.
    pub manifest: Manifest,
    /// For how long nobody could write.
    pub pause: Duration,
    /// How long it took.
    pub took: Duration,
}

/// Makes a backup of a shop that may be running, in a folder that is not there yet. There is a folder of that name
/// when the whole backup is on disk, and not before.
pub async fn take(settings: &Settings, to: &Path) -> Result<Taken> {
    let began = Instant::now();
    let unfinished = Unfinished::make(to)?;
    let begun_at = Clock::system().now();
    let migrations = migrations(settings).await?;
    note(settings).await?;
    let (shared, folder) = (settings.shared_folder().to_owned(), unfinished.folder.clone());
    let (from, at) = (shared.clone(), folder.clone());
    let keys = key_files(settings)?;
    let log = signed_log(settings)?;
    on_disk(move || {
        copy_trees(&from, &at)?;
        // What is signed before the moment is in the databases at the moment.
        if let Some(log) = log {
            log.export(&at.join(LOG))?;
        }
        Ok(())
    })
    .await?;
    fault::point("within", "backup");
    let pause = match settings.database.engine {
        EngineName::Sqlite => {
            let (from, to) = (settings.server.data_dir.clone(), folder.clone());
            on_disk(move || copy_databases(&from, &to)).await?
        }
        EngineName::Postgres => postgres::dump(settings, &folder).await.map(|()| Duration::ZERO)?,
    };
    fault::point("after databases of", "backup");
    let mut manifest = Manifest::new(begun_at, settings, migrations, keys);
    let manifest = on_disk(move || {
        // Files that were made after the first look and before the moment.
        copy_trees(&shared, &folder)?;
        for file in files::below(&folder)? {
            let name = file.strip_prefix(&folder).unwrap_or(&file);
            manifest.files.push(Kept::of(name, files::content(&file)?)?);
        }
        manifest.write(&folder)?;
        files::sync_folders(&folder)?;
        Ok(manifest)
    })
    .await?;
    fault::point("before name of", "backup");
    unfinished.finish(to)?;
    Ok(Taken { manifest, pause, took: began.elapsed() })
}

/// The folder of a backup that is being made. Dropped before it is finished it goes with all that is in it.
struct Unfinished {
    folder: PathBuf,
    is_finished: bool,
}

impl Unfinished {
    fn make(to: &Path) -> Result<Self> {
        let folder = to.with_added_extension(UNFINISHED);
        if to.file_name().is_none() || to.exists() {
            return refused(format!("{} is there already: name a new folder", to.display()));
        }
        // Addresses of people are in it.
        match DirBuilder::new().mode(0o700).create(&folder) {
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => refused(format!(
                "{} is of a backup that runs or was killed: remove it",
                folder.display()
            )),
            made => made.map_err(at(&folder)).map(|()| Self { folder, is_finished: false }),
        }
    }

    fn finish(mut self, to: &Path) -> Result<()> {
        if to.exists() {
            return refused(format!("{} was made by somebody else meanwhile", to.display()));
        }
        fs::rename(&self.folder, to).map_err(at(to))?;
        self.is_finished = true;
        let parent = to.parent().filter(|parent| !parent.as_os_str().is_empty());
        files::sync_folder(parent.unwrap_or(Path::new(".")))
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if !self.is_finished
            && let Err(error) = fs::remove_dir_all(&self.folder)
        {
            tracing::warn!(folder = %self.folder.display(), %error, "what a backup left is still there");
        }
    }
}

/// The migrations of each module's database. They are left as they are: what is to be saved may be what a newer program
/// is about to migrate.
async fn migrations(settings: &Settings) -> Result<BTreeMap<String, Vec<String>>> {
    let mut all = BTreeMap::new();
    for schema in &SCHEMAS {
        let file = settings.server.data_dir.join(format!("{}.db", schema.module));
        if settings.database.engine == EngineName::Sqlite && !file.exists() {
            return refused(format!("there is no shop to save: {} is missing", file.display()));
        }
        let db = open_database(settings, schema, &Clock::system()).await?;
        let applied = sql::applied(&db).await;
        db.close().await;
        let applied = applied?;
        if let Some(name) = applied.iter().find(|name| schema.known().all(|known| known != **name))
        {
            return refused(format!(
                "{}: {name} is unknown here: the database belongs to a newer version of Stoa",
                schema.module
            ));
        }
        all.insert(schema.module.to_owned(), applied);
    }
    Ok(all)
}

/// Notes in the audit log that somebody takes everything along.
async fn note(settings: &Settings) -> Result<()> {
    let db = open_database(settings, &auth::SCHEMA, &Clock::system()).await?;
    let entry = Entry::done("backup.make", audit::named("backup", "shop"), &json!({}))?;
    let mut tx = db.begin("backup.make").await?;
    audit::record(&mut tx, &Actor::OPERATOR, &[entry]).await?;
    tx.commit().await?;
    db.close().await;
    Ok(())
}

/// The key files that are here. Those that sign access tokens are of use for minutes only and are not among them.
fn key_files(settings: &Settings) -> Result<Vec<Kept>> {
    let mut folders = vec![settings.keys_folder(), settings.vault_keys_folder()];
    folders.dedup();
    let mut keys = Vec::new();
    for file in
        folders.iter().map(|folder| files::below(folder)).collect::<Result<Vec<_>>>()?.concat()
    {
        let name = file.file_name().map(Path::new);
        if let Some(name) = name.filter(|name| name.extension().is_some_and(|kind| kind == "key")) {
            keys.push(Kept::of(name, files::content(&file)?)?);
        }
    }
    Ok(keys)
}

/// The tamper-evident log, if anything is signed.
fn signed_log(settings: &Settings) -> Result<Option<notary::Log>> {
    let folder = settings.ledger_folder();
    if !folder.join("checkpoint").exists() {
        return Ok(None);
    }
    Ok(Some(notary::Log::open(&folder, &settings.keys_folder(), &settings.notary.origin)?))
}

fn copy_trees(from: &Path, to: &Path) -> Result<()> {
    TREES.iter().try_for_each(|tree| files::copy_tree(&from.join(tree), &to.join(tree)))
}

/// Copies the databases as they are at one moment; answers how long writers waited for that.
fn copy_databases(from: &Path, to: &Path) -> Result<Duration> {
    let file = |schema: &platform::module::Schema| from.join(format!("{}.db", schema.module));
    let databases: Vec<PathBuf> = SCHEMAS.iter().map(file).collect();
    let moment = Moment::of(&databases, MOMENT_WAIT_MAX).map_err(|error| match error {
        sql::Error::Busy => Error::Busy,
        error => error.into(),
    })?;
    moment.copy(to)?;
    Ok(moment.pause())
}
