//! Telling the merchant: signed calls from a queue of the carrier's own, with a bounded number of tries.

use futures_util::future::join_all;
use kernel::Timestamp;
use platform::sql;
use platform::webhook::{CallError, queue};
use serde::Serialize;

use crate::Carrier;
use crate::store::{self, Notice};

/// What a webhook tells.
#[derive(Serialize)]
struct Payload<'a> {
    /// The carrier's number of the parcel.
    tracking: &'a str,
    /// The number of the event among those of its parcel.
    seq: i64,
    event: &'a str,
    happened_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<&'a str>,
}

impl Carrier {
    /// Makes the calls that are due. Whether there may be more.
    pub(crate) async fn notify(&self) -> sql::Result<bool> {
        if !self.inner.target.is_known() || !store::any_due(&self.inner.db).await? {
            return Ok(false);
        }
        let mut tx = self.inner.db.begin("carrier.claim").await?;
        let lease = tx.now() + queue::LEASE;
        let due = store::claim(&mut tx, lease, queue::BATCH).await?;
        if due.is_empty() {
            return Ok(false);
        }
        tx.commit().await?;
        let ended = join_all(due.iter().map(|notice| self.call(notice))).await;
        let mut tx = self.inner.db.begin("carrier.called").await?;
        for (notice, ended) in due.iter().zip(ended) {
            let now = tx.now();
            match ended {
                Ok(()) => {
                    let again = queue::again(now, notice.attempts);
                    store::delivered(&mut tx, notice, again).await?;
                }
                Err(error) => {
                    let again = queue::again_after_failure(now, notice.attempts);
                    store::failed(&mut tx, notice, again, &error.to_string()).await?;
                }
            }
        }
        tx.commit().await?;
        Ok(true)
    }

    async fn call(&self, notice: &Notice) -> Result<(), CallError> {
        if notice.fails > 0 {
            return Err(CallError::OnPurpose);
        }
        let payload = Payload {
            tracking: &notice.tracking,
            seq: notice.seq,
            event: &notice.event,
            happened_at: notice.happened_at,
            detail: notice.detail.as_deref(),
        };
        let body = serde_json::to_vec(&payload).map_err(|_| CallError::Unusable)?;
        let (id, at) = (notice.id.to_string(), self.inner.db.clock().now().timestamp());
        self.inner.target.call(&self.inner.secret, &id, at, body).await
    }
}
