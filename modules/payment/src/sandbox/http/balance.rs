//! Balance transactions: what moved, as Stripe books it (docs.stripe.com/reports/reporting-categories). The money of a dispute
//! leaves when it is opened and comes back when it is won.

use std::collections::HashMap;

use kernel::ports::SettledKind;
use kernel::{Currency, Timestamp};
use serde_json::{Value, json};

use super::form::Form;
use super::shapes;
use super::{Face, Said};
use crate::domain::dispute::State;
use crate::sandbox::Sandbox;
use crate::sandbox::store::intents::{self as store, DisputeRow, IntentRow};

/// What a transaction is about.
#[derive(Clone)]
enum Source {
    Charge(String),
    /// The key of the command that gave it back.
    Refund(String),
    Dispute(String),
}

/// A balance transaction.
#[derive(Clone)]
struct Booked {
    id: String,
    source: Source,
    kind: &'static str,
    category: &'static str,
    currency: Currency,
    /// What the merchant has more of by it, and what is kept of that, in minor units.
    amount: i64,
    fee: i64,
    at: Timestamp,
    available_on: Timestamp,
}

/// What was taken, given back and taken away, the newest first.
pub async fn transactions(face: &Face, mut form: Form) -> Said {
    let page = form.page()?;
    let when = form.span("created")?;
    form.end()?;
    let mut booked = all(&face.sandbox, when).await?;
    booked.sort_by(|a, b| (b.at, &b.id).cmp(&(a.at, &a.id)));
    let after = page.after.and_then(|id| booked.iter().position(|one| one.id == id));
    let begin = after.map_or(0, |place| place + 1);
    let most = usize::try_from(page.limit).unwrap_or_default() + 1;
    let shown: Vec<Booked> = booked.into_iter().skip(begin).take(most).collect();
    let sources = Sources::of(face, &shown).await?;
    let is_expanded = form.expands("source");
    let shown = shown.iter().map(|one| one.shape(&sources.shown(face, &one.source, is_expanded)));
    Ok(shapes::list("/v1/balance_transactions", shown.collect(), page.limit))
}

/// Everything that was booked from one moment on and before another.
async fn all(
    sandbox: &Sandbox,
    (from, until): (Timestamp, Timestamp),
) -> platform::sql::Result<Vec<Booked>> {
    let mut booked = Vec::new();
    for moved in sandbox.moved((from, until)).await? {
        let line = moved.line;
        let (source, kind) = match line.kind {
            SettledKind::Refund => (Source::Refund(moved.key), "refund"),
            SettledKind::Charge | SettledKind::Dispute => {
                (Source::Charge(line.charge.unwrap_or_default()), "charge")
            }
        };
        booked.push(Booked {
            id: line.id,
            source,
            kind,
            category: kind,
            currency: line.gross.currency(),
            amount: line.gross.minor(),
            fee: line.fee.minor(),
            at: line.created_at,
            available_on: line.available_on,
        });
    }
    for dispute in sandbox.disputes().await? {
        let won_at = dispute.closed_at.filter(|_| dispute.state == State::Won.word());
        let times = (dispute.opened_at, won_at);
        booked.extend(disputed(
            sandbox,
            (&dispute.id, dispute.amount_minor, dispute.currency()?),
            times,
        ));
    }
    booked.retain(|one| one.at >= from && one.at < until);
    Ok(booked)
}

/// What a dispute takes away when it is opened, and gives back when it was won.
fn disputed(
    sandbox: &Sandbox,
    (id, amount, currency): (&str, i64, Currency),
    (opened_at, won_at): (Timestamp, Option<Timestamp>),
) -> Vec<Booked> {
    let taken = Booked {
        id: format!("txn_{id}"),
        source: Source::Dispute(id.to_owned()),
        kind: "adjustment",
        category: "dispute",
        currency,
        amount: -amount,
        fee: 0,
        at: opened_at,
        available_on: sandbox.terms.available_on(opened_at),
    };
    let given_back = won_at.map(|at| Booked {
        id: format!("txn_{id}_won"),
        category: "dispute_reversal",
        amount,
        at,
        available_on: sandbox.terms.available_on(at),
        ..taken.clone()
    });
    std::iter::once(taken).chain(given_back).collect()
}

