//! The journal's tables: what is appended, and what rules ask of it.

pub(crate) mod difference;
pub(crate) mod fetching;
pub(crate) mod pages;
pub(crate) mod sealing;
pub(crate) mod settlement;

use std::collections::{BTreeSet, HashSet};

use kernel::id::OrderId;
use kernel::{Currency, Money, Timestamp};
use platform::seal;
use platform::sql::{Error, Json, Result, Tx};
use serde::Serialize;
use serde_json::json;
use uuid::Uuid;

use crate::domain::{Account, Entry, Kind, Movement, Posting, Replacement, SALE, SoFar, Sold};

platform::statements! {
    /// SQLite has one writer: whoever is in a unit of work holds every row.
    LOCK = "select entries from journal", "select entries from journal for update";
    KNOWN =
        "select key from entry where key in (select value from json_each($1))",
        "select key from entry where key = any(array(select jsonb_array_elements_text($1)))";
    ADD_ACCOUNTS =
        "insert into account (code, currency, kind, subject)
         select value->>'code', value->>'currency', value->>'kind', unhex(value->>'subject', '-')
           from json_each($1)
          where not exists (select 1 from account a where a.code = value->>'code'
                               and a.currency = value->>'currency')",
        "insert into account (code, currency, kind, subject)
         select n.code, n.currency, n.kind, n.subject
           from jsonb_to_recordset($1) as n(code text, currency text, kind text, subject uuid)
             on conflict do nothing";
    ADD_ENTRIES =
        "insert into entry (number, key, kind, occurred_at, recorded_at, order_id, payment_id,
                description, postings)
         select value->>'number', value->>'key', value->>'kind', value->>'occurred_at', $2,
                unhex(value->>'order_id', '-'), unhex(value->>'payment_id', '-'),
                value->>'description', value->>'postings'
           from json_each($1) order by json_each.id",
        "insert into entry (number, key, kind, occurred_at, recorded_at, order_id, payment_id,
                description, postings)
         select n.number, n.key, n.kind, n.occurred_at, $2, n.order_id, n.payment_id,
                n.description, n.postings
           from jsonb_to_recordset($1) as n(number bigint, key text, kind text,
                occurred_at timestamptz, order_id uuid, payment_id uuid, description text,
                postings bigint)
          order by n.number";
    ADD_POSTINGS =
        "insert into posting (entry, n, debit, credit, currency, amount_minor)
         select value->>'entry', value->>'n', value->>'debit', value->>'credit',
                value->>'currency', value->>'amount'
           from json_each($1)",
        "insert into posting (entry, n, debit, credit, currency, amount_minor)
         select p.entry, p.n, p.debit, p.credit, p.currency, p.amount
           from jsonb_to_recordset($1) as p(entry bigint, n bigint, debit text, credit text,
                currency text, amount bigint)";
    /// The kinds are those of `domain::SALE`.
    SOLD_OF = "select p.debit, p.credit, p.currency, cast(sum(p.amount_minor) as bigint) as minor
                 from entry e join posting p on p.entry = e.number
                where e.order_id = $1 and e.kind in ($2, $3, $4)
                group by p.debit, p.credit, p.currency order by p.debit, p.credit, p.currency";
    BALANCE = "select currency, balance_minor from account where code = $1
                order by currency limit 1";
    IS_CALLED_OFF = "select count(*) from called_off where order_id = $1";
    CALL_OFF = "insert into called_off (order_id) values ($1) on conflict do nothing";
    SHARE = "insert into replacement (order_id, account_id) values ($1, $2) on conflict do nothing";
    REPLACEMENT = "select r.account_id, coalesce(a.balance_minor, 0) as owed
                     from replacement r left join account a on a.code = $2
                    where r.order_id = $1 limit 1";
    REPLACEMENTS =
        "select order_id from replacement
          where order_id in (select unhex(value, '-') from json_each($1))",
        "select order_id from replacement
          where order_id = any(array(select cast(value as uuid) from jsonb_array_elements_text($1)))";
    ADD_MOVEMENTS =
        "insert into movement (id, kind, payment_id, charge, amount_minor, currency, occurred_at)
         select value->>'id', value->>'kind', unhex(value->>'payment_id', '-'), value->>'charge',
                value->>'amount', value->>'currency', value->>'occurred_at'
           from json_each($1) where true order by json_each.id on conflict do nothing",
        "insert into movement (id, kind, payment_id, charge, amount_minor, currency, occurred_at)
         select m.id, m.kind, m.payment_id, m.charge, m.amount, m.currency, m.occurred_at
           from jsonb_to_recordset($1) as m(id text, kind text, payment_id uuid, charge text,
                amount bigint, currency text, occurred_at timestamptz)
         on conflict do nothing";
}

