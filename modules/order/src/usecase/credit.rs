//! What gift cards and store credit pay of an order.

use kernel::Money;
use kernel::id::{CustomerId, OrderId};
use kernel::ports::{CreditError, CreditPart, CreditReason, CreditWish};
use kernel::problem::{Problem, code};

use crate::Orders;
use crate::domain::order::Order;
use crate::error::OrderError;
use crate::store::orders;
use crate::usecase::quote::Quote;

/// How many gift cards pay one order at most.
const CARDS_MAX: usize = 5;

impl Quote {
    /// What is left to be paid by card.
    pub fn due(&self) -> Money {
        due(self.totals.total, &self.credit)
    }
}

/// What of a total these parts leave.
pub fn due(total: Money, credit: &[CreditPart]) -> Money {
    let covered: i64 = credit.iter().map(|part| part.amount.minor()).sum();
    Money::from_minor(total.minor() - covered, total.currency())
}

impl Orders {
    /// A quote with what gift cards and store credit would pay of it now; nothing is taken.
    pub(crate) async fn covered(
        &self,
        customer: CustomerId,
        mut quote: Quote,
        wish: &CreditWish,
    ) -> Result<Quote, OrderError> {
        if wish.codes.len() > CARDS_MAX {
            let message = format!("must be at most {CARDS_MAX}");
            return Err(Problem::invalid("gift_cards", message).into());
        }
        if !wish.is_empty() {
            let covered = self.inner.credit.cover(customer, wish, quote.totals.total).await;
            quote.credit = covered.map_err(|error| match error {
                CreditError::Refused(reason, at) => refused(reason, at).into(),
                CreditError::Unavailable(error) => OrderError::Unavailable(error),
            })?;
        }
        Ok(quote)
    }

    /// What of an order's money can become store credit of whoever ordered, in minor units: what is kept of what paid
    /// it. A payment's own books know of disputes and of what was given back there, which the order's balance does
    /// not. Refused when whoever ordered has no account to spend it.
    pub(super) async fn creditable(&self, id: OrderId) -> Result<i64, OrderError> {
        let order = orders::find(&self.inner.db, id).await?.ok_or(OrderError::NotFound)?;
        let customer = order.customer_id;
        if !self.inner.people.contacts(&[customer]).await?.contains_key(&customer) {
            let message = "must be left out: who ordered has no account";
            return Err(Problem::invalid("to", message).into());
        }
        let account = order.account();
        Ok(self.inner.payments.kept(account).await? + self.inner.credit.kept(account).await?)
    }
}

/// The refusal of a gift card, by its place among those that were named, or of store credit.
pub fn refused(reason: CreditReason, at: Option<usize>) -> Problem {
    let problem = Problem::new(code::CREDIT_REFUSED, reason.detail()).with("reason", reason);
    match at {
        Some(at) => problem.field(format!("gift_cards[{at}]"), reason.detail()),
        None => problem,
    }
}

/// Refuses to make money of an order store credit while it can be called off, which gives back all that its payments
/// hold.
pub fn has_left(order: &Order) -> Result<(), Problem> {
    if !order.allowed().contains(&"cancel") {
        return Ok(());
    }
    let detail = "Nothing of the order has left yet: cancel it, or give the money back.";
    Err(Problem::new(code::ORDER_STATE, detail)
        .with("order_status", order.status)
        .with("allowed", order.allowed()))
}
