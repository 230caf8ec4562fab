//! Imports that were asked for.

use kernel::Timestamp;
use kernel::id::ImportId;
use platform::audit::Actor;
use platform::sql::{Db, Error, Result, Tx};
use uuid::Uuid;

use super::imports::Done;
use crate::domain::{Format, Job, JobStatus};

/// The columns of a [`JobRow`].
macro_rules! columns {
    () => {
        "id, format, dry_run, status, actor, key_made_by, address, bytes_total, bytes, records, created,
         updated, unchanged, failed, detail, created_at, started_at, ended_at"
    };
}

platform::statements! {
    BY_ID = concat!("select ", columns!(), " from import_job where id = $1");
    /// The newest first.
    LIST = concat!("select ", columns!(),
        " from import_job where id < $1 order by id desc limit $2");
    /// Those that are not over, the oldest first.
    OPEN = concat!("select ", columns!(), " from import_job
         where status in ('queued', 'running') order by id limit $1");
    INSERT = "insert into import_job (id, format, dry_run, status, actor, key_made_by, address,
                                      bytes_total, created_at)
              select $1, $2, $3, 'queued', $4, $5, $6, $7, $8
               where (select count(*) from import_job where status in ('queued', 'running')) < $9";
    START = "update import_job set status = 'running', started_at = coalesce(started_at, $2)
              where id = $1 and status in ('queued', 'running')";
    ADVANCE = "update import_job set bytes = $2, records = $3, created = $4, updated = $5,
                      unchanged = $6, failed = $7
                where id = $1 and status = 'running'";
    END = "update import_job set status = $2, detail = $3, ended_at = $4
            where id = $1 and status in ('queued', 'running')";
    FORGET = "delete from import_job where status not in ('queued', 'running')
                 and id < (select id from import_job order by id desc limit 1 offset $1)
              returning id";
}

#[derive(platform::sql::Record)]
struct JobRow {
    id: Uuid,
    format: String,
    dry_run: bool,
    status: String,
    actor: Option<Uuid>,
    key_made_by: Option<Uuid>,
    address: Option<String>,
    bytes_total: i64,
    bytes: i64,
    records: i64,
    created: i64,
    updated: i64,
    unchanged: i64,
    failed: i64,
    detail: Option<String>,
    created_at: Timestamp,
    started_at: Option<Timestamp>,
    ended_at: Option<Timestamp>,
}

impl JobRow {
    fn job(self) -> Result<Job> {
        let wrong = |what: &str| Error::Inconsistent(format!("import {}: {what}", self.id));
        Ok(Job {
            format: Format::of_word(&self.format).ok_or_else(|| wrong("format"))?,
            status: JobStatus::of_word(&self.status).ok_or_else(|| wrong("status"))?,
            actor: Actor::of_parts(self.actor, self.key_made_by, self.address.as_deref()),
            id: self.id.into(),
            dry_run: self.dry_run,
            bytes: self.bytes,
            bytes_total: self.bytes_total,
            records: self.records,
            created: self.created,
            updated: self.updated,
            unchanged: self.unchanged,
            failed: self.failed,
            detail: self.detail,
            created_at: self.created_at,
            started_at: self.started_at,
            ended_at: self.ended_at,
        })
    }
}

pub(crate) async fn by_id(db: &Db, id: ImportId) -> Result<Option<Job>> {
    let row: Option<JobRow> = db.query(BY_ID).bind(id.uuid()).optional().await?;
    row.map(JobRow::job).transpose()
}

/// The newest imports before one, or of all.
pub(crate) async fn list(db: &Db, before: Option<Uuid>, limit: i64) -> Result<Vec<Job>> {
    let before = before.unwrap_or(Uuid::max());
    let rows: Vec<JobRow> = db.query(LIST).bind(before).bind(limit).all().await?;
    rows.into_iter().map(JobRow::job).collect()
}

/// Imports that are not over, the oldest first.
pub(crate) async fn open(db: &Db, limit: i64) -> Result<Vec<Job>> {
    let rows: Vec<JobRow> = db.query(OPEN).bind(limit).all().await?;
    rows.into_iter().map(JobRow::job).collect()
}

/// False when `open_max` imports are not over already.
pub(crate) async fn insert(tx: &mut Tx, job: &Job, open_max: i64) -> Result<bool> {
    let inserted = tx
        .query(INSERT)
        .bind(job.id.uuid())
        .bind(job.format.word())
        .bind(job.dry_run)
        .bind(job.actor.id().map(kernel::id::CustomerId::uuid))
        .bind(job.actor.key_made_by().map(kernel::id::CustomerId::uuid))
        .bind(job.actor.address.map(|address| address.to_string()))
        .bind(job.bytes_total)
        .bind(job.created_at)
        .bind(open_max)
        .execute()
        .await?;
    Ok(inserted == 1)
}

/// False when it is over.
pub(crate) async fn start(tx: &mut Tx, id: ImportId) -> Result<bool> {
    let now = tx.now();
    Ok(tx.query(START).bind(id.uuid()).bind(now).execute().await? == 1)
}

/// Notes how far an import has come; false when it is over.
pub(crate) async fn advance(tx: &mut Tx, id: ImportId, done: Done, bytes: u64) -> Result<bool> {
    let touched = tx
        .query(ADVANCE)
        .bind(id.uuid())
        .bind(i64::try_from(bytes).unwrap_or(i64::MAX))
        .bind(done.records)
        .bind(done.created)
        .bind(done.updated)
        .bind(done.unchanged)
        .bind(done.failed)
        .execute()
        .await?;
    Ok(touched == 1)
}

/// Ends an import; false when it was over.
pub(crate) async fn end(
    tx: &mut Tx,
    id: ImportId,
    status: JobStatus,
    detail: Option<String>,
) -> Result<bool> {
    let now = tx.now();
    let query = tx.query(END).bind(id.uuid()).bind(status.word()).bind(detail).bind(now);
    Ok(query.execute().await? == 1)
}

/// Forgets the imports that are over but for the newest; their ids.
pub(crate) async fn forget(tx: &mut Tx, kept: i64) -> Result<Vec<ImportId>> {
    let gone: Vec<(Uuid,)> = tx.query(FORGET).bind(kept).all().await?;
    Ok(gone.into_iter().map(|(id,)| id.into()).collect())
}
