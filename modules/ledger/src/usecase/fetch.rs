//! Fetching what the processor settled: all of a time or nothing, and what was told before is passed over.

use std::time::Duration;

use chrono::TimeDelta;
use kernel::Timestamp;
use kernel::ports::{SettledLine, SettlementError, Unavailable};
use platform::audit::Actor;
use sha2::{Digest, Sha256};

use super::settle::{Brought, Told, brought, keep};
use crate::Ledger;
use crate::domain::{LINES_MAX, Line, Source};
use crate::error::{Error, Result};
use crate::store::{fetching, lock};
use crate::view::SettlementView;

/// How long all pages of the processor may take.
const WAIT_MAX: Duration = Duration::from_mins(5);
/// How much earlier than the shop heard of it the processor may have booked what it did: a call whose outcome was unknown is
/// looked into for about so long.
const BOOKED_EARLIER: TimeDelta = TimeDelta::days(1);
/// How much is fetched at a time, when the shop fetches by itself, and the least where that is too much.
const STEP: TimeDelta = TimeDelta::days(1);
const STEP_MIN: TimeDelta = TimeDelta::minutes(15);
/// After how long it is tried again.
const AGAIN_AFTER: TimeDelta = TimeDelta::minutes(10);

/// Takes what the processor booked from one moment on and before another, at the latest now. None when nothing of it is
/// new, and nothing that happened then is missing.
pub(crate) async fn fetch(
    ledger: &Ledger,
    (from, until): (Timestamp, Timestamp),
    actor: &Actor,
) -> Result<Option<SettlementView>> {
    let until = until.min(ledger.db.clock().now());
    if from >= until {
        return Err(Error::Span);
    }
    let since = from.checked_sub_signed(BOOKED_EARLIER).unwrap_or(from);
    take(ledger, (since, until), from, actor).await
}

/// Takes what was booked in a time. What happened from `complete` on was booked in it, or before it and was taken.
async fn take(
    ledger: &Ledger,
    (since, until): (Timestamp, Timestamp),
    complete: Timestamp,
    actor: &Actor,
) -> Result<Option<SettlementView>> {
    let told = ledger.processor.settled(since, until, LINES_MAX);
    let told = tokio::time::timeout(WAIT_MAX, told).await;
    let told =
        told.map_err(|late| SettlementError::from(Unavailable::new("the processor", late)))?;
    let lines: Vec<Line> = told?.into_iter().map(Line::from).collect();

    let mut tx = ledger.db.begin("ledger.fetch").await?;
    let held = lock(&mut tx).await?;
    let told = Told { lines, from: complete, until: Some(until) };
    let brought = brought(&mut tx, ledger, told).await?;
    if brought.lines.is_empty() && brought.missing.is_empty() {
        tx.commit().await?;
        return Ok(None);
    }
    let (digest, count) = (digest(&brought), brought.lines.len());
    let view = keep(&mut tx, held, Source::Processor, digest, count, &brought, actor).await?;
    tx.commit().await?;
    Ok(Some(view))
}

/// What tells this settlement from every other: what it brought is new once.
fn digest(brought: &Brought) -> String {
    let mut hash = Sha256::new();
    let mut add = |text: &str| {
        hash.update(text.len().to_be_bytes());
        hash.update(text);
    };
    for line in &brought.lines {
        let Line { id, kind, gross, fee, .. } = line;
        for text in [id, kind.word(), &gross.to_string(), &fee.to_string()] {
            add(text);
        }
    }
    brought.missing.iter().for_each(|movement| add(&movement.id));
    hex::encode(hash.finalize())
}

/// Fetches by itself what is due, on one node. A time that was fetched is fetched again for some days, since lines come late
/// and disputes are decided later; what was not fetched because the shop stood still is caught up with.
pub(crate) async fn round(ledger: &Ledger) -> Result<()> {
    let now = ledger.db.clock().now();
    let Some(before) = fetching::claim(&ledger.db, now, now + AGAIN_AFTER).await? else {
        return Ok(());
    };
    let fetching = ledger.fetching;
    let complete = before.unwrap_or(now) - TimeDelta::days(fetching.fetch_days.into());
    let (mut from, mut step) = (complete - BOOKED_EARLIER, STEP);
    while from < now {
        let until = now.min(from + step);
        match take(ledger, (from, until), complete, &Actor::SYSTEM).await {
            Ok(Some(settled)) if settled.differences > 0 => {
                let (lines, differences) = (settled.lines, settled.differences);
                tracing::warn!(id = %settled.id, lines, differences, "what the processor settled differs");
            }
            Ok(_) => {}
            Err(Error::Processor(SettlementError::TooMany(_))) if step > STEP_MIN => {
                step = STEP_MIN.max(step / 2);
                continue;
            }
            Err(error) => return Err(error),
        }
        from = until;
        // Who works for longer than others wait for keeps the others away.
        fetching::extend(&ledger.db, ledger.db.clock().now() + AGAIN_AFTER).await?;
    }
    let next = now + TimeDelta::hours(fetching.fetch_every_h.into());
    fetching::done(&ledger.db, now, next).await?;
    tracing::info!("what the processor settled was fetched");
    Ok(())
}

impl From<SettledLine> for Line {
    fn from(told: SettledLine) -> Self {
        let SettledLine { id, kind, payment_id, charge, gross, fee, created_at, available_on } =
            told;
        let kind = kind.into();
        Self { id, kind, payment_id, charge, gross, fee, created_at, available_on }
    }
}
