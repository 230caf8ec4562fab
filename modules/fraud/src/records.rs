//! What was decided about what a person paid, for them to read.

use async_trait::async_trait;
use kernel::id::{CustomerId, OrderId};
use kernel::ports::{Decision, PersonalRecords, Unavailable};
use kernel::{Money, Timestamp};
use platform::sql;
use serde::Serialize;

use crate::Fraud;
use crate::domain::real;
use crate::domain::rules::Reason;
use crate::store::{DecisionRow, people};

/// A decision, as whoever paid reads it.
#[derive(Serialize)]
struct Record {
    order_id: OrderId,
    at: Timestamp,
    amount: Money,
    decision: Decision,
    score: f64,
    reasons: Vec<Reason>,
}

impl TryFrom<DecisionRow> for Record {
    type Error = sql::Error;

    fn try_from(row: DecisionRow) -> sql::Result<Self> {
        Ok(Self {
            amount: row.amount()?,
            decision: row.decision()?,
            order_id: row.order_id.into(),
            at: row.at,
            score: real(row.score_ppm) / 1e6,
            reasons: row.reasons.0,
        })
    }
}

/// The decisions about what an account paid. What it paid as a guest is found from the login on that made it theirs.
#[async_trait]
impl PersonalRecords for Fraud {
    async fn records(&self, person: CustomerId) -> Result<serde_json::Value, Unavailable> {
        let rows = people::of_account(&self.db, person).await.map_err(unavailable)?;
        let records: sql::Result<Vec<Record>> = rows.into_iter().map(Record::try_from).collect();
        serde_json::to_value(records.map_err(unavailable)?).map_err(unavailable)
    }
}

fn unavailable(error: impl std::error::Error + Send + Sync + 'static) -> Unavailable {
    Unavailable::new("fraud", error)
}
