//! Stored value, as orders see it.

use async_trait::async_trait;
use kernel::Money;
use kernel::id::{ChangeId, CustomerId, OrderId};
use kernel::ports::{
    Credit, CreditError, CreditPart, CreditWish, History, PastEvent, TOLD_MAX, Unavailable,
};
use platform::sql::retry;

use crate::Credits;
use crate::domain::movement::Movement;
use crate::error::Error;
use crate::store;
use crate::usecase;

fn unavailable(error: Error) -> Unavailable {
    Unavailable::new("credit", error)
}

#[async_trait]
impl Credit for Credits {
    async fn cover(
        &self,
        customer: CustomerId,
        wish: &CreditWish,
        total: Money,
    ) -> Result<Vec<CreditPart>, CreditError> {
        Ok(usecase::cover::cover(self, customer, wish, total).await?)
    }

    async fn spend(
        &self,
        order: OrderId,
        customer: CustomerId,
        parts: &[CreditPart],
    ) -> Result<(), CreditError> {
        Ok(retry(|| usecase::spend::spend(self, order, customer, parts)).await?)
    }

    async fn release(&self, order: OrderId) -> Result<(), Unavailable> {
        retry(|| usecase::give_back::release(self, order)).await.map_err(unavailable)
    }

    async fn give_back(
        &self,
        order: OrderId,
        change: ChangeId,
        amount: Money,
    ) -> Result<Money, Unavailable> {
        retry(|| usecase::give_back::give_back(self, order, change, amount))
            .await
            .map_err(unavailable)
    }

    async fn kept(&self, order: OrderId) -> Result<i64, Unavailable> {
        store::orders::kept(&self.db, order).await.map_err(|error| unavailable(error.into()))
    }

    async fn refund(
        &self,
        order: OrderId,
        customer: CustomerId,
        change: ChangeId,
        amount: Money,
    ) -> Result<(), Unavailable> {
        retry(|| usecase::grant::refund(self, order, customer, change, amount))
            .await
            .map_err(unavailable)
    }
}

#[async_trait]
impl History for Credits {
    async fn of_order(&self, order: OrderId) -> Result<Vec<PastEvent>, Unavailable> {
        let found = store::of_order(&self.db, order, TOLD_MAX).await;
        let found = found.map_err(|error| unavailable(error.into()))?;
        Ok(found.iter().map(past).collect())
    }
}

fn past(movement: &Movement) -> PastEvent {
    PastEvent {
        at: movement.at,
        what: format!("credit_{}", movement.kind.word()),
        outcome: "done".to_owned(),
        detail: Some(format!("{} minor units", movement.amount_minor)),
        internal: false,
    }
}
