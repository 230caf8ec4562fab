//! The ports between the modules and to the processor, with whatever can go wrong on the way.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use kernel::id::{ChangeId, CustomerId, OrderId, PaymentId, ProductId};
use kernel::ports::{
    Authorization, Authorize, Availability, Booked, Booking, Buyer, Catalog, ChargeMore,
    Consignment, Contact, Covered, Credit, CreditError, CreditPart, CreditWish, Destination,
    Logistics, LogisticsError, Offer, PaymentError, PaymentView, Payments, People, Recall, Refund,
    SettledLine, SettlementError, Stock, StockError, StockLine, TaxTerms, Unavailable, Wanted,
};
use kernel::{Currency, Money, Timestamp};
use payment::{Answer, Charge, Disputed, NewCharge, News, NoNews, Outcome, Processor};
use platform::webhook::Signed;

use crate::schedule::{Fate, Schedule};

/// Something behind a port.
pub struct Chaos<P> {
    pub inner: P,
    pub schedule: Schedule,
}

impl<P> Chaos<P> {
    pub fn around(inner: P, schedule: &Schedule) -> Arc<Self> {
        Arc::new(Self { inner, schedule: schedule.clone() })
    }

    /// Makes a call as its fate wants it. The node may die before it and after it.
    async fn call<T, E: From<Unavailable>>(
        &self,
        what: &str,
        call: impl AsyncCall<Result<T, E>>,
    ) -> Result<T, E> {
        self.schedule.turn(what).await;
        let fate = self.schedule.fate();
        if fate != Fate::Fine {
            self.schedule.tell(&format!("{what}: {fate:?}"));
        }
        let answer = match fate {
            Fate::NotMade => Err(Unavailable::new("a port", "the call was not made").into()),
            Fate::Fine => call.make().await,
            Fate::Twice => {
                call.make().await?;
                call.make().await
            }
            Fate::AnswerLost => {
                call.make().await?;
                Err(Unavailable::new("a port", "the answer was lost").into())
            }
        };
        self.schedule.turn(&format!("{what} has answered")).await;
        answer
    }
}

/// A call that can be made more than once.
trait AsyncCall<T>: Send + Sync {
    fn make(&self) -> impl Future<Output = T> + Send;
}

impl<T, W: Future<Output = T> + Send, F: Fn() -> W + Send + Sync> AsyncCall<T> for F {
    fn make(&self) -> impl Future<Output = T> + Send {
        self()
    }
}

#[async_trait]
impl<P: Stock> Stock for Chaos<P> {
    async fn reserve(
        &self,
        order: OrderId,
        lines: &[StockLine],
        to: Option<&Destination>,
        until: Timestamp,
    ) -> Result<(), StockError> {
        self.call("stock.reserve", || self.inner.reserve(order, lines, to, until)).await
    }

    async fn extend(&self, order: OrderId, until: Timestamp) -> Result<(), StockError> {
        self.call("stock.extend", || self.inner.extend(order, until)).await
    }

    async fn commit(&self, order: OrderId) -> Result<(), StockError> {
        self.call("stock.commit", || self.inner.commit(order)).await
    }

    async fn release(&self, order: OrderId) -> Result<(), StockError> {
        self.call("stock.release", || self.inner.release(order)).await
    }

    async fn ship_part(
        &self,
        order: OrderId,
        key: &str,
        lines: &[StockLine],
    ) -> Result<(), StockError> {
        self.call("stock.ship_part", || self.inner.ship_part(order, key, lines)).await
    }

    async fn release_part(
        &self,
        order: OrderId,
        key: &str,
        lines: &[StockLine],
    ) -> Result<(), StockError> {
        self.call("stock.release_part", || self.inner.release_part(order, key, lines)).await
    }

    async fn take_back(
        &self,
        order: OrderId,
        key: &str,
        lines: &[StockLine],
    ) -> Result<(), StockError> {
        self.call("stock.take_back", || self.inner.take_back(order, key, lines)).await
    }

