//! Guesses: what limits them is a guard.

use kernel::Timestamp;
use platform::sql::{Json, Result, Tx};

platform::guard! {
    /// Wrong passwords and codes of one account, or from one client, in one window.
    LOGIN_ATTEMPTS: "login_attempt.failures", table "login_attempt", key text "key",
    used "failures", limit "failures_max"
}

platform::statements! {
    OPEN =
        "insert into login_attempt (key, failures, failures_max, window_ends, version)
         select value->>'key', 0, value->>'max', $2, 1 from json_each($1) where true
             on conflict (key) do nothing",
        "insert into login_attempt (key, failures, failures_max, window_ends, version)
         select a.key, 0, a.max, $2, 1 from jsonb_to_recordset($1) as a(key text, max bigint)
          order by a.key on conflict (key) do nothing";
    PRUNE =
        "delete from login_attempt where key in
            (select key from login_attempt where window_ends <= $1 order by window_ends limit $2)";
}

/// Makes the rows that guesses are taken from, each with its limit, where they are not there yet.
pub(crate) async fn open(
    tx: &mut Tx,
    keys: &[(String, u32)],
    window_ends: Timestamp,
) -> Result<()> {
    let rows: Vec<_> =
        keys.iter().map(|(key, max)| serde_json::json!({"key": key, "max": max})).collect();
    tx.query(OPEN).bind(Json(rows)).bind(window_ends).execute().await.map(drop)
}

/// Deletes windows that are over, so many at most.
pub(crate) async fn prune(tx: &mut Tx, most: i64) -> Result<u64> {
    let now = tx.now();
    tx.query(PRUNE).bind(now).bind(most).execute().await
}
