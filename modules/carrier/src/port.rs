//! What the shop asks of its carrier.

use std::time::Duration;

use async_trait::async_trait;
use kernel::id::{OrderId, ShipmentId};
use kernel::ports::{Booked, Booking, Consignment, Logistics, LogisticsError, Recall, Unavailable};
use platform::fault;
use platform::random;
use sha2::{Digest, Sha256};

use crate::domain::behaviour::{Fault, Faults};
use crate::domain::parcel::{Event, State};
use crate::{Carrier, store};

/// What the carrier's numbers begin with.
const TRACKING: &str = "SBX";
/// How many characters follow.
const TRACKING_DIGITS: usize = 16;

fn unavailable(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Unavailable {
    Unavailable::new("the sandbox carrier", error)
}

fn refused(why: &str) -> LogisticsError {
    LogisticsError::Refused(why.to_owned())
}

/// By what a repeated booking is known: who lives where is not kept.
fn parameters(booking: &Booking) -> Result<String, Unavailable> {
    let text = serde_json::to_vec(&(&booking.address, &booking.method)).map_err(unavailable)?;
    Ok(hex::encode(Sha256::digest(text)))
}

impl Carrier {
    async fn answer(&self) {
        tokio::time::sleep(Duration::from_millis(self.inner.settings.latency_ms)).await;
    }

    /// What was done is done, and whoever asked for it never hears of it.
    async fn lose_answer(&self, faults: &Faults, is_first: bool) {
        if is_first && faults.has(Fault::LostAnswer) {
            std::future::pending::<()>().await;
        }
    }
}

#[async_trait]
impl Logistics for Carrier {
    async fn book(&self, booking: Booking) -> Result<Booked, LogisticsError> {
        let (order, parameters) = (booking.order_id, parameters(&booking)?);
        let lines = [Some(booking.address.line1), booking.address.line2];
        let lines = lines.into_iter().flatten().collect::<Vec<_>>().join(" ");
        let faults = Faults::named(&lines, &self.inner.settings.faults);
        if faults.has(Fault::Refuse) {
            self.answer().await;
            return Err(refused("the carrier does not go there"));
        }
        let token = random::token().to_uppercase();
        let tracking = format!("{TRACKING}{}", &token[..TRACKING_DIGITS]);
        let mut tx = self.inner.db.begin("carrier.book").await.map_err(unavailable)?;
        let moves_at = self.step(tx.now());
        let is_first = store::book(&mut tx, order, (&tracking, &parameters), &faults, moves_at)
            .await
            .map_err(unavailable)?;
        let found = store::load(&mut tx, order).await.map_err(unavailable)?;
        let mut parcel = found.ok_or_else(|| unavailable("a booking is not there"))?;
        if is_first && faults.has(Fault::Gone) {
            let moved = self.happen(&mut tx, parcel, Event::PickedUp, None).await;
            let moved = moved.map_err(unavailable)?;
            parcel = moved.ok_or_else(|| unavailable("a booking has moved"))?;
        }
        self.commit(tx).await.map_err(unavailable)?;
        fault::point("after commit of", "carrier.booking");
        self.lose_answer(&faults, is_first).await;
        self.answer().await;
        if parcel.state == State::Cancelled {
            return Err(refused("the booking was called off"));
        }
        if parcel.parameters != parameters {
            return Err(refused("the order was booked with another address or method"));
        }
        // The shop has an id of its own for it.
        Ok(Booked { shipment_id: ShipmentId::from(order.uuid()), tracking: parcel.tracking })
    }

    async fn cancel(&self, order: OrderId) -> Result<Recall, Unavailable> {
        let mut tx = self.inner.db.begin("carrier.cancel").await.map_err(unavailable)?;
        let is_first = store::cancel(&mut tx, order).await.map_err(unavailable)?;
        let found = store::load(&mut tx, order).await.map_err(unavailable)?;
        let parcel = found.ok_or_else(|| unavailable("a booking is not there"))?;
        // Also when nothing was changed: what was found may be on its way to the disk.
        tx.commit().await.map_err(unavailable)?;
        self.lose_answer(&parcel.faults, is_first).await;
        self.answer().await;
        let is_off = parcel.state == State::Cancelled;
        Ok(if is_off { Recall::CalledOff } else { Recall::Gone })
    }

    async fn find(&self, order: OrderId) -> Result<Option<Consignment>, Unavailable> {
        let found = store::of_order(&self.inner.db, order).await.map_err(unavailable)?;
        self.answer().await;
        Ok(found.map(Consignment::from))
    }

    async fn track(&self, tracking: &str) -> Result<Option<Consignment>, Unavailable> {
        let found = store::of_tracking(&self.inner.db, tracking).await.map_err(unavailable)?;
        self.answer().await;
        Ok(found.map(Consignment::from))
    }
}