    async fn reserve_more(
        &self,
        order: OrderId,
        key: &str,
        lines: &[StockLine],
        to: Option<&Destination>,
    ) -> Result<(), StockError> {
        self.call("stock.reserve_more", || self.inner.reserve_more(order, key, lines, to)).await
    }

    async fn take_back_more(&self, order: OrderId, key: &str) -> Result<(), StockError> {
        self.call("stock.take_back_more", || self.inner.take_back_more(order, key)).await
    }

    async fn available(&self, products: &[ProductId]) -> Result<Vec<Availability>, Unavailable> {
        self.inner.available(products).await
    }

    async fn covered(&self, order: OrderId) -> Result<Vec<Covered>, Unavailable> {
        self.inner.covered(order).await
    }
}

#[async_trait]
impl<P: Payments> Payments for Chaos<P> {
    async fn authorize(&self, request: Authorize) -> Result<Authorization, PaymentError> {
        self.call("payments.authorize", || self.inner.authorize(request.clone())).await
    }

    async fn charge(&self, request: ChargeMore) -> Result<Authorization, PaymentError> {
        self.call("payments.charge", || self.inner.charge(request.clone())).await
    }

    async fn cancel_charge(&self, order: OrderId, change: ChangeId) -> Result<(), Unavailable> {
        self.call("payments.cancel_charge", || self.inner.cancel_charge(order, change)).await
    }

    async fn cancel(&self, order: OrderId) -> Result<(), Unavailable> {
        self.call("payments.cancel", || self.inner.cancel(order)).await
    }

    async fn refund(
        &self,
        order: OrderId,
        key: &str,
        amount: Money,
    ) -> Result<Refund, Unavailable> {
        self.call("payments.refund", || self.inner.refund(order, key, amount)).await
    }

    async fn kept(&self, order: OrderId) -> Result<i64, Unavailable> {
        self.inner.kept(order).await
    }

    async fn of_orders(
        &self,
        orders: &[OrderId],
    ) -> Result<Vec<(OrderId, PaymentView)>, Unavailable> {
        self.inner.of_orders(orders).await
    }
}

#[async_trait]
impl<P: Credit> Credit for Chaos<P> {
    async fn cover(
        &self,
        customer: CustomerId,
        wish: &CreditWish,
        total: Money,
    ) -> Result<Vec<CreditPart>, CreditError> {
        self.inner.cover(customer, wish, total).await
    }

    async fn spend(
        &self,
        order: OrderId,
        customer: CustomerId,
        parts: &[CreditPart],
    ) -> Result<(), CreditError> {
        self.call("credit.spend", || self.inner.spend(order, customer, parts)).await
    }

    async fn release(&self, order: OrderId) -> Result<(), Unavailable> {
        self.call("credit.release", || self.inner.release(order)).await
    }

    async fn give_back(
        &self,
        order: OrderId,
        change: ChangeId,
        amount: Money,
    ) -> Result<Money, Unavailable> {
        self.call("credit.give_back", || self.inner.give_back(order, change, amount)).await
    }

    async fn kept(&self, order: OrderId) -> Result<i64, Unavailable> {
        self.inner.kept(order).await
    }

    async fn refund(
        &self,
        order: OrderId,
        customer: CustomerId,
        change: ChangeId,
        amount: Money,
    ) -> Result<(), Unavailable> {
        self.call("credit.refund", || self.inner.refund(order, customer, change, amount)).await
    }
}

#[async_trait]
impl<P: Logistics> Logistics for Chaos<P> {
    async fn book(&self, booking: Booking) -> Result<Booked, LogisticsError> {
        self.call("logistics.book", || self.inner.book(booking.clone())).await
    }

    async fn cancel(&self, order: OrderId) -> Result<Recall, Unavailable> {
        self.call("logistics.cancel", || self.inner.cancel(order)).await
    }

    async fn find(&self, order: OrderId) -> Result<Option<Consignment>, Unavailable> {
        self.inner.find(order).await
    }

