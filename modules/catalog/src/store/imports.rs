//! How far imports have come.

use platform::sql::{Db, Result, Tx};

platform::statements! {
    FIND = "select records, created, updated, unchanged, failed, error_bytes from import_progress
             where fingerprint = $1";
    START = "insert into import_progress (fingerprint, records, created, updated, unchanged,
                                          failed, error_bytes, updated_at)
             values ($1, $2, $3, $4, $5, $6, $7, $8) on conflict (fingerprint) do nothing";
    MOVE = "update import_progress set records = $2, created = $3, updated = $4, unchanged = $5,
                   failed = $6, error_bytes = $7, updated_at = $8
             where fingerprint = $1 and records = $9";
    FORGET = "delete from import_progress where fingerprint = $1";
    FINISH = "delete from import_progress where fingerprint = $1 and records = $2";
}

/// What an import has done so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, platform::sql::Record)]
pub(crate) struct Done {
    pub records: i64,
    pub created: i64,
    pub updated: i64,
    pub unchanged: i64,
    pub failed: i64,
    /// How long the file of errors is.
    pub error_bytes: i64,
}

pub(crate) async fn find(db: &Db, fingerprint: &str) -> Result<Option<Done>> {
    db.query(FIND).bind(fingerprint).optional().await
}

/// Moves the mark from `before` to `after`; false when it is not where this import left it.
pub(crate) async fn advance(
    tx: &mut Tx,
    fingerprint: &str,
    before: Done,
    after: Done,
) -> Result<bool> {
    let now = tx.now();
    let sql = if before.records == 0 { START } else { MOVE };
    let mut query = tx
        .query(sql)
        .bind(fingerprint)
        .bind(after.records)
        .bind(after.created)
        .bind(after.updated)
        .bind(after.unchanged)
        .bind(after.failed)
        .bind(after.error_bytes)
        .bind(now);
    if before.records > 0 {
        query = query.bind(before.records);
    }
    Ok(query.execute().await? == 1)
}

/// Forgets the mark of an import that is through.
pub(crate) async fn finish(tx: &mut Tx, fingerprint: &str, at: Done) -> Result<bool> {
    let gone = tx.query(FINISH).bind(fingerprint).bind(at.records).execute().await?;
    Ok(gone == 1)
}

/// Forgets the mark of an import that does not go on.
pub(crate) async fn forget(tx: &mut Tx, fingerprint: &str) -> Result<()> {
    tx.query(FORGET).bind(fingerprint).execute().await.map(drop)
}
