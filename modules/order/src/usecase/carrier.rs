//! What a carrier tells is kept first and applied afterwards, once, in whatever order it comes.

use std::time::Duration;

use chrono::TimeDelta;
use kernel::events::ShipmentException;
use kernel::id::{OrderId, ShipmentId};
use kernel::ports::Covered;
use platform::sql::{self, Db, Tx};
use platform::{backoff, fault};

use super::ship::{self, End, Parcel};
use crate::Orders;
use crate::domain::order::Order;
use crate::domain::shipment::Fact;
use crate::domain::tracking::{Exception, Word, heard};
use crate::error::OrderError;
use crate::store::carrier::{self, Consigned, NewEvent, Waiting};
use crate::store::orders;

/// How many events are handled in one go.
const BATCH: i64 = 32;
/// How often it is tried to handle one.
const ATTEMPTS_MAX: i64 = 10;
/// The pause after the first try that failed, in milliseconds; it doubles, and half of it is chance.
const PAUSE_MS: u64 = 200;
/// The longest, in milliseconds.
const PAUSE_MAX_MS: u64 = 60_000;

/// What one try came to.
enum Tried {
    /// The event is handled.
    Ended,
    /// No parcel has its number.
    Unknown,
    /// The order is being checked out: its saga alone moves it.
    TooEarly,
    /// The parcel leaves: what of the order's units lies there is to be asked before.
    Leaves(OrderId),
}

impl Orders {
    /// Keeps an event of the carrier, once. It is applied afterwards.
    pub(crate) async fn receive(&self, event: &NewEvent<'_>) -> sql::Result<()> {
        let mut tx = self.inner.db.begin("carrier.receive").await?;
        carrier::receive(&mut tx, event).await?;
        // Also when it is there already: it may be on its way to the disk in this very group.
        let orders = self.clone();
        tx.after_commit(move || orders.inner.carrier_wake.send_modify(|times| *times += 1));
        tx.commit().await
    }

    /// Applies events of the carrier whose time has come. Whether there may be more.
    pub async fn hear_carrier(&self) -> Result<bool, OrderError> {
        let due = carrier::due(&self.inner.db, BATCH).await?;
        for event in &due {
            fault::point("before handling of", "carrier.event");
            self.handle(event).await?;
        }
        Ok(i64::try_from(due.len()).is_ok_and(|many| many == BATCH))
    }

    async fn handle(&self, event: &Waiting) -> Result<(), OrderError> {
        let Some(word) = Word::from_word(&event.event) else {
            return self.put_off(event, "the shop does not know this event", 0).await;
        };
        let mut tried = sql::retry(|| self.try_apply(event, word, None)).await;
        if let Ok(Tried::Leaves(order)) = tried {
            tried = match self.inner.stock.covered(order).await {
                Ok(covered) => sql::retry(|| self.try_apply(event, word, Some(&covered))).await,
                Err(error) => Err(error.into()),
            };
        }
        match tried {
            Ok(Tried::Ended | Tried::Leaves(_)) => Ok(()),
            Ok(Tried::TooEarly) => {
                self.put_off(event, "the order is being checked out", ATTEMPTS_MAX).await
            }
            Ok(Tried::Unknown) => self.look_up(event).await,
            // Also what storage says of this order: the events behind it are not to wait for it.
            Err(error) => self.put_off(event, &error.to_string(), ATTEMPTS_MAX).await,
        }
    }

    async fn try_apply(
        &self,
        event: &Waiting,
        word: Word,
        covered: Option<&[Covered]>,
    ) -> Result<Tried, OrderError> {
        let mut tx = self.inner.db.begin("carrier.event").await?;
        let Some(parcel) = carrier::of_ref(&mut tx, &event.carrier_ref).await? else {
            return Ok(Tried::Unknown);
        };
        let order = orders::load(&mut tx, parcel.order_id).await?;
        let mut order = order.ok_or(OrderError::NotFound)?;
        let heard = heard(parcel.known, word, event.seq);
        let detail = event.detail.as_deref();
        if let Some(exception) = heard.exception {
            let note = format!("the parcel is {}", parcel.known.state.word());
            if !carrier::end(&mut tx, event.id, "stuck", Some(&note)).await? {
                return Ok(Tried::Ended);
            }
            except(&mut tx, &mut order, parcel.id, exception, detail).await?;
            tx.commit().await?;
            return Ok(Tried::Ended);
        }
        if order.status.is_being_checked_out() && !heard.facts.is_empty() {
            return Ok(Tried::TooEarly);
        }
        if heard.facts.contains(&Fact::Left) && covered.is_none() {
            return Ok(Tried::Leaves(order.id));
        }
        let is_news = heard.is_newest || !heard.facts.is_empty();
        let end = if is_news { "applied" } else { "late" };
        if !carrier::end(&mut tx, event.id, end, None).await? {
            return Ok(Tried::Ended);
        }
        for fact in &heard.facts {
            let covered = covered.unwrap_or_default();
            happen(&mut tx, &mut order, &parcel, *fact, event, covered).await?;
        }
        if heard.is_newest {
            carrier::progress(&mut tx, parcel.id, word, event.seq).await?;
            if word == Word::Exception {
                except(&mut tx, &mut order, parcel.id, Exception::HeldUp, detail).await?;
            } else {
                carrier::goes_on(&mut tx, parcel.id).await?;
            }
        }
        tx.commit().await?;
        Ok(Tried::Ended)
    }

