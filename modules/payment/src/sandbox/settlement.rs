//! What the sandbox settles: a line for each amount that it took, gave back or took away again, told one by one or as a CSV
//! file.

use std::sync::Arc;

use chrono::{SecondsFormat, TimeDelta};
use kernel::ports::{SettledKind, SettledLine};
use kernel::{Money, Timestamp};
use platform::sql::{Error, Result};
use serde::Deserialize;

use super::{Sandbox, store};
use crate::domain::dispute::State;
use crate::processor::{Charge, Outcome};

/// How many commands are read at a time.
const PAGE: i64 = 1_000;
const HEADER: &str =
    "id,type,payment_id,charge_id,gross,fee,net,currency,created_at,available_on\n";

/// What was agreed with the merchant.
#[derive(Clone)]
pub struct Terms {
    /// What is kept of a charge, in minor units; nothing is kept of a refund or a dispute.
    pub fee: Arc<dyn Fn(i64) -> i64 + Send + Sync>,
    /// How long it takes until the money is available.
    pub payout: TimeDelta,
}

impl Default for Terms {
    /// Nothing is kept, and money is available at once.
    fn default() -> Self {
        Self { fee: Arc::new(|_| 0), payout: TimeDelta::zero() }
    }
}

impl Terms {
    /// When the money of what happened is available.
    pub(super) fn available_on(&self, at: Timestamp) -> Timestamp {
        at.checked_add_signed(self.payout).unwrap_or(at)
    }
}

/// An amount that was taken or given back, and the key of the command that did it.
pub(super) struct Moved {
    pub key: String,
    pub line: SettledLine,
}

/// The part of a command that moves money.
#[derive(Deserialize)]
#[serde(tag = "command", rename_all = "snake_case")]
enum Amount {
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
    pub async fn settlement(&self, when: (Timestamp, Timestamp)) -> Result<String> {
        let mut file = HEADER.to_owned();
        for line in self.lines(when).await? {
            file.push_str(&written(&line));
        }
        Ok(file)
    }

    /// What moved from one moment on and before another.
    pub(super) async fn lines(
        &self,
        (from, until): (Timestamp, Timestamp),
    ) -> Result<Vec<SettledLine>> {
        let moved = self.moved((from, until)).await?;
        let mut lines: Vec<SettledLine> = moved.into_iter().map(|moved| moved.line).collect();
        for dispute in self.disputes().await? {
            let closed_at = dispute.closed_at.filter(|_| dispute.state == State::Lost.word());
            if let Some(at) = closed_at.filter(|at| *at >= from && *at < until) {
                lines.push(self.taken_away(&dispute, at)?);
            }
        }
        Ok(lines)
    }

    /// What was taken and given back from one moment on and before another.
    pub(super) async fn moved(&self, (from, until): (Timestamp, Timestamp)) -> Result<Vec<Moved>> {
        let (mut all, mut after) = (Vec::new(), String::new());
        loop {
            let page = store::commands(&self.db, &after, PAGE).await?;
            let Some(last) = page.last() else { return Ok(all) };
            after.clone_from(&last.key);
            let within = page.iter().filter(|it| it.created_at >= from && it.created_at < until);
            for command in within {
                if let Some(Outcome::Approved(charge)) = command.answer.as_ref().map(|it| &it.0) {
                    all.extend(self.line(command, charge)?);
                }
            }
        }
    }

    /// Every dispute.
    pub(super) async fn disputes(&self) -> Result<Vec<store::BookedDispute>> {
        let (mut all, mut after) = (Vec::new(), String::new());
        loop {
            let page = store::disputes(&self.db, &after, PAGE).await?;
            let Some(last) = page.last() else { return Ok(all) };
            after.clone_from(&last.id);
            all.extend(page);
        }
    }

    /// The line of a command; none when it moved no money.
    fn line(&self, command: &store::CommandRow, charge: &Charge) -> Result<Option<Moved>> {
        let unreadable = |error| Error::Inconsistent(format!("command {}: {error}", command.key));
        let (kind, gross, fee) =
            match serde_json::from_str(&command.parameters).map_err(unreadable)? {
                Amount::Capture { amount } => {
                    (SettledKind::Charge, amount, (self.terms.fee)(amount.minor()))
                }
                Amount::Refund { amount } => {
                    let given = Money::from_minor(-amount.minor(), amount.currency());
                    (SettledKind::Refund, given, 0)
                }
                Amount::Nothing => return Ok(None),
            };
        let line = SettledLine {
            id: format!("txn_{}", command.key),
            kind,
            payment_id: Some(charge.reference),
            charge: Some(charge.id.clone()),
            gross,
            fee: Money::from_minor(fee, gross.currency()),
            created_at: command.created_at,
            available_on: self.terms.available_on(command.created_at),
        };
        Ok(Some(Moved { key: command.key.clone(), line }))
    }

    /// The line of a dispute that was lost.
    fn taken_away(&self, lost: &store::BookedDispute, at: Timestamp) -> Result<SettledLine> {
        let currency = lost.currency()?;
        Ok(SettledLine {
            id: lost.line(),
            kind: SettledKind::Dispute,
            payment_id: Some(lost.reference.into()),
            charge: Some(lost.charge_id.clone()),
            gross: Money::from_minor(-lost.amount_minor, currency),
            fee: Money::from_minor(0, currency),
            created_at: at,
            available_on: self.terms.available_on(at),
        })
    }
}

/// A line of the file.
fn written(line: &SettledLine) -> String {
    let SettledLine { id, kind, payment_id, charge, gross, fee, created_at, available_on } = line;
    let kind = match kind {
        SettledKind::Charge => "charge",
        SettledKind::Refund => "refund",
        SettledKind::Dispute => "dispute",
    };
    let currency = gross.currency();
    let time = |at: &Timestamp| at.to_rfc3339_opts(SecondsFormat::Micros, true);
    let net = Money::from_minor(gross.minor() - fee.minor(), currency).amount();
    let payment = payment_id.map(|id| id.to_string()).unwrap_or_default();
    let charge = charge.as_deref().unwrap_or_default();
    let (gross, fee) = (gross.amount(), fee.amount());
    let (at, available_on) = (time(created_at), time(available_on));
    format!("{id},{kind},{payment},{charge},{gross},{fee},{net},{currency},{at},{available_on}\n")
}
