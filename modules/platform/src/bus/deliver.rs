//! Delivery of a batch of events to one subscription.

use std::collections::{BTreeMap, HashSet};
use std::panic::AssertUnwindSafe;
use std::time::{Duration, Instant};

use chrono::TimeDelta;
use futures_util::{FutureExt, StreamExt, stream};
use kernel::Envelope;
use uuid::Uuid;

use super::relay::Settings;
use super::store::{self, Due, Parked, Position, Standing};
use super::{Effect, Handler, HandlerError, Reaction, Subscription};
use crate::outbox::Published;
use crate::sql::{Error, Result, Tx};
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
    /// A handler refused one event, and why.
    Handler(String),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Storage(error)
    }
}

/// Delivers a batch that follows a cursor without a gap, and moves the cursor behind it. No effect begins
/// after `until`.
pub(super) async fn deliver(
    subscription: &Subscription,
    settings: &Settings,
    standing: Standing,
    batch: &[Published],
    until: Instant,
) -> Result<()> {
    let at = standing.at();
    match &subscription.handler {
        Handler::Effect(effect) => {
            perform(subscription, settings, standing, batch, effect.as_ref(), until).await
        }
        Handler::Reaction(reaction) => {
            let reaction = reaction.as_ref();
            match apply_all(subscription, settings, standing, batch, reaction).await {
                Ok(()) => Ok(()),
                Err(Failure::Storage(error)) => Err(error),
                // One of them fails: find out which, and let the others through.
                Err(Failure::Handler(_)) => {
                    apply_each(subscription, settings, at, batch, reaction).await
                }
            }
        }
    }
}

async fn apply_all(
    subscription: &Subscription,
    settings: &Settings,
    standing: Standing,
    batch: &[Published],
    reaction: &dyn Reaction,
) -> std::result::Result<(), Failure> {
    let Some(last) = batch.last() else { return Ok(()) };
    let at = standing.at();
    let (name, source) = (subscription.name, last.envelope.source.as_str());
    let mut tx = subscription.db.begin(name).await?;
    if !store::move_cursor(&mut tx, name, source, at, last.pos).await? {
        return Ok(());
    }
    let wanted: Vec<&Published> =
        batch.iter().filter(|event| subscription.wants(&event.envelope)).collect();
    let parked = if standing.has_parked {
        store::parked_subjects(&mut tx, name, source, &wanted).await?
    } else {
        HashSet::new()
    };
    let (behind, free): (Vec<_>, Vec<_>) =
        wanted.into_iter().partition(|event| parked.contains(&event.envelope.subject));
    for event in behind {
        store::park(&mut tx, name, event, Parked::Behind).await?;
    }
    let done: Vec<&Envelope> = free.into_iter().map(|event| &event.envelope).collect();
    apply(reaction, &mut tx, &done, settings.effect_wait)
        .await
        .map_err(|error| Failure::Handler(chain(&error)))?;
    match tx.commit().await {
        // A reaction went on after one of its statements had failed: the fault is its own.
        Err(error @ Error::Aborted(_)) => return Err(Failure::Handler(error.to_string())),
        committed => committed?,
    }
    subscription.heard.goes_on(source, at.pos, last.pos);
    reaction.committed(last.pos, &done);
    if reaction.is_heard_everywhere() {
        subscription.db.tell_handled();
    }
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
        // One of them fails, and is parked before those that follow.
        let standing =
            Standing { pos: at.pos, generation: at.generation, has_parked: true, is_due: false };
        match apply_all(subscription, settings, standing, one, reaction).await {
            Ok(()) => {}
            Err(Failure::Storage(error)) => return Err(error),
            Err(Failure::Handler(error)) => {
                park_failed(subscription, settings, at, event, &error).await?;
            }
        }
        at.pos = event.pos;
    }
    Ok(())
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

/// What came of one event.
enum Performed {
    Done,
    /// It is parked; the error, unless it only came behind one that failed.
    Parked(Option<String>),
    /// There was no time; the next round takes it.
    Left,
}

