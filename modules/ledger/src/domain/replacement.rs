//! What is owed for goods that were sent for others is owed where the money of both is.

use kernel::events::{OrderConfirmed, OrderExchanged};
use kernel::id::OrderId;
use kernel::{Envelope, Event};
use serde::Deserialize;

use super::account::Account;
use super::entry::Entry;

/// The order of what was sent for other goods.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Replacement {
    pub order_id: OrderId,
    /// The order whose payments hold the money of both.
    pub account_id: OrderId,
    /// What is owed for it by itself so far, in minor units.
    pub owed: i64,
}

/// The order that an event of orders is about, and whose money it says that it shares. That of an exchange is about
/// what is sent instead.
pub(crate) fn shares(
    event: &Envelope,
) -> Result<Option<(OrderId, Option<OrderId>)>, serde_json::Error> {
    #[derive(Deserialize)]
    struct Shares {
        #[serde(rename = "order_id")]
        order: OrderId,
        #[serde(default, rename = "replacement_id")]
        replacement: Option<OrderId>,
        #[serde(default, rename = "account_id")]
        account: Option<OrderId>,
    }
    if event.source != OrderConfirmed::SOURCE {
        return Ok(None);
    }
    let Shares { order, replacement, account } = Shares::deserialize(&event.data)?;
    let about = if event.is::<OrderExchanged>() { replacement } else { None };
    let about = about.unwrap_or(order);
    Ok(Some((about, account.filter(|account| *account != about))))
}

impl Replacement {
    /// Moves what is owed for it, the entry included, to where its money is. So it does not matter which of its events
    /// know whose payments that are, nor in which order they come.
    pub(crate) fn bring_together(&self, entry: &mut Entry) {
        let own = Account::receivable(self.order_id);
        let owed = self.owed + entry.moved(&own);
        entry.post(&Account::receivable(self.account_id), &own, owed);
    }
}
