//! A return is approved whose goods are exchanged: what is sent instead is set aside first.
//!
//! ```text
//! step          undo
//! reserve_stock release
//! ```
//!
//! What is held is kept until the goods have come back, or for as long as the shop holds it.

use async_trait::async_trait;
use kernel::Timestamp;
use kernel::events::{OrderFailed, OrderReturnApproved};
use kernel::id::{ChangeId, OrderId};
use kernel::ports::{Destination, StockError, StockLine};
use kernel::problem::{Problem, code};
use platform::idempotency::Key;
use platform::personal::Kept;
use platform::saga::{Outcome, Saga, Step};
use platform::sql::{Error, Result, Tx};
use serde::{Deserialize, Serialize};

use super::edit::Ports;
use super::exchange::load;
use super::{answer, personal};
use crate::domain::change_state::Fact;
use crate::domain::order::{Compensation, OrderFailure};
use crate::domain::status::Move;
use crate::store::{change, orders};

/// The state of an approval.
#[derive(Clone, Serialize, Deserialize)]
pub struct Replacement {
    /// The order whose goods come back.
    pub order_id: OrderId,
    /// The return.
    pub change_id: ChangeId,
    /// The order of what is sent instead.
    pub instead_id: OrderId,
    /// Its units.
    pub lines: Vec<StockLine>,
    /// Where they go.
    pub to: Kept<Destination>,
    /// For how long they are held.
    pub until: Timestamp,
    /// The command that is answered.
    pub key: Key,
}

impl Replacement {
    async fn refuse(&self, tx: &mut Tx, why: &Problem) -> Result<()> {
        let problem = why.clone().with("change_id", self.change_id);
        answer(tx, &self.key, problem.status, &problem).await
    }

    async fn approved(&self, tx: &mut Tx) -> Result<()> {
        let (order, mut change) = load(tx, self.order_id, self.change_id).await?;
        let from = change.state;
        if let Err(why) = change.apply(Fact::Approved) {
            // It was rejected or withdrawn meanwhile, and what was held was let go with that.
            return self.refuse(tx, &why).await;
        }
        change.updated_at = tx.now();
        let is_moved = change::move_on(tx, from, &change).await?;
        if !is_moved || !orders::move_on(tx, &order, order.status, 1).await? {
            return Err(Error::Inconsistent(format!("change {} moved", change.id)));
        }
        let event = OrderReturnApproved {
            order_id: order.id,
            change_id: change.id,
            customer_id: order.customer_id,
            replacement_id: Some(self.instead_id),
            replacement_total: change.exchange.as_ref().and_then(|exchange| exchange.price),
        };
        tx.emit(&event, order.version + 1)?;
        answer(tx, &self.key, 200, &change).await
    }

    /// There is nothing to send instead: the return waits as it did.
    async fn failed(&self, tx: &mut Tx, why: &Problem) -> Result<()> {
        change::lock_order(tx, self.order_id).await?;
        let missing = || Error::Inconsistent(format!("{} is not there", self.instead_id));
        let mut order = orders::load(tx, self.instead_id).await?.ok_or_else(missing)?;
        if let Some(to) = order.status.after(Move::Fail) {
            let compensation = Compensation::of(why);
            let (code, detail) = (why.code.clone(), why.detail.clone());
            order.failure = Some(OrderFailure { code, detail, compensation });
            if !orders::move_on(tx, &order, to, 1).await? {
                return Err(Error::Inconsistent(format!("order {} moved", order.number)));
            }
            let event = OrderFailed {
                order_id: order.id,
                customer_id: order.customer_id,
                code: why.code.clone(),
                detail: why.detail.clone(),
                compensation: compensation.map(|kind| kind.word().to_owned()),
                replaces: Some(self.change_id),
            };
            tx.emit(&event, order.version + 1)?;
        }
        self.refuse(tx, why).await
    }
}

#[async_trait]
impl Saga for Replacement {
    const KIND: &'static str = "replacement.v1";
    type Ports = Ports;

    fn steps() -> &'static [&'static dyn Step<Self>] {
        &[&Reserve]
    }

    async fn ended(&mut self, tx: &mut Tx, failure: Option<&Problem>) -> Result<()> {
        match failure {
            None => self.approved(tx).await,
            Some(why) => self.failed(tx, why).await,
        }
    }
}

struct Reserve;

#[async_trait]
impl Step<Replacement> for Reserve {
    fn name(&self) -> &'static str {
        "reserve_stock"
    }

    async fn run(&self, saga: &mut Replacement, ports: &Ports) -> Outcome {
        let to = match personal::opened(&ports.db, saga.order_id, &saga.to).await {
            Ok(to) => to,
            Err(error) => return personal::closed(&error),
        };
        let reserved = ports.stock.reserve(saga.instead_id, &saga.lines, Some(&to), saga.until);
        match reserved.await {
            Ok(()) => Outcome::Done,
            Err(StockError::OutOfStock(lines)) => {
                let detail = "There is not enough of what is wanted instead; the return waits.";
                Outcome::Reject(Problem::new(code::OUT_OF_STOCK, detail).with("lines", lines))
            }
            Err(StockError::ReservationEnded) => {
                let detail = "The return was rejected or withdrawn meanwhile.";
                Outcome::Reject(Problem::new(code::ORDER_STATE, detail))
            }
            Err(StockError::Unavailable(error)) => Outcome::Retry(error.to_string()),
        }
    }

    async fn undo(&self, saga: &mut Replacement, ports: &Ports) -> std::result::Result<(), String> {
        let released = ports.stock.release(saga.instead_id).await;
        released.map_err(|error| error.to_string())
    }
}
