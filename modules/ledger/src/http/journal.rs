use actix_web::web::{Data, Path};
use kernel::problem::Problem;
use kernel::{Money, Page, PageQuery, Timestamp};
use platform::http::{Answer, Failure, Params, Staff, ok};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::Ledger;
use crate::domain::Kind;
use crate::store::pages::{self, AccountRow, EntryRow, PostingRow, WantedAccounts, Whose};

/// An account of the journal.
#[derive(Serialize, ToSchema)]
#[schema(as = LedgerAccount, example = json!({
    "code": "revenue:home", "kind": "revenue", "normal_side": "credit",
    "balance": {"amount": "1680.67", "currency": "EUR"}
}))]
pub(super) struct AccountView {
    /// Its kind, and behind a colon what it is for where there are several.
    code: String,
    /// What it is for.
    kind: &'static str,
    /// The order of `receivable`, `goodwill` and `dispute_losses`, the payment of `clearing` and `disputes`.
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<Uuid>,
    /// The side on which its balance stands: `debit` or `credit`.
    normal_side: &'static str,
    /// Its balance on that side; below zero when it stands on the other one.
    balance: Money,
}

impl From<AccountRow> for AccountView {
    fn from(row: AccountRow) -> Self {
        let AccountRow { code, kind, subject, balance } = row;
        let normal_side = kind.normal_side();
        let sign = if normal_side == "debit" { 1 } else { -1 };
        let balance = Money::from_minor(sign * balance.minor(), balance.currency());
        Self { code, kind: kind.word(), subject, normal_side, balance }
    }
}

/// Which accounts are wanted.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Wanted {
    /// Only those of a kind, e.g. `receivable`, `clearing` or `revenue`.
    kind: Option<String>,
    /// Whether only those are wanted whose balance is not zero.
    #[serde(default)]
    open: bool,
    /// How many, 1 to 100; 24 by default.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    #[param(pattern = "^([0-9a-fA-F]{2})+$")]
    cursor: Option<String>,
}

/// The accounts of the journal by their codes, with their balances.
#[utoipa::path(get, path = "/v1/admin/ledger/accounts", tag = "ledger", params(Wanted),
    responses((status = 200, description = "A page of accounts", body = Page<AccountView>)))]
pub(super) async fn accounts(ledger: Data<Ledger>, _: Staff, wanted: Params<Wanted>) -> Answer {
    let Wanted { kind, open, limit, cursor } = wanted.0;
    let query = PageQuery { limit, cursor };
    let unknown = || Problem::invalid("kind", "must be a kind of account, e.g. receivable");
    let kind = kind.map(|word| Kind::from_word(&word).ok_or_else(unknown)).transpose()?;
    let (limit, after) = (query.limit()?, query.position::<(String, String)>()?);
    let (code, currency) = after.unwrap_or_default();
    let wanted =
        WantedAccounts { kind, is_open: open, after: (&code, &currency), limit: limit + 1 };
    let found = pages::accounts(&ledger.db, &wanted).await?;
    let page = Page::cut(found, limit, |account| {
        (account.code.clone(), account.balance.currency().code().to_owned())
    });
    ok(&page.map(AccountView::from))
}

/// An amount that an entry debits to one account and credits to another.
#[derive(Serialize, ToSchema)]
#[schema(as = LedgerPosting)]
pub(super) struct PostingView {
    debit: String,
    credit: String,
    amount: Money,
}

