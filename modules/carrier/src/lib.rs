//! The sandbox carrier: in process, and still a party of its own.
//!
//! It has its own database and books and knows nothing of the shop's. It books at most one consignment
//! for an order, and after a cancel none; it can be asked how a call stands whose answer was lost. Parcels
//! move when the staff say so or by a clock, and each event is told by a signed webhook from a queue of its
//! own. What goes wrong is in `domain/behaviour.rs`.

mod domain;
mod http;
mod notify;
mod port;
mod store;

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use kernel::Timestamp;
use kernel::id::OrderId;
use platform::audit::{self, Actor, Entry};
use platform::module::Schema;
use platform::sql::{self, Db, Tx};
use platform::tasks::Tasks;
use platform::webhook::{Target, TargetError};
use serde::Deserialize;
use tokio::sync::watch;

use domain::behaviour::{Delivery, Fault};
pub use domain::parcel::{Event, Happens, State};
pub use store::Parcel;

platform::migrations! { "carrier": "0001_carrier" }

/// Where its webhooks go, below the shop's own address.
const PATH: &str = "/v1/webhooks/carrier";
/// What it calls itself.
const AGENT: &str = "stoa-sandbox-carrier/1";

/// The carrier's tables and statements.
pub const SCHEMA: Schema = Schema {
    module: "carrier",
    migrations: MIGRATIONS,
    statements: &[store::STATEMENTS],
    guards: &[],
};

/// How the sandbox carrier works: section `[carrier]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// How long it takes for an answer, in milliseconds.
    pub latency_ms: u64,
    /// How long a parcel takes from one station to the next, in milliseconds; 0 moves none.
    pub step_ms: u32,
    /// Where webhooks go; empty is this process.
    pub webhook_url: String,
    /// How often it is looked for what is due, in milliseconds.
    pub poll_ms: u64,
    /// How long a webhook is held back that comes late or out of its order, in milliseconds.
    pub late_ms: u32,
    /// What goes wrong with every parcel.
    pub faults: Vec<Fault>,
    /// What chance follows from.
    pub seed: u64,
}

