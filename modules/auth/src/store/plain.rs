//! Rows of before the house sealed what is personal; the migration has marked what is plain of them.

use kernel::id::CustomerId;
use platform::sql::{Db, Json, Result, Sql, Tx};
use serde::Serialize;
use uuid::Uuid;

/// What the migration has written before what is plain.
const MARK: &str = "plain:";

platform::statements! {
    ACCOUNTS =
        "select id, id as owner, email_index as email, personal as other from customer
          where personal like 'plain:%' order by id limit $1";
    SEAL_ACCOUNTS =
        concat!(platform::json_rows!(),
        "update customer set email_index = value->>'index', personal = value->>'sealed' from given
          where customer.id = unhex(value->>'id', '-') and email_index = value->>'before'"),
        "update customer set email_index = s.index, personal = s.sealed
           from jsonb_to_recordset($1) as s(id uuid, before text, index text, sealed text)
          where customer.id = s.id and email_index = s.before";
    LETTERS =
        "select id, customer_id as owner, email_index as email, '' as other from letter
          where email_index like 'plain:%' order by id limit $1";
    SEAL_LETTERS =
        concat!(platform::json_rows!(),
        "update letter set email_index = value->>'index', address = value->>'sealed' from given
          where letter.id = unhex(value->>'id', '-') and email_index = value->>'before'"),
        "update letter set email_index = s.index, address = s.sealed
           from jsonb_to_recordset($1) as s(id uuid, before text, index text, sealed text)
          where letter.id = s.id and email_index = s.before";
    PASSKEYS =
        "select id, customer_id as owner, '' as email, name as other from passkey
          where name like 'plain:%' order by id limit $1";
    SEAL_PASSKEYS =
        concat!(platform::json_rows!(),
        "update passkey set name = value->>'sealed' from given
          where passkey.id = unhex(value->>'id', '-') and name = value->>'before'"),
        "update passkey set name = s.sealed
           from jsonb_to_recordset($1) as s(id uuid, before text, sealed text)
          where passkey.id = s.id and name = s.before";
}

/// What may be plain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The address and the name of an account.
    Account,
    /// The address of a letter.
    Letter,
    /// The name of a passkey.
    Passkey,
}

impl Kind {
    /// All that there is.
    pub(crate) const ALL: [Self; 3] = [Self::Account, Self::Letter, Self::Passkey];

    fn statements(self) -> (Sql, Sql) {
        match self {
            Self::Account => (ACCOUNTS, SEAL_ACCOUNTS),
            Self::Letter => (LETTERS, SEAL_LETTERS),
            Self::Passkey => (PASSKEYS, SEAL_PASSKEYS),
        }
    }
}

#[derive(platform::sql::Record)]
struct Row {
    id: Uuid,
    owner: Uuid,
    email: String,
    other: String,
}

/// A row that is plain.
pub(crate) struct Plain {
    pub id: Uuid,
    /// Whom it is about.
    pub owner: CustomerId,
    /// As it stands there.
    pub before: String,
    /// An address; empty for a passkey.
    pub email: String,
    /// A name; empty for a letter.
    pub name: String,
}

impl From<Row> for Plain {
    fn from(row: Row) -> Self {
        let plain = |text: &str| text.strip_prefix(MARK).unwrap_or(text).to_owned();
        let (email, name) = (plain(&row.email), plain(&row.other));
        let before = if row.email.is_empty() { row.other } else { row.email };
        Self { id: row.id, owner: row.owner.into(), before, email, name }
    }
}

/// What stands in the place of what was plain.
#[derive(Serialize)]
pub(crate) struct After {
    pub id: Uuid,
    /// What stood there.
    pub before: String,
    /// Of the address.
    pub index: String,
    /// What is sealed.
    pub sealed: String,
}

/// Rows that are plain, so many at most.
pub(crate) async fn some(db: &Db, kind: Kind, most: i64) -> Result<Vec<Plain>> {
    let (select, _) = kind.statements();
    let rows: Vec<Row> = db.query(select).bind(most).all().await?;
    Ok(rows.into_iter().map(Plain::from).collect())
}

/// Seals rows that are still as they were.
pub(crate) async fn seal(tx: &mut Tx, kind: Kind, rows: &[After]) -> Result<()> {
    let (_, update) = kind.statements();
    tx.query(update).bind(Json(rows)).execute().await.map(drop)
}