/// How the money of a dispute moved.
pub fn of_dispute(sandbox: &Sandbox, row: &DisputeRow) -> Vec<Value> {
    let Ok(currency) = row.currency.parse() else { return Vec::new() };
    let won_at = row.closed_at.filter(|_| row.state == State::Won.word());
    let what = (row.id.as_str(), row.amount_minor, currency);
    let booked = disputed(sandbox, what, (row.opened_at, won_at));
    booked.iter().map(|one| one.shape(&json!(row.id))).collect()
}

impl Booked {
    fn shape(&self, source: &Value) -> Value {
        let currency = self.currency.code().to_ascii_lowercase();
        let details = match self.fee {
            0 => json!([]),
            fee => json!([{"amount": fee, "application": null, "currency": currency,
                "description": "Processing fees", "type": "stripe_fee"}]),
        };
        json!({
            "id": self.id,
            "object": "balance_transaction",
            "amount": self.amount,
            "available_on": self.available_on.timestamp(),
            "balance_type": "payments",
            "created": self.at.timestamp(),
            "currency": currency,
            "description": null,
            "exchange_rate": null,
            "fee": self.fee,
            "fee_details": details,
            "net": self.amount - self.fee,
            "reporting_category": self.category,
            "source": source,
            "status": "available",
            "type": self.kind,
        })
    }
}

/// What a page of transactions is about, as far as it was made over HTTP.
struct Sources {
    /// By their charges.
    intents: HashMap<String, IntentRow>,
    /// By the keys of their commands.
    refunds: HashMap<String, store::RefundRow>,
    disputes: HashMap<String, DisputeRow>,
}

impl Sources {
    async fn of(face: &Face, booked: &[Booked]) -> platform::sql::Result<Self> {
        let db = &face.sandbox.db;
        let (mut charges, mut keys, mut disputes) = (Vec::new(), Vec::new(), Vec::new());
        for one in booked {
            match &one.source {
                Source::Charge(id) => charges.push(id.as_str()),
                Source::Refund(key) => keys.push(key.as_str()),
                Source::Dispute(id) => disputes.push(id.as_str()),
            }
        }
        let refunds = store::refunds_of_keys(db, &keys).await?;
        charges.extend(refunds.iter().map(|refund| refund.charge_id.as_str()));
        let intents = store::intents_of_charges(db, &charges).await?;
        let disputes = store::disputes_by_id(db, &disputes).await?;
        let by_charge = |row: IntentRow| Some((row.charge_id.clone()?, row));
        Ok(Self {
            intents: intents.into_iter().filter_map(by_charge).collect(),
            refunds: refunds.into_iter().map(|row| (row.key.clone(), row)).collect(),
            disputes: disputes.into_iter().map(|row| (row.id.clone(), row)).collect(),
        })
    }

    /// A source, or its id; null when it has none.
    fn shown(&self, face: &Face, source: &Source, is_expanded: bool) -> Value {
        let now = face.sandbox.db.clock().now();
        let whole = match source {
            Source::Charge(id) => {
                let charge = self.intents.get(id).and_then(|row| shapes::charge(row, now).ok());
                charge.unwrap_or_else(|| json!(id))
            }
            Source::Refund(key) => self.refunds.get(key).map_or(Value::Null, |row| {
                let of = self.intents.get(&row.charge_id);
                of.map_or_else(|| json!(row.id), |of| shapes::refund(row, of))
            }),
            Source::Dispute(id) => {
                self.disputes.get(id).map_or_else(|| json!(id), |row| face.dispute(row))
            }
        };
        match whole.get("id") {
            Some(id) if !is_expanded => id.clone(),
            _ => whole,
        }
    }
}
