//! Manual fulfilment: a booking is a row that the staff work off.

use async_trait::async_trait;
use kernel::id::OrderId;
use kernel::ports::{
    Booked, Booking, Consignment, Logistics, LogisticsError, Recall, Standing, Unavailable,
};
use platform::sql::Db;

use crate::domain::shipment::State;
use crate::store::{carrier, shipment};

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

    async fn cancel(&self, order: OrderId) -> Result<Recall, Unavailable> {
        let mut tx = self.db.begin("fulfilment.cancel").await.map_err(unavailable)?;
        shipment::cancel(&mut tx, order).await.map_err(unavailable)?;
        tx.commit().await.map_err(unavailable)?;
        // What has left is not called off: the order's row says so before this is asked.
        Ok(Recall::CalledOff)
    }

    async fn find(&self, order: OrderId) -> Result<Option<Consignment>, Unavailable> {
        let found = carrier::first(&self.db, order).await.map_err(unavailable)?;
        Ok(found.map(|parcel| Consignment {
            order_id: order,
            tracking: None,
            standing: match parcel.known.state {
                State::Booked => Standing::Booked,
                State::Shipped => Standing::UnderWay,
                State::Delivered => Standing::Delivered,
                State::Lost => Standing::Lost,
                State::Cancelled => Standing::CalledOff,
            },
        }))
    }

    /// The staff give parcels no numbers of their own.
    async fn track(&self, _: &str) -> Result<Option<Consignment>, Unavailable> {
        Ok(None)
    }
}
