//! What the staff reads of the journal.

use std::collections::HashMap;

use kernel::{Money, Timestamp};
use platform::sql::{Db, Json, Result};
use uuid::Uuid;

use super::{account, money};
use crate::domain::Kind;

macro_rules! entries {
    ($rest:literal) => {
        concat!(
            "select number, kind, occurred_at, recorded_at, order_id, payment_id, description \
             from entry ",
            $rest
        )
    };
}

platform::statements! {
    ACCOUNTS = "select code, currency, subject, balance_minor from account
                 where (code, currency) > ($1, $2) and code >= $3 and code < $4
                 order by code, currency limit $5";
    OPEN_ACCOUNTS = "select code, currency, subject, balance_minor from account
                      where (code, currency) > ($1, $2) and code >= $3 and code < $4
                        and balance_minor <> 0
                      order by code, currency limit $5";
    ENTRIES = entries!("where number < $1 order by number desc limit $2");
    ENTRIES_OF_ORDER = entries!("where order_id = $1 and number < $2 order by number desc limit $3");
    ENTRIES_OF_PAYMENT = entries!("where payment_id = $1 and number < $2
                                   order by number desc limit $3");
    ENTRIES_OF_ACCOUNT = entries!("where number in (
                  select entry from (select distinct entry from posting
                                      where debit = $1 and entry < $2
                                      order by entry desc limit $3) d
                   union
                  select entry from (select distinct entry from posting
                                      where credit = $1 and entry < $2
                                      order by entry desc limit $3) c)
                order by number desc limit $3");
    ENTRY = entries!("where number = $1");
    POSTINGS =
        "select entry, debit, credit, currency, amount_minor from posting
          where entry in (select value from json_each($1)) order by entry, n",
        "select entry, debit, credit, currency, amount_minor from posting
          where entry = any(array(select cast(value as bigint) from jsonb_array_elements_text($1)))
          order by entry, n";
    /// What stands on the debit side of open accounts whose codes begin with a word.
    OPEN_DEBITS = "select currency, cast(sum(balance_minor) as bigint) as minor, count(*) as items
                     from account
                    where code >= $1 and code < $2 and balance_minor <> 0 and balance_minor > 0
                    group by currency order by currency";
    OWED = "select code, currency, -balance_minor from account
             where code in ('gift_cards', 'store_credit') order by code, currency";
    EXPOSED = "select currency, cast(sum(exposed_minor) as bigint) as minor, count(*) as items
                 from difference where resolved_at is null group by currency order by currency";
    POSITIONS =
        "select subject, currency, balance_minor from account
          where code in (select 'receivable:' || value from json_each($1))",
        "select subject, currency, balance_minor from account
          where code = any(array(select 'receivable:' || value from jsonb_array_elements_text($1)))";
    MOVED =
        "select e.order_id, e.kind, cast(sum(p.amount_minor) as bigint) as minor
           from entry e join posting p on p.entry = e.number
          where e.order_id in (select unhex(value, '-') from json_each($1))
            and e.kind in ('payment.captured', 'payment.refunded') group by e.order_id, e.kind",
        "select e.order_id, e.kind, cast(sum(p.amount_minor) as bigint) as minor
           from entry e join posting p on p.entry = e.number
          where e.order_id = any(array(select cast(value as uuid) from jsonb_array_elements_text($1)))
            and e.kind in ('payment.captured', 'payment.refunded') group by e.order_id, e.kind";
}

/// An account with its balance.
pub(crate) struct AccountRow {
    pub code: String,
    pub kind: Kind,
    pub subject: Option<Uuid>,
    /// What was debited less what was credited.
    pub balance: Money,
}

/// Which accounts are wanted.
pub(crate) struct WantedAccounts<'a> {
    pub kind: Option<Kind>,
    pub is_open: bool,
    pub after: (&'a str, &'a str),
    pub limit: u32,
}

/// The codes of a kind, or all there are: from the first on, and below the second.
fn codes(kind: Option<Kind>) -> (&'static str, String) {
    // The codes of a kind are its word, alone or with a colon behind it; a semicolon is next to that.
    kind.map_or_else(|| ("", "~".to_owned()), |kind| (kind.word(), format!("{};", kind.word())))
}

/// Accounts by their codes.
pub(crate) async fn accounts(db: &Db, wanted: &WantedAccounts<'_>) -> Result<Vec<AccountRow>> {
    let query = db.query(if wanted.is_open { OPEN_ACCOUNTS } else { ACCOUNTS });
    let (from, below) = codes(wanted.kind);
    let rows: Vec<(String, String, Option<Uuid>, i64)> = query
        .bind(wanted.after.0)
        .bind(wanted.after.1)
        .bind(from)
        .bind(below)
        .bind(i64::from(wanted.limit))
        .all()
        .await?;
    let row = |(code, currency, subject, minor): (String, String, Option<Uuid>, i64)| {
        let kind = account(&code)?.kind;
        Ok(AccountRow { kind, subject, balance: money(minor, &currency)?, code })
    };
    rows.into_iter().map(row).collect()
}

#[derive(platform::sql::Record)]
struct EntryHead {
    number: i64,
    kind: String,
    occurred_at: Timestamp,
    recorded_at: Timestamp,
    order_id: Option<Uuid>,
    payment_id: Option<Uuid>,
    description: String,
}

