//! What Stripe settles: its balance transactions (docs.stripe.com/reports/reporting-categories) as lines about payments.
//!
//! - A charge is a line of what was captured. Where a part of what was authorized is let go with the capture, Stripe books all of
//!   it and takes the rest back (`partial_capture_reversal`): both are one line.
//! - A refund is a line below zero. One that failed brings its money back: a charge of nothing that the shop knows, which names
//!   the refund and is a difference for the staff.
//! - A dispute takes its money when it is opened and gives it back when it is won; the shop loses it when it is lost. So the lines
//!   are read off the disputes: one that was lost is a line of what it took and did not give back, with its fee; the others are none.
//! - Payouts, transfers and Stripe's own fees are about no payment and are no lines.

use std::collections::HashMap;

use chrono::TimeDelta;
use kernel::ports::{SettledKind, SettledLine, SettlementError, Unavailable};
use kernel::{Currency, Money, Timestamp};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::client::{Form, NoAnswer};
use super::objects::{Dispute, List, PAYMENT};
use super::{PAGE, Stripe};
use crate::domain::dispute::State;

const TRANSACTIONS: &str = "/v1/balance_transactions";
const DISPUTES: &str = "/v1/disputes";
/// For how long after it was opened a dispute may be lost: banks decide within some months.
const DISPUTES_LAST: TimeDelta = TimeDelta::days(180);
/// How often a page is asked for that Stripe does not give, and the pauses between.
const TRIES_MAX: u32 = 4;
const PAUSE_MS: u64 = 500;
const PAUSE_MAX_MS: u64 = 4_000;

/// What moved the balance.
#[derive(Deserialize)]
pub struct Transaction {
    id: String,
    amount: i64,
    currency: String,
    #[serde(default)]
    fee: i64,
    created: i64,
    available_on: i64,
    #[serde(default)]
    reporting_category: String,
    /// The object that it is about, or its id: of any kind, and read only where it is about a payment.
    #[serde(default)]
    source: Value,
}

/// Whoever has an id and can be asked for what comes after.
trait Listed {
    fn id(&self) -> &str;
}

impl Listed for Transaction {
    fn id(&self) -> &str {
        &self.id
    }
}

impl Listed for Dispute {
    fn id(&self) -> &str {
        &self.id
    }
}

impl Stripe {
    /// What was booked from one moment on and before another.
    pub(super) async fn settled_between(
        &self,
        from: Timestamp,
        until: Timestamp,
        most: usize,
    ) -> Result<Vec<SettledLine>, SettlementError> {
        // Stripe counts in seconds: what was booked in the last one is told too.
        let within = |name: &'static str, at: i64| (name, at.max(0).to_string());
        let (since, before) = (from.timestamp(), within("created[lt]", until.timestamp() + 1));
        let query = vec![
            ("expand[]", "data.source".to_owned()),
            within("created[gte]", since),
            before.clone(),
        ];
        let transactions: Vec<Transaction> = self.all(TRANSACTIONS, query, most).await?;
        let query = vec![within("created[gte]", since - DISPUTES_LAST.num_seconds()), before];
        let disputes: Vec<Dispute> = self.all(DISPUTES, query, most).await?;
        Ok(lines(&transactions, &disputes).map_err(Unavailable::from)?)
    }

    /// All pages of a list, or an error.
    async fn all<T: DeserializeOwned + Listed>(
        &self,
        path: &str,
        query: Form<'_>,
        most: usize,
    ) -> Result<Vec<T>, SettlementError> {
        let mut all: Vec<T> = Vec::new();
        loop {
            let mut query = query.clone();
            query.push(("limit", PAGE.to_string()));
            query.extend(all.last().map(|last| ("starting_after", last.id().to_owned())));
            let page = self.page(path, &query).await.map_err(Unavailable::from)?;
            let is_last = !page.has_more || page.data.is_empty();
            all.extend(page.data);
            if all.len() > most {
                return Err(SettlementError::TooMany(most));
            }
            if is_last {
                return Ok(all);
            }
        }
    }

    /// A page, asked for again while Stripe is busy.
    async fn page<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &Form<'_>,
    ) -> Result<List<T>, NoAnswer> {
        let mut tries = 1;
        loop {
            match self.list(path, query).await {
                Err(error) if tries < TRIES_MAX && error.may_pass() => {
                    let pause = platform::backoff::pause(tries, PAUSE_MS, PAUSE_MAX_MS);
                    tokio::time::sleep(pause).await;
                    tries += 1;
                }
                page => return page,
            }
        }
    }
}

impl Transaction {
    /// A field of the object that it is about.
    fn of_source(&self, name: &str) -> Option<&str> {
        self.source.get(name)?.as_str()
    }