/// An entry of the journal.
#[derive(Serialize, ToSchema)]
#[schema(as = LedgerEntry, example = json!({
    "number": 7, "kind": "payment.captured", "description": "The processor took it.",
    "occurred_at": "2026-11-29T00:00:00Z", "recorded_at": "2026-11-29T00:00:01Z",
    "order_id": "019abf3e-5f0e-7c0c-8a44-9f6a3d1c2b10",
    "payment_id": "019abf3e-5f0e-7c0c-8a44-9f6a3d1c2b12",
    "postings": [{
        "debit": "clearing:019abf3e-5f0e-7c0c-8a44-9f6a3d1c2b12",
        "credit": "receivable:019abf3e-5f0e-7c0c-8a44-9f6a3d1c2b10",
        "amount": {"amount": "23.80", "currency": "EUR"}
    }]
}))]
pub(super) struct EntryView {
    /// Its place in the journal, from 1 on without a gap.
    number: i64,
    /// What happened: the name of an event, or `settlement.` and what a line is about.
    kind: String,
    /// The same for people.
    description: String,
    #[schema(value_type = String, format = DateTime)]
    occurred_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    recorded_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    order_id: Option<Uuid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    payment_id: Option<Uuid>,
    postings: Vec<PostingView>,
}

impl From<EntryRow> for EntryView {
    fn from(row: EntryRow) -> Self {
        let posting = |PostingRow { debit, credit, amount }| PostingView { debit, credit, amount };
        Self {
            number: row.number,
            kind: row.kind,
            description: row.description,
            occurred_at: row.occurred_at,
            recorded_at: row.recorded_at,
            order_id: row.order_id,
            payment_id: row.payment_id,
            postings: row.postings.into_iter().map(posting).collect(),
        }
    }
}

async fn page(ledger: &Ledger, whose: Whose<'_>, query: &PageQuery) -> Answer {
    let (limit, before) = (query.limit()?, query.position::<i64>()?);
    let before = before.unwrap_or(i64::MAX);
    let found = pages::entries(&ledger.db, whose, before, limit + 1).await;
    let page = Page::cut(found.map_err(Failure::from)?, limit, |entry| entry.number);
    ok(&page.map(EntryView::from))
}

/// Whose entries are wanted.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct WantedEntries {
    /// Only those of this order.
    order_id: Option<Uuid>,
    /// Only those of this payment.
    payment_id: Option<Uuid>,
    /// How many, 1 to 100; 24 by default.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    #[param(pattern = "^([0-9a-fA-F]{2})+$")]
    cursor: Option<String>,
}

/// The entries of the journal, the newest first.
#[utoipa::path(get, path = "/v1/admin/ledger/entries", tag = "ledger", params(WantedEntries),
    responses((status = 200, description = "A page of entries", body = Page<EntryView>)))]
pub(super) async fn entries(
    ledger: Data<Ledger>,
    _: Staff,
    wanted: Params<WantedEntries>,
) -> Answer {
    let WantedEntries { order_id, payment_id, limit, cursor } = wanted.0;
    let whose = match (order_id, payment_id) {
        (None, None) => Whose::All,
        (Some(order), None) => Whose::Order(order),
        (None, Some(payment)) => Whose::Payment(payment),
        (Some(_), Some(_)) => {
            let detail = "leave it out, or order_id: a payment is of one order";
            return Err(Problem::invalid("payment_id", detail).into());
        }
    };
    page(&ledger, whose, &PageQuery { limit, cursor }).await
}

/// The entries that debit or credit an account, the newest first; none of an account that there is not.
#[utoipa::path(get, path = "/v1/admin/ledger/accounts/{code}/entries", tag = "ledger",
    params(("code" = String, Path, description = "The code of the account"), PageQuery),
    responses((status = 200, description = "A page of entries", body = Page<EntryView>)))]
pub(super) async fn of_account(
    ledger: Data<Ledger>,
    _: Staff,
    code: Path<String>,
    query: Params<PageQuery>,
) -> Answer {
    page(&ledger, Whose::Account(&code), &query.0).await
}

/// One entry.
#[utoipa::path(get, path = "/v1/admin/ledger/entries/{number}", tag = "ledger",
    params(("number" = i64, Path, description = "Its number")),
    responses((status = 200, description = "The entry", body = EntryView)))]
pub(super) async fn entry(ledger: Data<Ledger>, _: Staff, number: Path<String>) -> Answer {
    let absent = || Problem::not_found("such entry");
    let number = number.parse().map_err(|_| absent())?;
    let found = pages::entry(&ledger.db, number).await?.ok_or_else(absent)?;
    ok(&EntryView::from(found))
}
