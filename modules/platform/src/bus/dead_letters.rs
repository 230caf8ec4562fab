//! Dead letters, as people see them.

use kernel::{Envelope, Timestamp};
use platform::sql::Json;
use serde::Serialize;
use uuid::Uuid;

use super::store::{LIST, REDRIVE, REDRIVE_ONE};
use crate::audit::{self, Actor, Entry};
use crate::sql::{Db, Result};

/// A parked event.
#[derive(Debug, Clone, platform::sql::Record)]
pub struct DeadLetter {
    /// The subscription that could not handle it.
    pub subscription: String,
    /// Its publisher.
    pub source: String,
    /// Its place in the publisher's outbox.
    pub pos: i64,
    /// Its id.
    pub event_id: Uuid,
    /// Its subject; later events of it wait behind this one.
    pub subject: Uuid,
    /// The event.
    pub envelope: Json<Envelope>,
    /// `retrying`, `waiting` behind another, or `dead`.
    pub state: String,
    /// How often it was tried.
    pub attempts: i64,
    /// What went wrong the last time.
    pub last_error: Option<String>,
    /// Since when.
    pub parked_at: Timestamp,
}

/// Parked events of one subscription, or of all that keep theirs in this database; oldest first.
pub async fn dead_letters(
    db: &Db,
    subscription: Option<&str>,
    limit: i64,
) -> Result<Vec<DeadLetter>> {
    db.query(LIST).bind(subscription).bind(limit).all().await
}

/// What the audit log keeps of a redrive.
#[derive(Serialize)]
struct Redriven<'a> {
    subscription: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    event: Option<Uuid>,
    events: u64,
}

/// Lets dead events of a subscription be tried again, or just one of them. Returns how many.
pub async fn redrive(
    db: &Db,
    subscription: &str,
    event: Option<Uuid>,
    actor: &Actor,
) -> Result<u64> {
    let mut tx = db.begin("bus.redrive").await?;
    let now = tx.now();
    let redriven = match event {
        None => tx.query(REDRIVE).bind(subscription).bind(now).execute().await?,
        Some(event) => {
            tx.query(REDRIVE_ONE).bind(subscription).bind(event).bind(now).execute().await?
        }
    };
    if redriven > 0 {
        let subject = audit::named("subscription", subscription);
        let told = Redriven { subscription, event, events: redriven };
        let entry = Entry::done("dead_letter.redrive", subject, &told)?;
        audit::record(&mut tx, actor, &[entry]).await?;
    }
    tx.commit().await?;
    Ok(redriven)
}
