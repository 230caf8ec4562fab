//! Delivery of a batch of events to one subscription.

use std::collections::HashSet;
use std::time::Duration;

use chrono::TimeDelta;
use kernel::Envelope;
use uuid::Uuid;

use super::relay::Settings;
use super::store::{self, Due, Parked, Position};
use super::{Effect, Handler, HandlerError, Reaction, Subscription};
use crate::outbox::Published;
use crate::sql::{Error, Result};
use crate::{backoff, trace};

/// The shortest pause before a failed event is tried again.
const RETRY_BASE_MS: u64 = 200;
/// The longest.
const RETRY_MAX_MS: u64 = 300_000;
/// How many parked events are tried in one go.
const DUE_MAX: i64 = 32;

/// Why a batch did not go through as a whole.
enum Failure {
    /// Storage said so; the relay tries again later.
    Storage(Error),
    /// A handler refused one event.
    Handler,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Storage(error)
    }
}

/// Delivers a batch that follows `at` without a gap, and moves the cursor behind it.
pub(super) async fn deliver(
    subscription: &Subscription,
    settings: &Settings,
    at: Position,
    batch: &[Published],
) -> Result<()> {
    match &subscription.handler {
        Handler::Effect(effect) => {
            perform(subscription, settings, at, batch, effect.as_ref()).await
        }
        Handler::Reaction(reaction) => {
            let reaction = reaction.as_ref();
            match apply_all(subscription, at, batch, reaction).await {
                Ok(()) => Ok(()),
                Err(Failure::Storage(error)) => Err(error),
                // One of them fails: find out which, and let the others through.
                Err(Failure::Handler) => {
                    apply_each(subscription, settings, at, batch, reaction).await
                }
            }
        }
    }
}

async fn apply_all(
    subscription: &Subscription,
    at: Position,
    batch: &[Published],
    reaction: &dyn Reaction,
) -> std::result::Result<(), Failure> {
    let Some(last) = batch.last() else { return Ok(()) };
    let mut tx = subscription.db.begin(subscription.name).await?;
    if !store::move_cursor(&mut tx, subscription.name, &last.envelope.source, at, last.pos).await? {
        return Ok(());
    }
    let parked = store::parked_subjects(&mut tx, subscription.name, &last.envelope.source).await?;
    let parked: HashSet<Uuid> = parked.into_iter().collect();
    for event in batch.iter().filter(|event| subscription.wants(&event.envelope)) {
        if parked.contains(&event.envelope.subject) {
            store::park(&mut tx, subscription.name, event, Parked::Behind).await?;
        } else {
            let applied = reaction.apply(&mut tx, &event.envelope);
            let applied = trace::within(event.envelope.trace.clone(), applied).await;
            applied.map_err(|_| Failure::Handler)?;
        }
    }
    tx.commit().await?;
    Ok(())
}

async fn apply_each(
    subscription: &Subscription,
    settings: &Settings,
    at: Position,
    batch: &[Published],
    reaction: &dyn Reaction,
) -> Result<()> {
    let mut at = at;
    for event in batch {
        let one = std::slice::from_ref(event);
        match apply_all(subscription, at, one, reaction).await {
            Ok(()) => {}
            Err(Failure::Storage(error)) => return Err(error),
            Err(Failure::Handler) => {
                let error = apply_once(subscription, event, reaction).await;
                park_failed(subscription, settings, at, event, &error).await?;
            }
        }
        at.pos = event.pos;
    }
    Ok(())
}

/// What the handler says to an event that failed in its batch; for the dead letter.
async fn apply_once(
    subscription: &Subscription,
    event: &Published,
    reaction: &dyn Reaction,
) -> String {
    match subscription.db.begin(subscription.name).await {
        Err(error) => error.to_string(),
        Ok(mut tx) => match reaction.apply(&mut tx, &event.envelope).await {
            Err(error) => chain(&error),
            Ok(()) => "it failed once".to_owned(),
        },
    }
}

