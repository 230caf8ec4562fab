use std::fs::{File, OpenOptions};
use std::path::Path;
use std::time::Duration;

use kernel::id::ImportId;
use kernel::page::Page;
use platform::audit::{self, Actor, Entry};
use platform::sql::{self, Tx};
use platform::tasks::Tasks;
use uuid::Uuid;

use super::import::Run;
use crate::Catalog;
use crate::domain::{Job, JobStatus};
use crate::error::{Error, Result};
use crate::import::{Import, ImportError, ImportFolder};
use crate::store::{imports, jobs};

/// How many imports may wait or run.
const OPEN_MAX: i64 = 20;
/// How many imports are remembered, with the lines they left out.
const KEPT_MAX: i64 = 200;
/// How often imports that nobody told of are looked for: those that were interrupted.
const POLL: Duration = Duration::from_secs(5);
/// How old a file is that no import wants before it is removed.
const LEFT_MIN: Duration = Duration::from_hours(24);

impl Catalog {
    pub(crate) fn import_folder(&self) -> Result<&ImportFolder> {
        self.imports.as_ref().ok_or(Error::NoFolder)
    }

    /// Does imports one after another. One that is at work when the house stops goes on with the
    /// next start.
    pub(crate) fn start_imports(&self, folder: &ImportFolder, tasks: &Tasks) {
        let catalog = self.clone();
        tasks.spawn(async move {
            if let Err(error) = catalog.remove_left_files().await {
                tracing::warn!(%error, "files of imports may be left");
            }
        });
        let (catalog, stop) = (self.clone(), tasks.clone());
        tasks.every("catalog.imports", POLL, Some(folder.asked()), move || {
            let (catalog, stop) = (catalog.clone(), stop.clone());
            async move {
                tokio::select! {
                    worked = catalog.work_on_imports() => worked,
                    () = stop.stopped() => Ok(false),
                }
            }
        });
    }

    /// Removes files of uploads that never became an import, and of imports that are over.
    async fn remove_left_files(&self) -> Result<()> {
        let folder = self.import_folder()?;
        for (id, path) in folder.older_than(LEFT_MIN).await.map_err(Error::Folder)? {
            let job = jobs::by_id(&self.db, id).await?;
            if !job.is_some_and(|job| job.status.is_open()) {
                remove(&path).await;
            }
        }
        Ok(())
    }

    /// Notes an import whose file is there, in a unit of work.
    pub(crate) async fn ask_for_import(&self, tx: &mut Tx, job: &Job) -> Result<()> {
        if !jobs::insert(tx, job, OPEN_MAX).await? {
            return Err(Error::ImportsWait { open_max: OPEN_MAX });
        }
        let entry = Entry::created("import.create", job.id.uuid(), job)?;
        Ok(audit::record(tx, &job.actor, &[entry]).await?)
    }

    /// An import that was asked for.
    pub async fn import_job(&self, id: ImportId) -> Result<Job> {
        jobs::by_id(&self.db, id).await?.ok_or(Error::Absent("import"))
    }

    /// A page of the imports that were asked for, the newest first.
    pub async fn import_jobs(&self, before: Option<Uuid>, limit: u32) -> Result<Page<Job>> {
        let found = jobs::list(&self.db, before, i64::from(limit) + 1).await?;
        Ok(Page::cut(found, limit, |job| job.id))
    }

