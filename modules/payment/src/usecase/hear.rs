//! What a processor tells is kept first and looked into afterwards, whenever and however often it comes.

use std::net::IpAddr;
use std::sync::atomic::Ordering;
use std::time::Duration;

use chrono::TimeDelta;
use kernel::id::PaymentId;
use platform::audit::{self, Actor, Entry, Who};
use platform::{backoff, fault, sql};
use serde::Serialize;

use super::look;
use crate::Payments;
use crate::error::{Error, Result};
use crate::store::{self, NewEvent, Waiting};

/// What the shop looks into when it is told of it.
const KINDS: [&str; 6] = [
    "charge.authorized",
    "charge.declined",
    "charge.voided",
    "dispute.opened",
    "dispute.answered",
    "dispute.closed",
];
/// What the staff has to see to: the shopper has nothing, and the books say that it was given back.
const REFUND_FAILED: &str = "refund.failed";
/// How many events are handled in one go.
const BATCH: i64 = 32;
/// How often it is tried to handle one.
const ATTEMPTS_MAX: i64 = 10;
/// The pause after the first try that failed, in milliseconds; it doubles, and half of it is chance.
const PAUSE_MS: u64 = 200;
/// The longest, in milliseconds.
const PAUSE_MAX_MS: u64 = 60_000;
/// How often a forged call is noted at most, in seconds: whoever makes many is not to fill the log.
const NOTED_EVERY_S: i64 = 60;

impl Payments {
    /// Keeps what a processor tells, once. It is looked into afterwards.
    pub(crate) async fn receive(&self, event: &NewEvent<'_>) -> sql::Result<()> {
        let mut tx = self.db.begin("payment.receive").await?;
        if !fault::bug("processor_event_is_not_kept") {
            store::receive(&mut tx, event).await?;
        }
        // Also when it is there already: it may be on its way to the disk in this very group.
        let heard = self.heard.clone();
        tx.after_commit(move || heard.wake.send_modify(|times| *times += 1));
        tx.commit().await
    }

    /// Looks into events of processors whose time has come. Whether there may be more.
    pub async fn hear(&self) -> sql::Result<bool> {
        let due = store::due_events(&self.db, BATCH).await?;
        for event in &due {
            fault::point("before handling of", "processor.event");
            handle(self, event).await?;
        }
        Ok(i64::try_from(due.len()).is_ok_and(|many| many == BATCH))
    }
}

async fn handle(payments: &Payments, event: &Waiting) -> sql::Result<()> {
    if event.kind == REFUND_FAILED {
        let note = "a refund did not reach the card: give it back in another way";
        return end(payments, event, "stuck", Some(note)).await;
    }
    if !KINDS.contains(&event.kind.as_str()) {
        return end(payments, event, "ignored", Some("the shop does not know this event")).await;
    }
    let id = PaymentId::from(event.payment_id);
    let Some(before) = store::find(&payments.db, id).await? else {
        return put_off(payments, event, "there is no such payment").await;
    };
    match look::look(payments, id).await {
        Ok(after) if after.version == before.version => {
            end(payments, event, "ignored", Some("it tells nothing new")).await
        }
        Ok(_) => end(payments, event, "applied", None).await,
        // Also what storage says of this payment: the events behind it are not to wait for it.
        Err(Error::Processor(error)) => put_off(payments, event, &error.source.to_string()).await,
        Err(error) => put_off(payments, event, &error.to_string()).await,
    }
}

async fn end(
    payments: &Payments,
    event: &Waiting,
    state: &str,
    note: Option<&str>,
) -> sql::Result<()> {
    let mut tx = payments.db.begin("payment.heard").await?;
    store::end_event(&mut tx, event.id, state, note).await?;
    tx.commit().await
}

/// An event that cannot be looked into now is tried again a number of times; then the staff sees it.
async fn put_off(payments: &Payments, event: &Waiting, note: &str) -> sql::Result<()> {
    if event.attempts >= ATTEMPTS_MAX {
        tracing::warn!(event = %event.id, note, "an event of a processor cannot be looked into");
        return end(payments, event, "stuck", Some(note)).await;
    }
    let tries = u32::try_from(event.attempts + 1).unwrap_or(u32::MAX);
    let pause: Duration = backoff::pause(tries, PAUSE_MS, PAUSE_MAX_MS);
    let mut tx = payments.db.begin("payment.put_off").await?;
    let at = tx.now() + TimeDelta::from_std(pause).unwrap_or(TimeDelta::zero());
    store::again(&mut tx, event, at, note).await?;
    tx.commit().await
}

#[derive(Serialize)]
struct Forged<'a> {
    processor: &'a str,
    why: &'a str,
}

/// Notes in the audit log that somebody speaks in the name of a processor.
pub async fn forged(payments: &Payments, why: &'static str, address: Option<IpAddr>) -> Result<()> {
    let now = payments.db.clock().now().timestamp();
    let noted = payments.heard.forged_at.load(Ordering::Relaxed);
    let is_first = now - noted >= NOTED_EVERY_S
        && payments
            .heard
            .forged_at
            .compare_exchange(noted, now, Ordering::Relaxed, Ordering::Relaxed)
            .is_ok();
    if !is_first {
        return Ok(());
    }
    let processor = payments.processor.name();
    let subject = audit::named("processor", processor);
    let entry = Entry::done("webhook.forged", subject, &Forged { processor, why })?;
    let mut tx = payments.db.begin("payment.forged").await?;
    audit::record(&mut tx, &Actor { who: Who::Shop, address }, &[entry]).await?;
    Ok(tx.commit().await?)
}