/// An entry with what it posted.
pub(crate) struct EntryRow {
    pub number: i64,
    pub kind: String,
    pub occurred_at: Timestamp,
    pub recorded_at: Timestamp,
    pub order_id: Option<Uuid>,
    pub payment_id: Option<Uuid>,
    pub description: String,
    pub postings: Vec<PostingRow>,
}

/// An amount that was debited to one account and credited to another.
pub(crate) struct PostingRow {
    pub debit: String,
    pub credit: String,
    pub amount: Money,
}

/// Whose entries are wanted.
pub(crate) enum Whose<'a> {
    All,
    Order(Uuid),
    Payment(Uuid),
    Account(&'a str),
}

/// Entries before one, the newest first.
pub(crate) async fn entries(
    db: &Db,
    whose: Whose<'_>,
    before: i64,
    limit: u32,
) -> Result<Vec<EntryRow>> {
    let query = match whose {
        Whose::All => db.query(ENTRIES),
        Whose::Order(id) => db.query(ENTRIES_OF_ORDER).bind(id),
        Whose::Payment(id) => db.query(ENTRIES_OF_PAYMENT).bind(id),
        Whose::Account(code) => db.query(ENTRIES_OF_ACCOUNT).bind(code),
    };
    let heads = query.bind(before).bind(i64::from(limit)).all().await?;
    with_postings(db, heads).await
}

/// One entry.
pub(crate) async fn entry(db: &Db, number: i64) -> Result<Option<EntryRow>> {
    let heads = db.query(ENTRY).bind(number).all().await?;
    Ok(with_postings(db, heads).await?.pop())
}

/// A posting as it is stored: debit, credit, currency, minor units.
pub(crate) type Written = (String, String, String, i64);

/// What entries post, by their numbers.
pub(crate) async fn postings(db: &Db, entries: &[i64]) -> Result<HashMap<i64, Vec<Written>>> {
    let rows: Vec<(i64, String, String, String, i64)> =
        db.query(POSTINGS).bind(Json(entries)).all().await?;
    let mut postings: HashMap<i64, Vec<Written>> = HashMap::new();
    for (entry, debit, credit, currency, minor) in rows {
        postings.entry(entry).or_default().push((debit, credit, currency, minor));
    }
    Ok(postings)
}

async fn with_postings(db: &Db, heads: Vec<EntryHead>) -> Result<Vec<EntryRow>> {
    let numbers: Vec<i64> = heads.iter().map(|head| head.number).collect();
    let mut stored = postings(db, &numbers).await?;
    let mut postings: HashMap<i64, Vec<PostingRow>> = HashMap::new();
    for (entry, rows) in stored.drain() {
        let row = |(debit, credit, currency, minor): Written| {
            Ok(PostingRow { debit, credit, amount: money(minor, &currency)? })
        };
        postings.insert(entry, rows.into_iter().map(row).collect::<Result<_>>()?);
    }
    let row = |head: EntryHead| EntryRow {
        postings: postings.remove(&head.number).unwrap_or_default(),
        number: head.number,
        kind: head.kind,
        occurred_at: head.occurred_at,
        recorded_at: head.recorded_at,
        order_id: head.order_id,
        payment_id: head.payment_id,
        description: head.description,
    };
    Ok(heads.into_iter().map(row).collect())
}

/// A sum in a currency, and of how many.
pub(crate) struct Sum {
    pub amount: Money,
    pub items: i64,
}

fn sums(rows: Vec<(String, i64, i64)>) -> Result<Vec<Sum>> {
    let sum =
        |(code, minor, items): (String, i64, i64)| Ok(Sum { amount: money(minor, &code)?, items });
    rows.into_iter().map(sum).collect()
}

/// What stands on the debit side of all accounts of a kind, by currency.
pub(crate) async fn open_debits(db: &Db, kind: Kind) -> Result<Vec<Sum>> {
    let (from, below) = codes(Some(kind));
    sums(db.query(OPEN_DEBITS).bind(from).bind(below).all().await?)
}

/// What is owed to those who have gift cards (`gift_cards`) and store credit (`store_credit`), by currency, in minor
/// units.
pub(crate) async fn owed(db: &Db) -> Result<Vec<(String, String, i64)>> {
    db.query(OWED).all().await
}

/// Money that differences are about and that no account has open, by currency.
pub(crate) async fn exposed(db: &Db) -> Result<Vec<Sum>> {
    sums(db.query(EXPOSED).all().await?)
}

/// What the journal has of an order, for checks across modules, in minor units.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Position {
    /// What is owed for it and for the orders whose money its payments hold.
    pub owed: i64,
    /// What its payments took.
    pub captured: i64,
    /// What of that they gave back.
    pub refunded: i64,
}

/// What the journal has of these orders.
pub(crate) async fn positions(db: &Db, orders: &[Uuid]) -> Result<HashMap<Uuid, Position>> {
    let mut positions: HashMap<Uuid, Position> = HashMap::new();
    let owed: Vec<(Uuid, String, i64)> = db.query(POSITIONS).bind(Json(orders)).all().await?;
    for (order, _, minor) in owed {
        positions.entry(order).or_default().owed += minor;
    }
    let moved: Vec<(Uuid, String, i64)> = db.query(MOVED).bind(Json(orders)).all().await?;
    for (order, kind, minor) in moved {
        let position = positions.entry(order).or_default();
        if kind == "payment.captured" {
            position.captured += minor;
        } else {
            position.refunded += minor;
        }
    }
    Ok(positions)
}
