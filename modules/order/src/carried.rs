//! Fulfilment by a carrier: the shop's own row of a parcel, and the carrier's booking behind it.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use kernel::id::OrderId;
use kernel::ports::{
    Booked, Booking, Consignment, Logistics, LogisticsError, Recall, Standing, Unavailable,
};
use platform::sql::Db;
use platform::{chaos, fault};

use crate::domain::shipment::State;
use crate::store::{carrier, shipment};
use crate::usecase::carrier::recall_refused;

/// A carrier, called for a limited time each, with a row in the order module's database for each parcel.
#[derive(Clone)]
pub struct CarrierFulfilment {
    db: Db,
    carrier: Arc<dyn Logistics>,
    wait: Duration,
}

fn unavailable(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Unavailable {
    Unavailable::new("the carrier", error)
}

fn called_off() -> LogisticsError {
    LogisticsError::Refused("the shipment was called off".to_owned())
}

impl CarrierFulfilment {
    /// Keeps what it books at `carrier`; an answer is waited for that long.
    pub fn new(db: Db, carrier: Arc<dyn Logistics>, wait: Duration) -> Self {
        Self { db, carrier, wait }
    }

    /// An answer that does not come in time is an unknown outcome.
    async fn in_time<T, E: From<Unavailable>>(
        &self,
        call: impl Future<Output = Result<T, E>> + Send,
    ) -> Result<T, E> {
        let call = chaos::outside("the carrier", call);
        match tokio::time::timeout(self.wait, call).await {
            Ok(answer) => answer,
            Err(late) => Err(unavailable(late).into()),
        }
    }

    /// Calls the shop's own row off, if the parcel has not left; a late booking finds it.
    async fn close(&self, order: OrderId) -> Result<(), Unavailable> {
        let mut tx = self.db.begin("carrier.cancel").await.map_err(unavailable)?;
        shipment::cancel(&mut tx, order).await.map_err(unavailable)?;
        tx.commit().await.map_err(unavailable)
    }

    /// The carrier's number of a booking. If an earlier call may have been made, it is asked for first.
    async fn number(&self, booking: Booking, is_first: bool) -> Result<String, LogisticsError> {
        if !is_first && let Some(found) = self.find(booking.order_id).await? {
            if found.standing == Standing::CalledOff {
                return Err(called_off());
            }
            return found.tracking.ok_or_else(called_off);
        }
        fault::point("before call of", "carrier.book");
        let booked = self.in_time(self.carrier.book(booking)).await?;
        fault::point("after call of", "carrier.book");
        booked.tracking.ok_or_else(|| unavailable("a booking has no number").into())
    }
}

#[async_trait]
impl Logistics for CarrierFulfilment {
    async fn book(&self, booking: Booking) -> Result<Booked, LogisticsError> {
        let order = booking.order_id;
        let before = carrier::first(&self.db, order).await.map_err(unavailable)?;
        if before.is_none() {
            let mut tx = self.db.begin("carrier.book").await.map_err(unavailable)?;
            shipment::book(&mut tx, order, &booking.method).await.map_err(unavailable)?;
            tx.commit().await.map_err(unavailable)?;
        }
        if let Some(parcel) = &before {
            if parcel.known.state == State::Cancelled {
                return Err(called_off());
            }
            if let Some(number) = parcel.carrier_ref.clone() {
                return Ok(Booked { shipment_id: parcel.id, tracking: Some(number) });
            }
        }
        let number = match self.number(booking, before.is_none()).await {
            Err(refused @ LogisticsError::Refused(_)) => {
                // Nothing is booked, and a saga does not undo a step that was refused.
                self.close(order).await?;
                return Err(refused);
            }
            number => number?,
        };
        let mut tx = self.db.begin("carrier.booked").await.map_err(unavailable)?;
        carrier::link(&mut tx, order, &number).await.map_err(unavailable)?;
        let parcel = carrier::first_in(&mut tx, order).await.map_err(unavailable)?;
        tx.commit().await.map_err(unavailable)?;
        match parcel {
            Some(parcel) if parcel.known.state != State::Cancelled => {
                Ok(Booked { shipment_id: parcel.id, tracking: parcel.carrier_ref })
            }
            _ => Err(called_off()),
        }
    }

    async fn cancel(&self, order: OrderId) -> Result<Recall, Unavailable> {
        self.close(order).await?;
        let recall = self.in_time(self.carrier.cancel(order)).await?;
        if recall == Recall::Gone {
            recall_refused(&self.db, order).await.map_err(unavailable)?;
        }
        Ok(recall)
    }

    async fn find(&self, order: OrderId) -> Result<Option<Consignment>, Unavailable> {
        self.in_time(self.carrier.find(order)).await
    }

    async fn track(&self, tracking: &str) -> Result<Option<Consignment>, Unavailable> {
        self.in_time(self.carrier.track(tracking)).await
    }
}