    /// The carrier is asked which order a number is of: its call may be faster than its answer to the
    /// booking, or that answer was lost.
    async fn look_up(&self, event: &Waiting) -> Result<(), OrderError> {
        let asked = self.inner.logistics.track(&event.carrier_ref).await;
        let note = match asked {
            Ok(Some(consignment)) => {
                let mut tx = self.inner.db.begin("carrier.link").await?;
                carrier::link(&mut tx, consignment.order_id, &event.carrier_ref).await?;
                tx.commit().await?;
                "its parcel was looked up".to_owned()
            }
            Ok(None) => "neither the shop nor the carrier knows the parcel".to_owned(),
            Err(error) => error.to_string(),
        };
        self.put_off(event, &note, ATTEMPTS_MAX).await
    }

    /// An event that cannot be handled now is tried again, up to `most` times; then the staff sees it.
    async fn put_off(&self, event: &Waiting, note: &str, most: i64) -> Result<(), OrderError> {
        let mut tx = self.inner.db.begin("carrier.put_off").await?;
        if event.attempts < most {
            let at = tx.now() + pause(event.attempts);
            carrier::again(&mut tx, event, at, note).await?;
        } else {
            tracing::warn!(event = %event.id, note, "an event of the carrier cannot be applied");
            carrier::end(&mut tx, event.id, "stuck", Some(note)).await?;
        }
        Ok(tx.commit().await?)
    }
}

fn pause(attempts: i64) -> TimeDelta {
    let tries = u32::try_from(attempts + 1).unwrap_or(u32::MAX);
    let pause: Duration = backoff::pause(tries, PAUSE_MS, PAUSE_MAX_MS);
    TimeDelta::from_std(pause).unwrap_or(TimeDelta::zero())
}

/// What became known of a parcel happens to its order.
async fn happen(
    tx: &mut Tx,
    order: &mut Order,
    parcel: &Consigned,
    fact: Fact,
    event: &Waiting,
    covered: &[Covered],
) -> Result<(), OrderError> {
    match fact {
        Fact::Left => {
            let tracking = Some(event.carrier_ref.clone());
            ship::leave(tx, order, &Parcel { tracking, ..Parcel::default() }, covered).await
        }
        Fact::Arrived => ship::end(tx, order, parcel.id, &End::Delivered).await,
        Fact::Lost => {
            let reason = event.detail.clone().unwrap_or_else(|| "lost by its carrier".to_owned());
            ship::end(tx, order, parcel.id, &End::Lost { reason }).await
        }
        Fact::CalledOff => Ok(()),
    }
}

/// The staff has to look at a parcel: its row says why, and an event tells it, unless the order is still
/// being checked out, when its saga alone moves it.
async fn except(
    tx: &mut Tx,
    order: &mut Order,
    shipment: ShipmentId,
    exception: Exception,
    detail: Option<&str>,
) -> Result<(), OrderError> {
    if !carrier::except(tx, shipment, exception, detail).await?
        || order.status.is_being_checked_out()
    {
        return Ok(());
    }
    if !orders::move_on(tx, order, order.status, 1).await? {
        return Err(OrderError::Stale);
    }
    order.version += 1;
    let told = ShipmentException {
        shipment_id: shipment,
        order_id: order.id,
        customer_id: order.customer_id,
        kind: exception.word().to_owned(),
        detail: detail.map(str::to_owned),
    };
    Ok(tx.emit(&told, order.version)?)
}

/// The carrier says that what was called off is on its way.
pub(crate) async fn recall_refused(db: &Db, id: OrderId) -> Result<(), OrderError> {
    sql::retry(|| async {
        let mut tx = db.begin("order.exception").await?;
        let Some(parcel) = carrier::first_in(&mut tx, id).await? else { return Ok(()) };
        let Some(mut order) = orders::load(&mut tx, id).await? else { return Ok(()) };
        except(&mut tx, &mut order, parcel.id, Exception::RecallRefused, None).await?;
        Ok(tx.commit().await?)
    })
    .await
}
