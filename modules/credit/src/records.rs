//! The store credit of a person, for them to read.

use async_trait::async_trait;
use kernel::id::{CreditAccountId, CustomerId, OrderId};
use kernel::ports::{PersonalRecords, Unavailable};
use kernel::{Money, Timestamp};
use platform::sql;
use serde::Serialize;

use crate::Credits;
use crate::domain::account::Account;
use crate::domain::movement::{Kind, Movement};
use crate::store;

/// What somebody has in one currency, and how that came to be.
#[derive(Serialize)]
struct Record {
    id: CreditAccountId,
    balance: Money,
    created_at: Timestamp,
    movements: Vec<Moved>,
}

#[derive(Serialize)]
struct Moved {
    kind: Kind,
    amount: Money,
    #[serde(skip_serializing_if = "Option::is_none")]
    order_id: Option<OrderId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    at: Timestamp,
}

impl Record {
    /// An account, with those of the movements that are its own.
    fn new(account: &Account, movements: &[Movement]) -> Self {
        let moved = |it: &Movement| Moved {
            kind: it.kind,
            amount: Money::from_minor(it.amount_minor, account.currency),
            order_id: it.order_id,
            reason: it.reason.clone(),
            at: it.at,
        };
        let own = movements.iter().filter(|it| it.account_id == account.id);
        Self {
            id: account.id,
            balance: account.balance(),
            created_at: account.created_at,
            movements: own.map(moved).collect(),
        }
    }
}

/// The store credit of a person. A gift card is whose has its code, and nobody's here.
#[async_trait]
impl PersonalRecords for Credits {
    async fn records(&self, person: CustomerId) -> Result<serde_json::Value, Unavailable> {
        let records = theirs(self, person).await.map_err(unavailable)?;
        serde_json::to_value(records).map_err(unavailable)
    }
}

async fn theirs(credits: &Credits, person: CustomerId) -> sql::Result<Vec<Record>> {
    let accounts = store::of_customer(&credits.db, person).await?;
    let movements = store::people::movements(&credits.db, person).await?;
    Ok(accounts.iter().map(|account| Record::new(account, &movements)).collect())
}

fn unavailable(error: impl std::error::Error + Send + Sync + 'static) -> Unavailable {
    Unavailable::new("credit", error)
}
