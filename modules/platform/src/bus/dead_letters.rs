//! Dead letters, as people see them.

use kernel::{Envelope, Timestamp};
use platform::sql::Json;
use uuid::Uuid;

use super::store::{LIST, REDRIVE, REDRIVE_ONE};
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

/// Lets dead events of a subscription be tried again, or just one of them. Returns how many.
pub async fn redrive(db: &Db, subscription: &str, event: Option<Uuid>) -> Result<u64> {
    let mut tx = db.begin("bus.redrive").await?;
    let now = tx.now();
    let redriven = match event {
        None => tx.query(REDRIVE).bind(subscription).bind(now).execute().await?,
        Some(event) => {
            tx.query(REDRIVE_ONE).bind(subscription).bind(event).bind(now).execute().await?
        }
    };
    tx.commit().await?;
    Ok(redriven)
}