async fn park_failed(
    subscription: &Subscription,
    settings: &Settings,
    at: Position,
    event: &Published,
    error: &str,
) -> Result<()> {
    tracing::warn!(
        subscription = subscription.name, event = %event.envelope.id, kind = event.envelope.kind,
        error, "an event failed and is parked"
    );
    let mut tx = subscription.db.begin("bus.park").await?;
    let source = &event.envelope.source;
    if !store::move_cursor(&mut tx, subscription.name, source, at, event.pos).await? {
        return Ok(());
    }
    let due_at = tx.now() + pause(1, settings);
    let why = Parked::Failed { due_at, error: error.to_owned() };
    store::park(&mut tx, subscription.name, event, why).await?;
    tx.commit().await
}

async fn perform(
    subscription: &Subscription,
    settings: &Settings,
    at: Position,
    batch: &[Published],
    effect: &dyn Effect,
) -> Result<()> {
    let Some(last) = batch.last() else { return Ok(()) };
    let source = &last.envelope.source;
    let parked = {
        let mut tx = subscription.db.snapshot().await?;
        store::parked_subjects(&mut tx, subscription.name, source).await?
    };
    let mut parked: HashSet<Uuid> = parked.into_iter().collect();
    let mut failed = Vec::new();
    for event in batch.iter().filter(|event| subscription.wants(&event.envelope)) {
        if parked.contains(&event.envelope.subject) {
            failed.push((event, None));
        } else if let Err(error) = perform_one(effect, &event.envelope, settings.effect_wait).await
        {
            tracing::warn!(
                subscription = subscription.name, event = %event.envelope.id,
                kind = event.envelope.kind, error = %chain(&error),
                "an event failed and is parked"
            );
            parked.insert(event.envelope.subject);
            failed.push((event, Some(chain(&error))));
        }
    }
    let mut tx = subscription.db.begin(subscription.name).await?;
    if !store::move_cursor(&mut tx, subscription.name, source, at, last.pos).await? {
        return Ok(());
    }
    for (event, error) in failed {
        let due_at = tx.now() + pause(1, settings);
        let why = error.map_or(Parked::Behind, |error| Parked::Failed { due_at, error });
        store::park(&mut tx, subscription.name, event, why).await?;
    }
    tx.commit().await
}

async fn perform_one(
    effect: &dyn Effect,
    event: &Envelope,
    wait: Duration,
) -> std::result::Result<(), HandlerError> {
    let performed = trace::within(event.trace.clone(), effect.perform(event));
    tokio::time::timeout(wait, performed).await.unwrap_or_else(|late| Err(late.into()))
}

/// Tries the parked events whose time has come. Returns how many there were.
pub(super) async fn retry_due(
    subscription: &Subscription,
    source: &str,
    settings: &Settings,
) -> Result<usize> {
    let now = subscription.db.clock().now();
    let due = store::due(&subscription.db, subscription.name, source, now, DUE_MAX).await?;
    for event in &due {
        if let Err(error) = retry(subscription, event, settings).await {
            let tries = event.attempts + 1;
            let next = (tries < settings.attempts_max).then(|| now + pause(tries, settings));
            let mut tx = subscription.db.begin("bus.park").await?;
            store::failed_again(&mut tx, subscription.name, event, next, chain(&error)).await?;
            tx.commit().await?;
        }
    }
    Ok(due.len())
}

async fn retry(
    subscription: &Subscription,
    due: &Due,
    settings: &Settings,
) -> std::result::Result<(), HandlerError> {
    if let Handler::Effect(effect) = &subscription.handler {
        perform_one(effect.as_ref(), &due.envelope, settings.effect_wait).await?;
    }
    let mut tx = subscription.db.begin(subscription.name).await?;
    if !store::unpark(&mut tx, subscription.name, due).await? {
        return Ok(());
    }
    if let Handler::Reaction(reaction) = &subscription.handler {
        trace::within(due.envelope.trace.clone(), reaction.apply(&mut tx, &due.envelope)).await?;
    }
    Ok(tx.commit().await?)
}

fn pause(tries: i64, settings: &Settings) -> TimeDelta {
    let tries = u32::try_from(tries).unwrap_or(u32::MAX);
    let most = RETRY_MAX_MS.min(settings.retry_max.as_millis().try_into().unwrap_or(RETRY_MAX_MS));
    TimeDelta::from_std(backoff::pause(tries, RETRY_BASE_MS, most)).unwrap_or_default()
}

/// An error with everything that caused it, on one line.
fn chain(error: &HandlerError) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
