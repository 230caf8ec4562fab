//! Guesses: what limits them is a guard.

use kernel::Timestamp;
use platform::sql::{Json, Result, Tx};
use serde::Serialize;

platform::guard! {
    /// Wrong passwords and codes of one account, or from one client, in one window.
    LOGIN_ATTEMPTS: "login_attempt.failures", table "login_attempt", key text "key",
    used "failures", limit "failures_max"
}

platform::statements! {
    OPEN =
        "insert into login_attempt (key, failures, failures_max, window_ends, version)
         select value->>'key', 0, value->>'failures_max', value->>'ends', 1
           from json_each($1) where true on conflict (key) do nothing",
        "insert into login_attempt (key, failures, failures_max, window_ends, version)
         select a.key, 0, a.failures_max, a.ends, 1
           from jsonb_to_recordset($1) as a(key text, failures_max bigint, ends timestamptz)
          order by a.key on conflict (key) do nothing";
    PRUNE =
        "delete from login_attempt where key in
            (select key from login_attempt where window_ends <= $1 order by window_ends limit $2)";
}

/// A row that guesses are taken from.
#[derive(Serialize)]
pub(crate) struct Window {
    pub key: String,
    pub failures_max: u32,
    #[serde(serialize_with = "platform::sql::spell")]
    pub ends: Timestamp,
}

/// Makes the rows that guesses are taken from, where they are not there yet.
pub(crate) async fn open(tx: &mut Tx, windows: &[Window]) -> Result<()> {
    tx.query(OPEN).bind(Json(windows)).execute().await.map(drop)
}

/// Deletes windows that are over, so many at most.
pub(crate) async fn prune(tx: &mut Tx, most: i64) -> Result<u64> {
    let now = tx.now();
    tx.query(PRUNE).bind(now).bind(most).execute().await
}
