//! What checkout asks of payments.

use async_trait::async_trait;
use kernel::id::{ChangeId, OrderId};
use kernel::ports::{
    self, Authorization, Authorize, ChargeMore, NextAction, PaymentError, PaymentView, Refund,
    SettledLine, SettlementError, Settlements, Unavailable,
};
use kernel::{Money, Timestamp};

use crate::Payments;
use crate::domain::payment::Payment;
use crate::domain::refund::refundable;
use crate::domain::status::Status;
use crate::{store, usecase};

#[async_trait]
impl ports::Payments for Payments {
    async fn authorize(&self, request: Authorize) -> Result<Authorization, PaymentError> {
        usecase::authorize::authorize(self, &request.into()).await
    }

    async fn charge(&self, request: ChargeMore) -> Result<Authorization, PaymentError> {
        usecase::authorize::authorize(self, &request.into()).await
    }

    async fn cancel_charge(&self, order: OrderId, change: ChangeId) -> Result<(), Unavailable> {
        Ok(usecase::cancel::cancel_charge(self, order, change).await?)
    }

    async fn cancel(&self, order: OrderId) -> Result<(), Unavailable> {
        Ok(usecase::cancel::cancel(self, order).await?)
    }

    async fn refund(
        &self,
        order: OrderId,
        key: &str,
        amount: Money,
    ) -> Result<Refund, Unavailable> {
        Ok(usecase::refund::refund(self, order, key, amount).await?)
    }

    async fn kept(&self, order: OrderId) -> Result<i64, Unavailable> {
        let live = store::live_of_order(&self.db, order).await;
        let live = live.map_err(|error| Unavailable::new("payments", error))?;
        Ok(live.iter().map(refundable).sum())
    }

    async fn of_orders(
        &self,
        orders: &[OrderId],
    ) -> Result<Vec<(OrderId, PaymentView)>, Unavailable> {
        let newest = store::of_orders(&self.db, orders)
            .await
            .map_err(|error| Unavailable::new("payments", error))?;
        Ok(newest.iter().map(|payment| (payment.order_id, view(payment))).collect())
    }
}

fn view(payment: &Payment) -> PaymentView {
    PaymentView {
        id: payment.id,
        status: payment.status.word().to_owned(),
        next_action: next_action(payment),
    }
}

/// What the shopper has to do, while they still can.
pub fn next_action(payment: &Payment) -> Option<NextAction> {
    let action = payment.action.as_ref()?;
    (payment.status == Status::ActionRequired)
        .then(|| NextAction { kind: "redirect".to_owned(), url: action.url.clone() })
}

#[async_trait]
impl Settlements for Payments {
    async fn settled(
        &self,
        from: Timestamp,
        until: Timestamp,
        most: usize,
    ) -> Result<Vec<SettledLine>, SettlementError> {
        self.processor.settled(from, until, most).await
    }
}
