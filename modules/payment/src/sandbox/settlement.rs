//! What the sandbox settles: a CSV file with a line for each amount that it took, gave back or took away again.

use chrono::{SecondsFormat, TimeDelta};
use kernel::id::PaymentId;
use kernel::{Money, Timestamp};
use platform::sql::{Error, Result};
use serde::Deserialize;

use super::{Sandbox, store};
use crate::processor::{Charge, Outcome};

/// How many commands are read at a time.
const PAGE: i64 = 1_000;
const HEADER: &str =
    "id,type,payment_id,charge_id,gross,fee,net,currency,created_at,available_on\n";

/// What was agreed with the merchant.
pub struct Terms<'a> {
    /// What is kept of a charge, in minor units; nothing is kept of a refund.
    pub fee: &'a (dyn Fn(i64) -> i64 + Sync),
    /// How long it takes until the money is available.
    pub payout: TimeDelta,
}

/// An amount that was taken, given back or taken away again.
pub struct Line {
    /// The sandbox's id of it.
    pub id: String,
    /// `charge`, `refund` or `dispute`.
    pub kind: &'static str,
    payment: PaymentId,
    /// The charge.
    pub charge: String,
    /// What the merchant has more of by it.
    pub gross: Money,
    /// What is kept of that, in minor units.
    pub fee: i64,
    /// When it happened.
    pub at: Timestamp,
    /// When the money is available.
    pub available_on: Timestamp,
}

/// The part of a command that moves money.
#[derive(Deserialize)]
#[serde(tag = "command", rename_all = "snake_case")]
enum Moved {
    Capture {
        amount: Money,
    },
    Refund {
        amount: Money,
    },
    #[serde(other)]
    Nothing,
}

impl Sandbox {
    /// The settlement of what happened from one moment on and before another.
    pub async fn settlement(
        &self,
        when: (Timestamp, Timestamp),
        terms: &Terms<'_>,
    ) -> Result<String> {
        let mut file = HEADER.to_owned();
        for line in self.lines(when, terms).await? {
            file.push_str(&line.written());
        }
        Ok(file)
    }

    /// What moved from one moment on and before another.
    pub(super) async fn lines(
        &self,
        (from, until): (Timestamp, Timestamp),
        terms: &Terms<'_>,
    ) -> Result<Vec<Line>> {
        let mut lines = Vec::new();
        let mut after = String::new();
        loop {
            let page = store::commands(&self.db, &after, PAGE).await?;
            let Some(last) = page.last() else { break };
            after.clone_from(&last.key);
            let within = page.iter().filter(|it| it.created_at >= from && it.created_at < until);
            for command in within {
                if let Some(Outcome::Approved(charge)) = command.answer.as_ref().map(|it| &it.0) {
                    lines.extend(line(command, charge, terms)?);
                }
            }
        }
        after.clear();
        loop {
            let page = store::lost(&self.db, &after, PAGE).await?;
            let Some(last) = page.last() else { return Ok(lines) };
            after.clone_from(&last.id);
            for lost in page.iter().filter(|it| it.closed_at >= from && it.closed_at < until) {
                lines.push(taken_away(lost, terms)?);
            }
        }
    }
}

/// The line of a command; none when it moved no money.
fn line(command: &store::CommandRow, charge: &Charge, terms: &Terms<'_>) -> Result<Option<Line>> {
    let unreadable = |error| Error::Inconsistent(format!("command {}: {error}", command.key));
    let (kind, gross, fee) = match serde_json::from_str(&command.parameters).map_err(unreadable)? {
        Moved::Capture { amount } => ("charge", amount, (terms.fee)(amount.minor())),
        Moved::Refund { amount } => {
            ("refund", Money::from_minor(-amount.minor(), amount.currency()), 0)
        }
        Moved::Nothing => return Ok(None),
    };
    let at = command.created_at;
    Ok(Some(Line {
        id: format!("txn_{}", command.key),
        kind,
        payment: charge.reference,
        charge: charge.id.clone(),
        gross,
        fee,
        at,
        available_on: available_on(at, terms),
    }))
}

/// The line of a dispute that was lost.
fn taken_away(lost: &store::LostRow, terms: &Terms<'_>) -> Result<Line> {
    let currency = lost.currency.parse();
    let currency = currency.map_err(|_| Error::Inconsistent(format!("dispute {}", lost.id)))?;
    let at = lost.closed_at;
    Ok(Line {
        id: format!("txn_{}", lost.id),
        kind: "dispute",
        payment: lost.reference.into(),
        charge: lost.charge_id.clone(),
        gross: Money::from_minor(-lost.amount_minor, currency),
        fee: 0,
        at,
        available_on: available_on(at, terms),
    })
}

fn available_on(at: Timestamp, terms: &Terms<'_>) -> Timestamp {
    at.checked_add_signed(terms.payout).unwrap_or(at)
}

impl Line {
    fn written(&self) -> String {
        let Self { id, kind, payment, charge, gross, fee, at, available_on } = self;
        let currency = gross.currency();
        let amount = |minor| Money::from_minor(minor, currency).amount();
        let time = |at: &Timestamp| at.to_rfc3339_opts(SecondsFormat::Micros, true);
        let (fee, net) = (amount(*fee), amount(gross.minor() - fee));
        let (gross, at, available_on) = (gross.amount(), time(at), time(available_on));
        format!(
            "{id},{kind},{payment},{charge},{gross},{fee},{net},{currency},{at},{available_on}\n"
        )
    }
}
