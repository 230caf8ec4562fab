//! A carrier: a party of its own, which no node takes along when it dies. What happens to its parcels
//! happens in order, and it tells of it in whatever order and as often as the seed wants.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use kernel::id::{OrderId, ShipmentId};
use kernel::ports::{
    Booked, Booking, Consignment, Logistics, LogisticsError, Recall, Standing, Unavailable,
};
use serde_json::{Value, json};

/// What its calls are signed with.
pub const SECRET: [u8; 32] = [7; 32];
/// What happens to a parcel that nobody calls off, in order.
const WAY: [&str; 3] = ["picked_up", "in_transit", "delivered"];

#[derive(Clone, Default)]
pub struct Carrier(Arc<Mutex<BTreeMap<OrderId, Parcel>>>);

/// A parcel with how many of the events of its way happened; none when it was called off.
#[derive(Clone)]
struct Parcel {
    tracking: String,
    happened: Option<usize>,
}

impl Parcel {
    const fn standing(&self) -> Standing {
        match self.happened {
            None => Standing::CalledOff,
            Some(0) => Standing::Booked,
            Some(3..) => Standing::Delivered,
            Some(_) => Standing::UnderWay,
        }
    }

    fn consignment(&self, order_id: OrderId) -> Consignment {
        let tracking = (!self.tracking.is_empty()).then(|| self.tracking.clone());
        Consignment { order_id, tracking, standing: self.standing() }
    }

    /// Its event of this number.
    fn event(&self, n: usize) -> (String, Value) {
        let event = json!({
            "tracking": self.tracking, "seq": n + 1, "event": WAY[n],
            "happened_at": "2040-01-01T00:00:00Z",
        });
        (format!("{}/{n}", self.tracking), event)
    }
}

impl Carrier {
    fn parcels(&self) -> MutexGuard<'_, BTreeMap<OrderId, Parcel>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The parcel of an order comes to its next station.
    pub fn goes_on(&self, order: OrderId) {
        if let Some(parcel) = self.parcels().get_mut(&order) {
            parcel.happened = parcel.happened.map(|n| (n + 1).min(WAY.len()));
        }
    }

    /// One of the events of an order's parcel that happened: its id, and how it is told.
    pub fn one_of(&self, order: OrderId, which: usize) -> Option<(String, Value)> {
        let parcels = self.parcels();
        let parcel = parcels.get(&order)?;
        let happened = parcel.happened.filter(|n| *n > 0)?;
        Some(parcel.event(which % happened))
    }

    /// Everything that happened.
    pub fn all(&self) -> Vec<(String, Value)> {
        let parcels = self.parcels();
        let of_each = |parcel: &Parcel| {
            let happened = parcel.happened.unwrap_or_default();
            (0..happened).map(|n| parcel.event(n)).collect::<Vec<_>>()
        };
        parcels.values().flat_map(of_each).collect()
    }
}

#[async_trait]
impl Logistics for Carrier {
    async fn book(&self, booking: Booking) -> Result<Booked, LogisticsError> {
        let order = booking.order_id;
        let mut parcels = self.parcels();
        let tracking = format!("PARCEL-{}", parcels.len());
        let parcel = parcels.entry(order).or_insert(Parcel { tracking, happened: Some(0) });
        if parcel.happened.is_none() {
            return Err(LogisticsError::Refused("the booking was called off".to_owned()));
        }
        let tracking = Some(parcel.tracking.clone());
        Ok(Booked { shipment_id: ShipmentId::from(order.uuid()), tracking })
    }

    async fn cancel(&self, order: OrderId) -> Result<Recall, Unavailable> {
        let mut parcels = self.parcels();
        let none = Parcel { tracking: String::new(), happened: None };
        let parcel = parcels.entry(order).or_insert(none);
        if parcel.happened.is_some_and(|n| n > 0) {
            return Ok(Recall::Gone);
        }
        parcel.happened = None;
        Ok(Recall::CalledOff)
    }

    async fn find(&self, order: OrderId) -> Result<Option<Consignment>, Unavailable> {
        Ok(self.parcels().get(&order).map(|parcel| parcel.consignment(order)))
    }

    async fn track(&self, tracking: &str) -> Result<Option<Consignment>, Unavailable> {
        let parcels = self.parcels();
        let found = parcels.iter().find(|(_, parcel)| parcel.tracking == tracking);
        Ok(found.map(|(order, parcel)| parcel.consignment(*order)))
    }
}