    /// The file of the lines that an import left out.
    pub(crate) async fn import_errors(&self, id: ImportId) -> Result<tokio::fs::File> {
        let job = self.import_job(id).await?;
        let path = self.import_folder()?.errors(job.id);
        match tokio::fs::File::open(path).await {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                Err(Error::Absent("file of errors yet, or it is on another node"))
            }
            opened => opened.map_err(Error::Folder),
        }
    }

    /// Ends an import that is not over. The batches it has done stay done.
    pub async fn cancel_import(&self, id: ImportId, actor: &Actor) -> Result<Job> {
        let before = self.import_job(id).await?;
        let mut tx = self.db.begin("catalog.import.cancel").await?;
        if !jobs::end(&mut tx, id, JobStatus::Cancelled, None).await? {
            return Err(Error::ImportOver);
        }
        imports::forget(&mut tx, &id.to_string()).await?;
        let status = |status: JobStatus| serde_json::json!({"status": status});
        let (was, is) = (status(before.status), status(JobStatus::Cancelled));
        let entry = Entry::changed("import.cancel", id.uuid(), &was, &is)?;
        audit::record(&mut tx, actor, &[entry]).await?;
        tx.commit().await?;
        remove(&self.import_folder()?.file(id, before.format)).await;
        self.import_job(id).await
    }

    /// Does the oldest import whose file is on this node, from where it stopped if it was
    /// interrupted. Answers whether there was one.
    pub async fn work_on_imports(&self) -> std::result::Result<bool, ImportError> {
        let Some(folder) = &self.imports else { return Ok(false) };
        for job in jobs::open(&self.db, OPEN_MAX).await? {
            let path = folder.file(job.id, job.format);
            if path.exists() {
                self.work_on(folder, &job, &path).await?;
                return Ok(true);
            }
        }
        Ok(false)
    }

    async fn work_on(
        &self,
        folder: &ImportFolder,
        job: &Job,
        path: &Path,
    ) -> std::result::Result<(), ImportError> {
        let mut tx = self.db.begin("catalog.import.start").await?;
        if !jobs::start(&mut tx, job.id).await? {
            return Ok(());
        }
        tx.commit().await?;
        match self.go_through(folder, job, path).await {
            Ok(()) => self.end(folder, job, JobStatus::Done, None).await?,
            Err(
                error @ (ImportError::File(_) | ImportError::Names(_) | ImportError::Refused(_)),
            ) => {
                let why = error.to_string();
                self.end(folder, job, JobStatus::Failed, Some(why)).await?;
            }
            Err(ImportError::Cancelled) => {}
            // Another node that shares the folder is at it.
            Err(ImportError::AlreadyRunning) => return Ok(()),
            Err(error @ (ImportError::Disturbed | ImportError::Storage(_))) => return Err(error),
        }
        remove(path).await;
        Ok(())
    }

    async fn go_through(
        &self,
        folder: &ImportFolder,
        job: &Job,
        path: &Path,
    ) -> std::result::Result<(), ImportError> {
        let mut file = File::open(path)?;
        let mut options = OpenOptions::new();
        let errors = options.write(true).create(true).truncate(false);
        let how = Import {
            format: job.format,
            dry_run: job.dry_run,
            actor: job.actor,
            errors: Some(errors.open(folder.errors(job.id))?),
        };
        let (mark, bytes_total) = (job.id.to_string(), job.bytes_total.unsigned_abs());
        let currency = self.settings.currency;
        let run = Run { db: &self.db, currency, mark: &mark, job: Some(job.id) };
        run.through(&mut file, bytes_total, how, &mut |_| {}).await.map(drop)
    }

    async fn end(
        &self,
        folder: &ImportFolder,
        job: &Job,
        status: JobStatus,
        detail: Option<String>,
    ) -> sql::Result<()> {
        let mut tx = self.db.begin("catalog.import.end").await?;
        jobs::end(&mut tx, job.id, status, detail).await?;
        imports::forget(&mut tx, &job.id.to_string()).await?;
        let forgotten = jobs::forget(&mut tx, KEPT_MAX).await?;
        tx.commit().await?;
        for id in forgotten {
            remove(&folder.errors(id)).await;
        }
        Ok(())
    }
}

async fn remove(path: &Path) {
    if let Err(error) = tokio::fs::remove_file(path).await
        && error.kind() != std::io::ErrorKind::NotFound
    {
        let path = path.display().to_string();
        tracing::warn!(path, %error, "a file of an import is left");
    }
}