/// The journal, held to the end of the unit of work: nobody else appends to it until then.
pub(crate) struct Held {
    entries: i64,
}

/// Waits for the journal.
pub(crate) async fn lock(tx: &mut Tx) -> Result<Held> {
    let (entries,): (i64,) = tx.query(LOCK).one().await?;
    Ok(Held { entries })
}

#[derive(Serialize)]
struct EntryRow<'a> {
    number: i64,
    key: &'a str,
    kind: &'a str,
    #[serde(serialize_with = "platform::sql::spell")]
    occurred_at: Timestamp,
    order_id: Option<Uuid>,
    payment_id: Option<Uuid>,
    description: &'a str,
    postings: usize,
}

impl<'a> EntryRow<'a> {
    fn of(number: i64, entry: &'a Entry) -> Self {
        Self {
            number,
            key: &entry.key,
            kind: &entry.kind,
            occurred_at: entry.occurred_at,
            order_id: entry.order_id.map(OrderId::uuid),
            payment_id: entry.payment_id.map(kernel::id::PaymentId::uuid),
            description: &entry.description,
            postings: entry.postings.len(),
        }
    }
}

/// Appends entries; those that are journaled already change nothing.
pub(crate) async fn append(tx: &mut Tx, held: &mut Held, entries: &[Entry]) -> Result<()> {
    if entries.is_empty() {
        return Ok(());
    }
    let keys: Vec<&str> = entries.iter().map(|entry| entry.key.as_str()).collect();
    let known: Vec<(String,)> = tx.query(KNOWN).bind(Json(&keys)).all().await?;
    let mut known: HashSet<String> = known.into_iter().map(|(key,)| key).collect();
    let new: Vec<&Entry> = entries.iter().filter(|it| known.insert(it.key.clone())).collect();
    if new.is_empty() {
        return Ok(());
    }
    let mut accounts: BTreeSet<(&Account, Currency)> = BTreeSet::new();
    let (mut rows, mut postings) = (Vec::with_capacity(new.len()), Vec::new());
    let (mut notes, now) = (Vec::with_capacity(new.len()), tx.now());
    for entry in new {
        held.entries += 1;
        rows.push(EntryRow::of(held.entries, entry));
        notes.push(noted(held.entries, entry, now));
        for (n, posting) in (1..).zip(&entry.postings) {
            accounts.extend([&posting.debit, &posting.credit].map(|one| (one, entry.currency)));
            postings.push(posting_row(held.entries, n, entry.currency, posting));
        }
    }
    let accounts: Vec<_> = accounts.into_iter().map(account_row).collect();
    tx.query(ADD_ACCOUNTS).bind(Json(accounts)).execute().await?;
    tx.query(ADD_ENTRIES).bind(Json(rows)).bind(now).execute().await?;
    tx.query(ADD_POSTINGS).bind(Json(postings)).execute().await?;
    seal::note(tx, sealing::SOURCE, &notes).await
}

fn noted(number: i64, entry: &Entry, recorded_at: Timestamp) -> seal::Note {
    let currency = entry.currency.code();
    let row = |posting: &Posting| {
        let (debit, credit) = (posting.debit.code.clone(), posting.credit.code.clone());
        (debit, credit, currency.to_owned(), posting.amount)
    };
    let postings: Vec<_> = entry.postings.iter().map(row).collect();
    let written = sealing::Written {
        number,
        key: entry.key.clone(),
        kind: entry.kind.clone(),
        occurred_at: entry.occurred_at,
        recorded_at,
        order_id: entry.order_id.map(OrderId::uuid),
        payment_id: entry.payment_id.map(kernel::id::PaymentId::uuid),
        description: entry.description.clone(),
    };
    sealing::note(&written, &postings)
}

fn account_row((account, currency): (&Account, Currency)) -> serde_json::Value {
    json!({"code": account.code, "currency": currency, "kind": account.kind.word(),
           "subject": account.subject})
}

fn posting_row(entry: i64, n: i64, currency: Currency, posting: &Posting) -> serde_json::Value {
    json!({"entry": entry, "n": n, "debit": posting.debit.code, "credit": posting.credit.code,
           "currency": currency, "amount": posting.amount})
}

