//! The invariants of events: none was lost in an outbox, none was passed over on the way.

use std::time::Duration;

use chrono::TimeDelta;
use uuid::Uuid;

use super::relay::Bus;
use super::store::lag;
use crate::outbox;
use crate::sql::Result;
use crate::verify::Check;

crate::statements! {
    RETRYING = "select count(*) from dead_letter where state = 'retrying'";
    SUBJECTS = "select subject from told group by subject
                having min(first_version) <> 1
                    or max(last_version) <> sum(last_version - first_version + 1) limit 20";
}

/// Checks every outbox and every subscription. An event that is younger than `grace` may still be
/// on its way.
pub async fn verify(bus: &Bus, grace: Duration) -> Result<Vec<Check>> {
    let mut whole = Check::new("every outbox is gapless, and so are the versions of each subject");
    let mut reached = Check::new("every event reached every subscription or is a dead letter");
    for db in bus.publishers() {
        outbox::sequence(db).await?;
        outbox::verify(db, &mut whole).await?;
        for (subject,) in db.query(SUBJECTS).all::<(Uuid,)>().await? {
            whole.broken(format!("{}: {subject} lacks a version", db.module()));
        }
    }
    for subscription in bus.subscriptions() {
        for source in subscription.sources() {
            let from = bus.publisher(source)?;
            let lag = lag(subscription, source, from).await?;
            reached.rows += lag.last.unsigned_abs();
            let since = from.clock().now() - TimeDelta::from_std(grace).unwrap_or(TimeDelta::MAX);
            let name = subscription.name;
            if lag.pos > lag.last {
                reached
                    .broken(format!("{name} is at {} of {} events of {source}", lag.pos, lag.last));
            } else if lag.oldest.is_some_and(|oldest| oldest < since) {
                reached.broken(format!("{name} has not reached {} of {source}", lag.pos + 1));
            }
        }
    }
    Ok(vec![whole, reached])
}

/// How many parked events are tried again by themselves.
pub async fn retrying(bus: &Bus) -> Result<u64> {
    let mut retrying = 0;
    for db in bus.publishers() {
        retrying += db.query(RETRYING).one::<(i64,)>().await?.0.unsigned_abs();
    }
    Ok(retrying)
}
