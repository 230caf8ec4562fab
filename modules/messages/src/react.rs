//! What the module hears of.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use chrono::TimeDelta;
use kernel::events::{
    OrderCancelled, OrderConfirmed, OrderDelivered, OrderEdited, OrderExchangeDue,
    OrderExchangeFailed, OrderExchanged, OrderFailed, OrderLinesCancelled, OrderPlaced,
    OrderRefundFailed, OrderRefunded, OrderReturnApproved, OrderReturnInspected,
    OrderReturnReceived, OrderReturnRejected, OrderReturnRequested, OrderReturnWithdrawn,
    OrderReturned, OrderShipped, PaymentActionRequired, PaymentAuthorized, PaymentCaptured,
    PaymentDisputeClosed, PaymentDisputed, PaymentFailed, PaymentRefunded, PaymentVoided,
    ShipmentDelivered, ShipmentException, ShipmentLost, ShipmentShipped, StockLow,
};
use kernel::id::{ChangeId, CustomerId, OrderId, WebhookId};
use kernel::{Envelope, Timestamp};
use platform::bus::{HandlerError, Reaction, Topic};
use platform::sql::{self, Tx};
use serde::Deserialize;
use tokio::sync::watch;

use crate::domain::kind::Kind;
use crate::domain::state::{State, is_worth_telling};
use crate::store::message::{self, About, Fresh};
use crate::store::people::Erased;
use crate::store::webhook::{self, Active};

/// How long it is remembered which webhooks there are.
const KNOWN_FOR: TimeDelta = TimeDelta::seconds(1);

/// What it hears of, and webhooks can be told.
pub(crate) const TOPICS: [Topic; 33] = [
    Topic::of::<OrderPlaced>(),
    Topic::of::<OrderConfirmed>(),
    Topic::of::<OrderFailed>(),
    Topic::of::<OrderCancelled>(),
    Topic::of::<OrderShipped>(),
    Topic::of::<OrderDelivered>(),
    Topic::of::<OrderEdited>(),
    Topic::of::<OrderLinesCancelled>(),
    Topic::of::<OrderRefunded>(),
    Topic::of::<OrderRefundFailed>(),
    Topic::of::<OrderReturnRequested>(),
    Topic::of::<OrderReturnApproved>(),
    Topic::of::<OrderReturnRejected>(),
    Topic::of::<OrderReturnWithdrawn>(),
    Topic::of::<OrderReturnReceived>(),
    Topic::of::<OrderReturnInspected>(),
    Topic::of::<OrderReturned>(),
    Topic::of::<OrderExchangeDue>(),
    Topic::of::<OrderExchanged>(),
    Topic::of::<OrderExchangeFailed>(),
    Topic::of::<ShipmentShipped>(),
    Topic::of::<ShipmentDelivered>(),
    Topic::of::<ShipmentLost>(),
    Topic::of::<ShipmentException>(),
    Topic::of::<PaymentActionRequired>(),
    Topic::of::<PaymentAuthorized>(),
    Topic::of::<PaymentCaptured>(),
    Topic::of::<PaymentFailed>(),
    Topic::of::<PaymentVoided>(),
    Topic::of::<PaymentRefunded>(),
    Topic::of::<PaymentDisputed>(),
    Topic::of::<PaymentDisputeClosed>(),
    Topic::of::<StockLow>(),
];

/// Notes whom each event is told to, in the commit that moves the cursor.
pub(crate) struct Tell {
    /// Wakes those who send.
    pub wake: watch::Sender<u64>,
    /// Who is called.
    pub listeners: Listeners,
}

/// The webhooks as they were a moment ago. They are asked for anew for an event that has happened
/// since: one that is made before an event hears of it.
#[derive(Default)]
pub(crate) struct Listeners {
    known: Mutex<Option<(Timestamp, Arc<Vec<Active>>)>>,
}

impl Listeners {
    /// Who is to hear of an event. A replay does not tell a webhook of what happened before it was made.
    async fn hearing(&self, tx: &mut Tx, event: &Envelope) -> sql::Result<Vec<WebhookId>> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let now = tx.now();
        let is_fresh = |at: Timestamp| at > event.time && now - at < KNOWN_FOR;
        let active = match known {
            Some((at, active)) if is_fresh(at) => active,
            _ => {
                let active = Arc::new(webhook::active(tx).await?);
                let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
                known.insert((now, active)).1.clone()
            }
        };
        let hears = |webhook: &&Active| {
            webhook.created_at <= event.time && webhook.events.0.contains(&event.kind)
        };
        Ok(active.iter().filter(hears).map(|webhook| webhook.id.into()).collect())
    }
}

/// What most of these events have.
#[derive(Clone, Copy, Deserialize)]
struct OfOrder {
    #[serde(default)]
    order_id: Option<OrderId>,
    #[serde(default)]
    customer_id: Option<CustomerId>,
    /// The exchange that an order which came to nothing was made for.
    #[serde(default)]
    replaces: Option<ChangeId>,
}

/// An event that somebody is told of.
struct Heard<'e> {
    event: &'e Envelope,
    of: OfOrder,
    is_worth: bool,
    kind: Option<Kind>,
    hearing: Vec<WebhookId>,
}

impl Heard<'_> {
    /// Who is told of it.
    fn messages(&self, erased: &mut Erased) -> Vec<Fresh<'_>> {
        let OfOrder { order_id: order, customer_id: customer, replaces } = self.of;
        let is_erased = erased.has(customer, order);
        let about = About { order, customer, is_erased };
        let letter = self.kind.map(|kind| {
            // Whoever asked for an exchange is told of it by the return.
            let state = match self.is_worth && replaces.is_none() {
                true if is_erased => State::Nobody,
                true => State::Waiting,
                false => State::Outdated,
            };
            Fresh::letter(self.event, about, self.event.time + kind.delay(), state)
        });
        let calls = self.hearing.iter().map(|webhook| Fresh::call(self.event, about, *webhook));
        letter.into_iter().chain(calls).collect()
    }
}

#[async_trait]
impl Reaction for Tell {
    async fn apply_all(&self, tx: &mut Tx, events: &[&Envelope]) -> Result<(), HandlerError> {
        let mut heard = Vec::new();
        for event in events {
            let of = OfOrder::deserialize(&event.data)?;
            let is_worth = is_worth_telling(event.time, tx.now());
            let hearing = if is_worth { self.listeners.hearing(tx, event).await? } else { vec![] };
            let kind = Kind::of_event(&event.kind);
            if kind.is_some() || !hearing.is_empty() {
                heard.push(Heard { event, of, is_worth, kind, hearing });
            }
        }
        if heard.is_empty() {
            return Ok(());
        }
        let customers: Vec<_> = heard.iter().filter_map(|heard| heard.of.customer_id).collect();
        let orders: Vec<_> = heard.iter().filter_map(|heard| heard.of.order_id).collect();
        let mut erased = Erased::among(tx, &customers, &orders).await?;
        let fresh: Vec<_> = heard.iter().flat_map(|heard| heard.messages(&mut erased)).collect();
        Ok(message::insert(tx, &fresh).await?)
    }

    fn committed(&self, _: i64, _: &[&Envelope]) {
        self.wake.send_modify(|times| *times += 1);
    }

    /// Nothing is emptied: a replay adds what is missing, and what was told is not told again.
    async fn reset(&self, _: &mut Tx) -> Result<(), HandlerError> {
        Ok(())
    }
}