    fn source_id(&self) -> Option<&str> {
        self.source.as_str().or_else(|| self.of_source("id"))
    }

    fn line(&self, kind: SettledKind) -> Result<SettledLine, NoAnswer> {
        let intent = self.of_source("payment_intent");
        // Under its own name it is known where it belongs to no PaymentIntent, and so to nobody here.
        let charge = intent.or_else(|| self.of_source("charge")).or_else(|| self.source_id());
        let noted = self.source.get("metadata").and_then(|metadata| metadata.get(PAYMENT));
        Ok(SettledLine {
            id: self.id.clone(),
            kind,
            payment_id: noted.and_then(Value::as_str).and_then(|id| id.parse().ok()),
            charge: charge.map(str::to_owned),
            gross: money(self.amount, &self.currency)?,
            fee: money(self.fee, &self.currency)?,
            created_at: time(self.created)?,
            available_on: time(self.available_on)?,
        })
    }
}

/// The lines of what was booked, and of what disputes took away.
fn lines(booked: &[Transaction], disputes: &[Dispute]) -> Result<Vec<SettledLine>, NoAnswer> {
    let mut lines: Vec<SettledLine> = Vec::new();
    // The first line of each charge, and what was let go of it.
    let (mut charges, mut let_go) = (HashMap::new(), Vec::new());
    let mut others = 0_u32;
    for one in booked {
        match one.reporting_category.as_str() {
            "charge" => {
                if let Some(id) = one.source_id() {
                    charges.insert(id, lines.len());
                }
                lines.push(one.line(SettledKind::Charge)?);
            }
            "refund" | "charge_failure" => lines.push(one.line(SettledKind::Refund)?),
            "partial_capture_reversal" => let_go.push(one),
            "refund_failure" => {
                let line = one.line(SettledKind::Charge)?;
                let charge = one.source_id().map(str::to_owned);
                lines.push(SettledLine { payment_id: None, charge, ..line });
            }
            // They are told by their disputes.
            "dispute" | "dispute_reversal" => {}
            _ => others += 1,
        }
    }
    for reversal in let_go {
        let mut line = reversal.line(SettledKind::Refund)?;
        let charge = reversal.of_source("charge").or_else(|| reversal.source_id());
        let place = charge.and_then(|id| charges.get(id));
        if let Some(captured) = place.and_then(|place| lines.get_mut(*place)) {
            captured.gross = sum(captured.gross, line.gross)?;
            captured.fee = sum(captured.fee, line.fee)?;
        } else {
            line.payment_id = None;
            lines.push(line);
        }
    }
    for dispute in disputes {
        lines.extend(lost(dispute)?);
    }
    if others > 0 {
        tracing::info!(others, "Stripe booked what is about no payment, which is passed over");
    }
    Ok(lines)
}

/// The line of a dispute that was lost: what it took and did not give back.
fn lost(dispute: &Dispute) -> Result<Option<SettledLine>, NoAnswer> {
    let booked = dispute.balance_transactions.as_deref().unwrap_or_default();
    let Some(first) = booked.iter().min_by_key(|one| (one.created, &one.id)) else {
        return Ok(None);
    };
    if dispute.state()? != State::Lost {
        return Ok(None);
    }
    let mut line = first.line(SettledKind::Dispute)?;
    for more in booked.iter().filter(|one| one.id != first.id) {
        line.gross = sum(line.gross, money(more.amount, &more.currency)?)?;
        line.fee = sum(line.fee, money(more.fee, &more.currency)?)?;
    }
    line.charge = dispute.payment_intent.clone().or_else(|| dispute.charge.clone());
    Ok(Some(line).filter(|line| line.gross.minor() < 0))
}

fn sum(one: Money, other: Money) -> Result<Money, NoAnswer> {
    one.checked_add(other).map_err(|_| NoAnswer::Senseless("amounts of one charge do not add up"))
}

fn time(seconds: i64) -> Result<Timestamp, NoAnswer> {
    Timestamp::from_timestamp(seconds, 0).ok_or(NoAnswer::Senseless("a time is none"))
}

/// An amount as ISO 4217 counts it. Stripe counts some currencies otherwise (docs.stripe.com/currencies, "Special cases").
fn money(minor: i64, code: &str) -> Result<Money, NoAnswer> {
    let currency: Result<Currency, _> = code.to_ascii_uppercase().parse();
    let currency = currency.map_err(|_| NoAnswer::Senseless("a currency is not known"))?;
    let counted = match currency.code() {
        "ISK" | "UGX" => Some(minor / 100),
        "MGA" => minor.checked_mul(100),
        _ => Some(minor),
    };
    let counted = counted.ok_or(NoAnswer::Senseless("an amount is too large"))?;
    Ok(Money::from_minor(counted, currency))
}

#[cfg(test)]
mod tests;
