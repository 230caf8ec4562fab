//! The attempts before the one that is decided about.

use kernel::{Currency, Timestamp};
use platform::sql::{Engine, Json, Record, Result, Row, Tx};
use uuid::Uuid;

use crate::domain::features::PAST_MAX;
use crate::domain::rules::Shared;
use crate::names::Names;

/// Attempts before this one that share a column with it, by what rows are found by.
macro_rules! alike {
    ($row:literal, $column:literal, $name:literal, $since:literal) => {
        concat!(
            "select ",
            $row,
            " from (select ",
            $row,
            " from decision where ",
            $column,
            " = ",
            $name,
            " and at > ",
            $since,
            " order by at desc, ",
            $row,
            " desc limit $8) ",
            $column
        )
    };
}

/// Of attempts before this one, what features and rules are made of. Most share several things with it, and are read
/// once; the first column says which, see [`PastAttempt::shares`].
macro_rules! past {
    ($row:literal) => {
        concat!(
            "select case when account = $1 then 1 else 0 end + case when destination = $2 then 2 else 0 end \
                  + case when card = $3 then 4 else 0 end + case when email = $4 then 8 else 0 end \
                  + case when network = $5 then cast(16 as bigint) else 0 end as shared, \
                    at, case when currency = $9 then amount_minor end as amount_minor, \
                    coalesce(verdict = 'fraud', false) as is_fraud, \
                    coalesce(outcome = 'failed', false) as is_declined, decision = 'deny' as is_denied \
               from decision where ", $row, " in (",
            alike!($row, "account", "$1", "$6"), " union ",
            alike!($row, "destination", "$2", "$6"), " union ",
            alike!($row, "card", "$3", "$7"), " union ",
            alike!($row, "email", "$4", "$7"), " union ",
            alike!($row, "network", "$5", "$7"), ") order by at desc, id desc"
        )
    };
}

platform::statements! {
    /// Whoever decides about the same account, card or address waits here until the commit, so that each sees
    /// the attempts before. SQLite has one writer at a time.
    HOLD = "select count(*) from json_each($1)",
        "select count(pg_advisory_xact_lock(hashtextextended(name, 0)))
           from (select name from jsonb_array_elements_text($1) as name order by name) names";
    /// An index of SQLite has the `rowid` of what it leads to, and not its `id`.
    PAST = past!("rowid"), past!("id");
}

/// What attempts share, each with its place in a sum of powers of two.
const SHARED: [(Shared, i64); 5] = [
    (Shared::Account, 1),
    (Shared::Destination, 2),
    (Shared::Card, 4),
    (Shared::Email, 8),
    (Shared::Network, 16),
];

/// An attempt before the one that is decided about.
#[derive(Debug, Clone)]
pub struct PastAttempt {
    /// The sum of what the two share, see [`SHARED`].
    shared: i64,
    /// When.
    pub at: Timestamp,
    /// The amount; none when it was in another currency.
    pub amount_minor: Option<i64>,
    /// Whether the staff found it to be fraud.
    pub is_fraud: bool,
    /// Whether the processor refused it.
    pub is_declined: bool,
    /// Whether the processor was never asked.
    pub is_denied: bool,
}

impl PastAttempt {
    /// What the two share.
    pub fn shared(&self) -> impl Iterator<Item = Shared> {
        let all = self.shared;
        SHARED.into_iter().filter(move |(_, bit)| all & bit != 0).map(|(shared, _)| shared)
    }

    /// Whether the two share this.
    pub fn shares(&self, what: Shared) -> bool {
        self.shared().any(|shared| shared == what)
    }
}

/// There may be hundreds of them, so that columns are read by their places and not looked for by their names.
impl Record for PastAttempt {
    fn read(row: &Row<'_>) -> Result<Self> {
        Ok(Self {
            shared: row.at(0)?,
            at: row.at(1)?,
            amount_minor: row.at(2)?,
            is_fraud: row.at(3)?,
            is_declined: row.at(4)?,
            is_denied: row.at(5)?,
        })
    }
}

/// Lets others wait who decide about something of the same name. SQLite has one writer, for whom they wait anyway.
pub async fn hold(tx: &mut Tx, names: impl IntoIterator<Item = Uuid>) -> Result<()> {
    if tx.db().engine() == Engine::Sqlite {
        return Ok(());
    }
    let names: Vec<String> = names.into_iter().map(|name| name.to_string()).collect();
    tx.query(HOLD).bind(Json(names)).one::<(i64,)>().await.map(|_| ())
}

/// The attempts that share something with one in this currency, the newest first: of the account and the destination
/// since `since`, of all else since `lately`, and [`PAST_MAX`] at most of each.
pub async fn find(
    tx: &mut Tx,
    names: &Names,
    currency: Currency,
    since: Timestamp,
    lately: Timestamp,
) -> Result<Vec<PastAttempt>> {
    tx.query(PAST)
        .bind(names.account)
        .bind(names.destination)
        .bind(names.card)
        .bind(names.email)
        .bind(names.network)
        .bind(since)
        .bind(lately)
        .bind(i64::try_from(PAST_MAX).unwrap_or(i64::MAX))
        .bind(currency.code())
        .all()
        .await
}