/// Performs as many events as there is time for: those of a subject in order, several subjects at
/// once.
async fn perform(
    subscription: &Subscription,
    settings: &Settings,
    standing: Standing,
    batch: &[Published],
    effect: &dyn Effect,
    until: Instant,
) -> Result<()> {
    let (Some(first), Some(last)) = (batch.first(), batch.last()) else { return Ok(()) };
    let (name, source) = (subscription.name, first.envelope.source.as_str());
    let wanted: Vec<&Published> =
        batch.iter().filter(|event| subscription.wants(&event.envelope)).collect();
    let parked = if standing.has_parked {
        let mut tx = subscription.db.snapshot().await?;
        store::parked_subjects(&mut tx, name, source, &wanted).await?
    } else {
        HashSet::new()
    };
    let mut subjects: BTreeMap<Uuid, Vec<&Published>> = BTreeMap::new();
    for event in wanted {
        subjects.entry(event.envelope.subject).or_default().push(event);
    }
    let mut work = Vec::with_capacity(subjects.len());
    for (subject, events) in subjects {
        let behind = parked.contains(&subject);
        work.push(perform_subject(name, settings, events, effect, behind, until));
    }
    let at_once = settings.effects_at_once.min(subscription.at_once_max);
    let performed: Vec<_> = stream::iter(work).buffer_unordered(at_once).collect().await;
    let mut performed: Vec<_> = performed.into_iter().flatten().collect();
    performed.sort_unstable_by_key(|(event, _)| event.pos);
    let left = performed.iter().find(|(_, came)| matches!(came, Performed::Left));
    let reached = left.map_or(last.pos, |(event, _)| event.pos - 1);
    let mut tx = subscription.db.begin(name).await?;
    if !store::move_cursor(&mut tx, name, source, standing.at(), reached).await? {
        return Ok(());
    }
    for (event, came) in performed {
        if let Performed::Parked(error) = came
            && event.pos <= reached
        {
            let due_at = tx.now() + pause(1, settings);
            let why = error.map_or(Parked::Behind, |error| Parked::Failed { due_at, error });
            store::park(&mut tx, name, event, why).await?;
        }
    }
    tx.commit().await
}

async fn perform_subject<'e>(
    subscription: &str,
    settings: &Settings,
    events: Vec<&'e Published>,
    effect: &dyn Effect,
    mut behind: bool,
    until: Instant,
) -> Vec<(&'e Published, Performed)> {
    let mut performed = Vec::with_capacity(events.len());
    for event in events {
        let came = if Instant::now() >= until {
            Performed::Left
        } else if behind {
            Performed::Parked(None)
        } else if let Err(error) = perform_one(effect, &event.envelope, settings).await {
            let error = chain(&error);
            tracing::warn!(
                subscription, event = %event.envelope.id, kind = event.envelope.kind, error,
                "an event failed and is parked"
            );
            behind = true;
            Performed::Parked(Some(error))
        } else {
            Performed::Done
        };
        performed.push((event, came));
    }
    performed
}

/// One effect takes at most half of the lease, so that a batch ends within it.
async fn perform_one(
    effect: &dyn Effect,
    event: &Envelope,
    settings: &Settings,
) -> std::result::Result<(), HandlerError> {
    let performed = trace::within(event.trace.clone(), effect.perform(event));
    handled(performed, settings.effect_wait.min(settings.lease / 2)).await
}

/// A batch may take no longer than one event: whoever needs more gets them one by one. What it causes is caused by the
/// request of its event; by none, if it has several.
async fn apply(
    reaction: &dyn Reaction,
    tx: &mut Tx,
    events: &[&Envelope],
    wait: Duration,
) -> std::result::Result<(), HandlerError> {
    if events.is_empty() {
        return Ok(());
    }
    let trace = if let [one] = events { one.trace.clone() } else { String::new() };
    handled(trace::within(trace, reaction.apply_all(tx, events)), wait).await
}

/// A handler that hangs or panics has failed; the subscription goes on.
async fn handled(
    work: impl Future<Output = std::result::Result<(), HandlerError>>,
    wait: Duration,
) -> std::result::Result<(), HandlerError> {
    match tokio::time::timeout(wait, AssertUnwindSafe(work).catch_unwind()).await {
        Ok(Ok(done)) => done,
        Ok(Err(_)) => Err("it panicked".into()),
        Err(_) => Err(format!("it took longer than {wait:?}").into()),
    }
}

/// Tries the parked events whose time has come, none after `until`. Returns how many it tried.
pub(super) async fn retry_due(
    subscription: &Subscription,
    source: &str,
    settings: &Settings,
    until: Instant,
) -> Result<usize> {
    let db = &subscription.db;
    let due = store::due(db, subscription.name, source, db.clock().now(), DUE_MAX).await?;
    let mut tried = 0;
    for event in &due {
        if Instant::now() >= until {
            break;
        }
        tried += 1;
        if let Err(error) = retry(subscription, event, settings).await {
            let tries = event.attempts + 1;
            let mut tx = db.begin("bus.park").await?;
            let next = (tries < settings.attempts_max).then(|| tx.now() + pause(tries, settings));
            store::failed_again(&mut tx, subscription.name, event, next, chain(&error)).await?;
            tx.commit().await?;
        }
    }
    Ok(tried)
}

async fn retry(
    subscription: &Subscription,
    due: &Due,
    settings: &Settings,
) -> std::result::Result<(), HandlerError> {
    if let Handler::Effect(effect) = &subscription.handler {
        perform_one(effect.as_ref(), &due.envelope, settings).await?;
    }
    let mut tx = subscription.db.begin(subscription.name).await?;
    if !store::unpark(&mut tx, subscription.name, due).await? {
        return Ok(());
    }
    if let Handler::Reaction(reaction) = &subscription.handler {
        apply(reaction.as_ref(), &mut tx, &[&due.envelope], settings.effect_wait).await?;
        tx.commit().await?;
        reaction.committed(due.pos, &[&due.envelope]);
        return Ok(());
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