/// What the journal knows of an order. It is held, so that it knows the same when the entry is appended.
pub(crate) async fn so_far(tx: &mut Tx, _: &Held, order: OrderId) -> Result<SoFar> {
    let [confirmed, edited, refunded] = SALE;
    let query = tx.query(SOLD_OF).bind(order.uuid()).bind(confirmed).bind(edited).bind(refunded);
    let rows: Vec<(String, String, String, i64)> = query.all().await?;
    let goodwill = balance(tx, &Account::goodwill(order)).await?;
    let dispute_losses = balance(tx, &Account::dispute_losses(order)).await?;
    let (off,): (i64,) = tx.query(IS_CALLED_OFF).bind(order.uuid()).one().await?;
    Ok(SoFar {
        sold: rows.into_iter().map(sold).collect::<Result<_>>()?,
        goodwill,
        dispute_losses,
        is_called_off: off > 0,
        replacement: None,
    })
}

async fn balance(tx: &mut Tx, account: &Account) -> Result<Option<Money>> {
    let found: Option<(String, i64)> =
        tx.query(BALANCE).bind(account.code.as_str()).optional().await?;
    found.map(|(code, minor)| money(minor, &code)).transpose()
}

fn sold((debit, credit, code, minor): (String, String, String, i64)) -> Result<Sold> {
    let (debit, credit) = (account(&debit)?, account(&credit)?);
    let currency = currency(&code)?;
    Ok(if debit.kind == Kind::Receivable {
        Sold { receivable: debit, account: credit, minor, currency }
    } else {
        Sold { receivable: credit, account: debit, minor: -minor, currency }
    })
}

/// Remembers whose payments hold the money of a replacement.
pub(crate) async fn share(tx: &mut Tx, order: OrderId, account: OrderId) -> Result<()> {
    tx.query(SHARE).bind(order.uuid()).bind(account.uuid()).execute().await.map(drop)
}

/// A replacement with what is owed for it by itself; None of any other order.
pub(crate) async fn replacement(tx: &mut Tx, order_id: OrderId) -> Result<Option<Replacement>> {
    let own = Account::receivable(order_id);
    let query = tx.query(REPLACEMENT).bind(order_id.uuid()).bind(own.code.as_str());
    let found: Option<(Uuid, i64)> = query.optional().await?;
    Ok(found.map(|(account, owed)| Replacement { order_id, account_id: account.into(), owed }))
}

/// Remembers that an order was called off or failed.
pub(crate) async fn call_off(tx: &mut Tx, order: OrderId) -> Result<()> {
    tx.query(CALL_OFF).bind(order.uuid()).execute().await.map(drop)
}

/// The replacements among orders.
pub(crate) async fn replacements(tx: &mut Tx, orders: &[OrderId]) -> Result<HashSet<OrderId>> {
    if orders.is_empty() {
        return Ok(HashSet::new());
    }
    let rows: Vec<(Uuid,)> = tx.query(REPLACEMENTS).bind(Json(orders)).all().await?;
    Ok(rows.into_iter().map(|(order,)| order.into()).collect())
}

#[derive(Serialize)]
struct MovementRow<'a> {
    id: &'a str,
    kind: &'static str,
    payment_id: Uuid,
    charge: Option<&'a str>,
    amount: i64,
    currency: Currency,
    #[serde(serialize_with = "platform::sql::spell")]
    occurred_at: Timestamp,
}

impl<'a> From<&'a Movement> for MovementRow<'a> {
    fn from(movement: &'a Movement) -> Self {
        Self {
            id: &movement.id,
            kind: movement.kind.word(),
            payment_id: movement.payment_id.uuid(),
            charge: movement.charge.as_deref(),
            amount: movement.amount.minor(),
            currency: movement.amount.currency(),
            occurred_at: movement.occurred_at,
        }
    }
}

/// Remembers what the processor is to settle.
pub(crate) async fn add_movements(tx: &mut Tx, movements: &[Movement]) -> Result<()> {
    if movements.is_empty() {
        return Ok(());
    }
    let rows: Vec<MovementRow<'_>> = movements.iter().map(Into::into).collect();
    tx.query(ADD_MOVEMENTS).bind(Json(rows)).execute().await.map(drop)
}

pub(crate) fn account(code: &str) -> Result<Account> {
    Account::of_code(code).ok_or_else(|| Error::Inconsistent(format!("account {code}")))
}

pub(crate) fn currency(code: &str) -> Result<Currency> {
    code.parse().map_err(|_| Error::Inconsistent(format!("currency {code}")))
}

pub(crate) fn money(minor: i64, code: &str) -> Result<Money> {
    Ok(Money::from_minor(minor, currency(code)?))
}
