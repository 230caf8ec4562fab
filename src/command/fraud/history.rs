//! Payments as rows of a CSV file.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use chrono::{DateTime, NaiveDateTime};
use flate2::read::GzDecoder;
use fraud::domain::transaction::Transaction;
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use serde::{Deserialize, Serialize};

use crate::command::Failure;

/// A row of a CSV file.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Line {
    transaction_id: u64,
    tx_datetime: NaiveDateTime,
    customer_id: u64,
    terminal_id: u64,
    tx_amount: Decimal,
    tx_fraud: u8,
    #[serde(default)]
    tx_fraud_scenario: u8,
}

impl From<&Transaction> for Line {
    fn from(made: &Transaction) -> Self {
        Self {
            transaction_id: made.id,
            tx_datetime: DateTime::from_timestamp(made.at, 0).unwrap_or_default().naive_utc(),
            customer_id: made.customer,
            terminal_id: made.terminal,
            tx_amount: Decimal::new(made.cents, 2),
            tx_fraud: made.is_fraud.into(),
            tx_fraud_scenario: made.scenario,
        }
    }
}

impl Line {
    fn transaction(&self) -> Option<Transaction> {
        Some(Transaction {
            id: self.transaction_id,
            at: self.tx_datetime.and_utc().timestamp(),
            customer: self.customer_id,
            terminal: self.terminal_id,
            cents: (self.tx_amount * Decimal::ONE_HUNDRED).round().to_i64()?,
            is_fraud: self.tx_fraud > 0,
            scenario: self.tx_fraud_scenario,
        })
    }
}

/// The rows of a file, unpacked where its name says that it is packed.
pub(super) fn lines(file: &Path) -> Result<csv::Reader<Box<dyn Read>>, Failure> {
    let packed = File::open(file)?;
    let is_packed = file.extension().is_some_and(|ending| ending == "gz");
    let plain: Box<dyn Read> =
        if is_packed { Box::new(GzDecoder::new(packed)) } else { Box::new(packed) };
    Ok(csv::Reader::from_reader(plain))
}

/// Payments in the order of time.
pub(super) fn read(file: &Path) -> Result<Vec<Transaction>, Failure> {
    let mut history = Vec::new();
    for line in lines(file)?.deserialize() {
        let line: Line = line?;
        let made = line.transaction();
        history.push(made.ok_or_else(|| format!("{}: no amount", line.transaction_id))?);
    }
    history.sort_by_key(|made| (made.at, made.id));
    Ok(history)
}
