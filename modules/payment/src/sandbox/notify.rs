//! Telling the merchant: signed calls from a queue of the sandbox's own, with a bounded number of tries.

use chrono::TimeDelta;
use futures_util::future::join_all;
use kernel::Timestamp;
use kernel::id::PaymentId;
use platform::random;
use platform::sql::{self, Tx};
use platform::webhook::{CallError, queue};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Sandbox;
use super::store::{self, Notice};

/// How often a webhook is delivered that is repeated.
const COPIES: i64 = 3;

/// What goes wrong with webhooks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// They never come.
    Lost,
    /// They come late.
    Late,
    /// They come several times.
    Repeat,
    /// They come in any order.
    Reorder,
}

/// What happened, as the sandbox tells it.
#[derive(Serialize, Deserialize, ToSchema)]
#[schema(as = ProcessorCall, example = json!({
    "type": "dispute.opened", "reference": "019abf3e-5f0e-7c0c-8a44-9f6a3d1c2b10",
    "created_at": "2026-11-29T10:00:00Z"
}))]
pub struct Told {
    /// `charge.authorized`, `charge.declined`, `charge.voided`, `dispute.opened`, `dispute.answered` or `dispute.closed`;
    /// another word is kept for the staff.
    #[serde(rename = "type")]
    #[schema(min_length = 1, max_length = 100)]
    pub(super) kind: String,
    /// The payment, as the shop named it.
    pub(super) reference: PaymentId,
    /// When it happened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, format = DateTime)]
    pub(super) created_at: Option<Timestamp>,
}

impl Sandbox {
    /// What its webhooks are signed with.
    pub async fn secret(&self) -> sql::Result<&[u8]> {
        let secret = self.secret.get_or_try_init(|| store::secret(&self.db)).await?;
        Ok(secret)
    }

    /// Notes that the merchant is to be told of something.
    pub(super) async fn tell(&self, tx: &mut Tx, charge: &str, kind: &str) -> sql::Result<()> {
        let has = |fault| self.settings.faults.contains(&fault);
        if has(Fault::Lost) {
            return Ok(());
        }
        let late = u64::from(self.settings.late_ms);
        let mut after = if has(Fault::Late) { late } else { 0 };
        if has(Fault::Reorder) {
            after += random::between(0, late);
        }
        let after = TimeDelta::milliseconds(i64::try_from(after).unwrap_or_default());
        let copies = if has(Fault::Repeat) { COPIES } else { 1 };
        let due_at = tx.now() + after;
        store::tell(tx, (charge, kind), copies, due_at).await
    }

    /// Lets the merchant be told once the unit of work is done.
    pub(super) fn wake_after(&self, tx: &mut Tx) {
        let wake = self.wake.clone();
        tx.after_commit(move || wake.send_modify(|times| *times += 1));
    }

    /// Makes the calls that are due. Whether there may be more.
    pub async fn notify(&self) -> sql::Result<bool> {
        if !self.target.is_known() || !store::any_due(&self.db).await? {
            return Ok(false);
        }
        let secret = self.secret().await?;
        let mut tx = self.db.begin("sandbox.claim").await?;
        let lease = tx.now() + queue::LEASE;
        let due = store::claim(&mut tx, lease, queue::BATCH).await?;
        if due.is_empty() {
            return Ok(false);
        }
        tx.commit().await?;
        let ended = join_all(due.iter().map(|notice| self.call(secret, notice))).await;
        let mut tx = self.db.begin("sandbox.called").await?;
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

    async fn call(&self, secret: &[u8], notice: &Notice) -> Result<(), CallError> {
        if let Some(secret) = &self.stripe_secret {
            return self.call_as_stripe(secret, notice).await;
        }
        let Notice { id, kind, happened_at, reference, .. } = notice;
        let (kind, reference) = (kind.clone(), PaymentId::from(*reference));
        let told = Told { kind, reference, created_at: Some(*happened_at) };
        let body = serde_json::to_vec(&told).map_err(|_| CallError::Unusable)?;
        let at = self.db.clock().now().timestamp();
        self.target.call(secret, &id.to_string(), at, body).await
    }
}