    async fn track(&self, tracking: &str) -> Result<Option<Consignment>, Unavailable> {
        self.inner.track(tracking).await
    }
}

/// Nobody of whom an address is known.
pub struct Nobody;

#[async_trait]
impl People for Nobody {
    async fn contacts(
        &self,
        _: &[CustomerId],
    ) -> Result<HashMap<CustomerId, Contact>, Unavailable> {
        Ok(HashMap::new())
    }
}

#[async_trait]
impl<P: Processor> Processor for Chaos<P> {
    async fn authorize(&self, key: &str, charge: NewCharge) -> Result<Outcome, Unavailable> {
        self.call("processor.authorize", || self.inner.authorize(key, charge.clone())).await
    }

    async fn capture(
        &self,
        key: &str,
        charge: &str,
        amount: Money,
    ) -> Result<Outcome, Unavailable> {
        self.call("processor.capture", || self.inner.capture(key, charge, amount)).await
    }

    async fn void(&self, key: &str, charge: &str) -> Result<Outcome, Unavailable> {
        self.call("processor.void", || self.inner.void(key, charge)).await
    }

    async fn refund(&self, key: &str, charge: &str, amount: Money) -> Result<Outcome, Unavailable> {
        self.call("processor.refund", || self.inner.refund(key, charge, amount)).await
    }

    async fn find(&self, key: &str, charge: Option<&str>) -> Result<Option<Outcome>, Unavailable> {
        self.call("processor.find", || self.inner.find(key, charge)).await
    }

    async fn news(&self, call: Signed<'_>) -> Result<Option<News>, NoNews> {
        self.inner.news(call).await
    }

    fn name(&self) -> &'static str {
        self.inner.name()
    }

    async fn answer(
        &self,
        key: &str,
        charge: &str,
        answer: Answer<'_>,
    ) -> Result<Outcome, Unavailable> {
        self.call("processor.answer", || self.inner.answer(key, charge, answer)).await
    }

    async fn charge(&self, id: &str) -> Result<Option<Charge>, Unavailable> {
        self.call("processor.charge", || self.inner.charge(id)).await
    }

    async fn dispute(&self, charge: &str) -> Result<Option<Disputed>, Unavailable> {
        self.call("processor.dispute", || self.inner.dispute(charge)).await
    }

    async fn has_signed(&self, call: Signed<'_>) -> Result<bool, Unavailable> {
        self.inner.has_signed(call).await
    }

    async fn charges(
        &self,
        after: Option<PaymentId>,
        limit: u32,
    ) -> Result<Vec<Charge>, Unavailable> {
        self.inner.charges(after, limit).await
    }

    async fn settled(
        &self,
        from: Timestamp,
        until: Timestamp,
        most: usize,
    ) -> Result<Vec<SettledLine>, SettlementError> {
        self.inner.settled(from, until, most).await
    }
}

/// The products, whose prices in cents move.
pub struct Prices(pub Mutex<Vec<(ProductId, i64)>>);

#[async_trait]
impl Catalog for Chaos<Arc<Prices>> {
    async fn offers(&self, _: Buyer<'_>, wanted: &[Wanted]) -> Result<Vec<Offer>, Unavailable> {
        self.call("catalog.offers", || async {
            let prices = self.inner.0.lock().unwrap();
            let asked = |product| wanted.iter().any(|wanted| wanted.product_id == product);
            let known = prices.iter().filter(|(product, _)| asked(*product));
            Ok(known.map(|(product, cents)| offer(*product, *cents)).collect())
        })
        .await
    }
}

fn offer(product_id: ProductId, cents: i64) -> Offer {
    Offer {
        parts: vec![],
        product_id,
        sku: product_id.to_string(),
        name: "Lamp".to_owned(),
        categories: Vec::new(),
        price: Money::from_minor(cents, Currency::EUR),
        tax_category: "standard".to_owned(),
        weight_g: 0,
        tax: TaxTerms::default(),
        sellable: true,
    }
}
