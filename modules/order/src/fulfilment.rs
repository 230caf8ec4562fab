//! Manual fulfilment: a booking is a row that the staff work off.

use async_trait::async_trait;
use kernel::id::OrderId;
use kernel::ports::{Booked, Booking, Logistics, LogisticsError, Unavailable};
use platform::sql::Db;

use crate::store::shipment;

/// A carrier that always takes the parcel: the shop's own staff.
#[derive(Clone)]
pub struct ManualFulfilment {
    db: Db,
}

impl ManualFulfilment {
    /// Keeps its bookings in the order module's database.
    pub fn new(db: Db) -> Self {
        Self { db }
    }
}

fn unavailable(error: platform::sql::Error) -> Unavailable {
    Unavailable::new("the fulfilment", error)
}

#[async_trait]
impl Logistics for ManualFulfilment {
    async fn book(&self, booking: Booking) -> Result<Booked, LogisticsError> {
        let mut tx = self.db.begin("fulfilment.book").await.map_err(unavailable)?;
        let booked = shipment::book(&mut tx, booking.order_id, &booking.method)
            .await
            .map_err(unavailable)?;
        if booked.state == "cancelled" {
            return Err(LogisticsError::Refused("the shipment was called off".to_owned()));
        }
        tx.commit().await.map_err(unavailable)?;
        Ok(Booked { shipment_id: booked.id.into(), tracking: booked.tracking })
    }

    async fn cancel(&self, order: OrderId) -> Result<(), Unavailable> {
        let mut tx = self.db.begin("fulfilment.cancel").await.map_err(unavailable)?;
        shipment::cancel(&mut tx, order).await.map_err(unavailable)?;
        tx.commit().await.map_err(unavailable)
    }
}