/// Why the carrier cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Nobody can be called.
    #[error("carrier.webhook_url: {0}")]
    Target(#[from] TargetError),
    /// Storage did not do what it was asked.
    #[error(transparent)]
    Storage(#[from] sql::Error),
}

/// The sandbox carrier.
#[derive(Clone)]
pub struct Carrier {
    inner: Arc<Inner>,
}

struct Inner {
    db: Db,
    settings: Settings,
    secret: Vec<u8>,
    target: Target,
    wake: watch::Sender<u64>,
}

/// Why a parcel did not move.
#[derive(Debug, thiserror::Error)]
pub enum MoveError {
    /// There is none with this number.
    #[error("there is no such parcel")]
    NotFound,
    /// Where it stands this cannot happen.
    #[error("this cannot happen to a parcel that is {}", .0.word())]
    State(State),
    /// Storage did not do what it was asked.
    #[error(transparent)]
    Storage(#[from] sql::Error),
}

impl Carrier {
    /// A carrier over its own database.
    pub async fn open(db: Db, settings: Settings) -> Result<Self, OpenError> {
        let target = Target::new(&settings.webhook_url, PATH, AGENT)?;
        let secret = store::secret(&db).await?;
        let wake = watch::Sender::new(0);
        Ok(Self { inner: Arc::new(Inner { db, settings, secret, target, wake }) })
    }

    /// What its webhooks are signed with.
    pub fn secret(&self) -> &[u8] {
        &self.inner.secret
    }

    /// Its endpoints.
    pub fn routes(&self, config: &mut actix_web::web::ServiceConfig) {
        http::routes(self, config);
    }

    /// Its part of the API's description.
    pub fn openapi() -> utoipa::openapi::OpenApi {
        http::openapi()
    }

    /// Sends webhooks to the shop at `origin` unless the settings say where they go.
    pub fn serve(&self, origin: &str) {
        self.inner.target.default_to(origin);
        self.wake();
    }

    /// Starts the clock that moves parcels, and the sending of webhooks.
    pub fn start(&self, tasks: &Tasks) {
        let poll = Duration::from_millis(self.inner.settings.poll_ms);
        let (carrier, wake) = (self.clone(), self.inner.wake.subscribe());
        tasks.every("carrier.webhooks", poll, Some(wake), move || {
            let carrier = carrier.clone();
            async move { carrier.notify().await }
        });
        if self.inner.settings.step_ms > 0 {
            let carrier = self.clone();
            tasks.every("carrier.clock", poll, None, move || {
                let carrier = carrier.clone();
                async move { carrier.tick().await }
            });
        }
    }

    /// Parcels after an order, by order, for checks across parties.
    pub async fn parcels(&self, after: Option<OrderId>, limit: u32) -> sql::Result<Vec<Parcel>> {
        store::parcels(&self.inner.db, after, limit).await
    }

    /// Lets something happen to a parcel, and tells the merchant. The audit log names who of the staff
    /// did it.
    pub async fn move_on(
        &self,
        tracking: &str,
        happens: &Happens,
        staff: Option<&Actor>,
    ) -> Result<Parcel, MoveError> {
        loop {
            let found = store::of_tracking(&self.inner.db, tracking).await?;
            let parcel = found.ok_or(MoveError::NotFound)?;
            let entry = Entry::done("parcel.move", parcel.order_id.uuid(), happens)?;
            let mut tx = self.inner.db.begin("carrier.move").await?;
            let (event, detail) = (happens.event, happens.detail.as_deref());
            if let Some(moved) = self.happen(&mut tx, parcel, event, detail).await? {
                if let Some(staff) = staff {
                    audit::record(&mut tx, staff, &[entry]).await?;
                }
                self.commit(tx).await?;
                return Ok(moved);
            }
        }
    }

    async fn commit(&self, mut tx: Tx) -> sql::Result<()> {
        let carrier = self.clone();
        tx.after_commit(move || carrier.wake());
        tx.commit().await
    }

    /// None when it moved in this moment, and is to be looked at again.
    async fn happen(
        &self,
        tx: &mut Tx,
        mut parcel: Parcel,
        event: Event,
        detail: Option<&str>,
    ) -> Result<Option<Parcel>, MoveError> {
        let to = parcel.state.after(event).ok_or(MoveError::State(parcel.state))?;
        let Some(tracking) = parcel.tracking.clone() else { return Err(MoveError::NotFound) };
        let has_next = to.next(&parcel.faults, parcel.seq + 1).is_some();
        let moves_at = self.step(tx.now()).filter(|_| has_next);
        if !store::move_on(tx, &parcel, to, moves_at).await? {
            return Ok(None);
        }
        (parcel.state, parcel.seq, parcel.updated_at) = (to, parcel.seq + 1, tx.now());
        let delivery = self.delivery(&parcel, &tracking);
        store::tell(tx, (&tracking, parcel.seq), (event, detail), &delivery).await?;
        Ok(Some(parcel))
    }

    fn delivery(&self, parcel: &Parcel, tracking: &str) -> Delivery {
        let Settings { seed, late_ms, .. } = self.inner.settings;
        let late = TimeDelta::milliseconds(late_ms.into());
        parcel.faults.delivery(seed, tracking, parcel.seq, late)
    }

    /// When a parcel that moves now moves next, by the clock.
    fn step(&self, now: Timestamp) -> Option<Timestamp> {
        let step = self.inner.settings.step_ms;
        (step > 0).then(|| now + TimeDelta::milliseconds(step.into()))
    }

    /// Moves one parcel on whose time has come. Whether there was one.
    async fn tick(&self) -> Result<bool, MoveError> {
        let mut tx = self.inner.db.begin("carrier.tick").await?;
        let Some(parcel) = store::next_move(&mut tx).await? else { return Ok(false) };
        let Some(event) = parcel.state.next(&parcel.faults, parcel.seq) else { return Ok(false) };
        if self.happen(&mut tx, parcel, event, None).await?.is_some() {
            self.commit(tx).await?;
        }
        Ok(true)
    }

    fn wake(&self) {
        self.inner.wake.send_modify(|times| *times += 1);
    }
}
