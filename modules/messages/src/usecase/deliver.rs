//! Telling webhooks of events. Each is called on its own, so that one that is slow holds up itself. No
//! order is promised: a call that fails is made again when others have been made.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use futures_util::{StreamExt, stream};
use kernel::id::WebhookId;
use platform::fault;
use platform::sql;
use platform::tasks::Tasks;
use uuid::Uuid;

use super::{LEASE, failed, reason};
use crate::Messages;
use crate::domain::state::State;
use crate::domain::webhook::{Payload, check_url, signature};
use crate::store::message::{self, Due, WEBHOOK};
use crate::store::webhook::{self, Webhook};

/// How many calls of one webhook are claimed in one go, ...
const BATCH: i64 = 16;
/// ... and how many are made at the same time.
const AT_ONCE: usize = 4;

/// The webhooks that this process is calling.
#[derive(Default)]
pub(crate) struct Busy(Mutex<HashSet<Uuid>>);

impl Busy {
    fn enter(&self, id: Uuid) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(id)
    }

    fn leave(&self, id: Uuid) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
    }
}

/// Leaves when the work has ended, however it did.
struct Called {
    messages: Messages,
    id: Uuid,
}

impl Drop for Called {
    fn drop(&mut self) {
        self.messages.inner.busy.leave(self.id);
    }
}

impl Messages {
    /// Begins to call the webhooks that have something to hear, each among `tasks`.
    pub async fn call_webhooks(&self, tasks: &Tasks) -> sql::Result<()> {
        for webhook in webhook::all(&self.inner.db).await? {
            if webhook.active && self.inner.busy.enter(webhook.id) {
                let called = Called { messages: self.clone(), id: webhook.id };
                tasks.spawn(async move {
                    if let Err(error) = called.messages.call(called.id.into()).await {
                        tracing::warn!(webhook = %called.id, %error, "a webhook was not called");
                    }
                });
            }
        }
        Ok(())
    }

    /// Makes the calls of one webhook that are due, for as long as it is active.
    async fn call(&self, id: WebhookId) -> sql::Result<()> {
        let (db, recipient) = (&self.inner.db, id.to_string());
        while message::any_due(db, WEBHOOK, &recipient).await? {
            let webhook = webhook::find(db, id).await?.filter(|webhook| webhook.active);
            let Some(webhook) = webhook else { return Ok(()) };
            let mut tx = db.begin("messages.claim").await?;
            let until = tx.now() + LEASE;
            let claimed = message::claim(&mut tx, WEBHOOK, &recipient, until, BATCH).await?;
            tx.commit().await?;
            let work = claimed.into_iter().map(|due| self.call_once(&webhook, due));
            let done: Vec<sql::Result<()>> =
                stream::iter(work).buffer_unordered(AT_ONCE).collect().await;
            done.into_iter().collect::<sql::Result<()>>()?;
        }
        Ok(())
    }

    /// Makes one call, and notes what came of it.
    async fn call_once(&self, webhook: &Webhook, due: Due) -> sql::Result<()> {
        fault::point("before call of", "webhook");
        let called = self.post(webhook, &due).await;
        fault::point("after call of", "webhook");
        let mut tx = self.inner.db.begin("messages.called").await?;
        let (id, attempts) = (due.id, due.attempts);
        if let Err(error) = called {
            failed(&mut tx, &due, &error).await?;
            let is_off = webhook::failed(&mut tx, webhook.id).await?;
            tracing::warn!(webhook = %webhook.id, message = %id, attempts, is_off, "a call failed");
        } else {
            message::end(&mut tx, id, attempts, State::Sent, None).await?;
            webhook::worked(&mut tx, webhook.id).await?;
        }
        tx.commit().await
    }

    async fn post(&self, webhook: &Webhook, due: &Due) -> Result<(), String> {
        // Looked at again: the settings may have changed since it was made.
        let url = check_url(&webhook.url, self.inner.allow_private);
        let url = url.map_err(|problem| problem.detail)?;
        let secret = self.inner.vault.unseal(&owner(webhook.id), &webhook.secret);
        let secret = secret.ok_or("the secret cannot be opened")?;
        let payload = Payload {
            kind: &due.event_kind,
            timestamp: due.event_at,
            event_id: due.event_id,
            version: due.event_version,
            data: &due.data.0,
        };
        let body = serde_json::to_vec(&payload).map_err(|error| error.to_string())?;
        let at = self.inner.db.clock().now().timestamp();
        let signature = signature(&secret, due.id, at, &body).ok_or("it cannot be signed")?;
        let headers = [
            ("webhook-id", due.id.to_string()),
            ("webhook-timestamp", at.to_string()),
            ("webhook-signature", signature),
        ];
        self.inner.outgoing.post(url, headers, body).await.map_err(|error| reason(&error))
    }
}

/// Whom the secret of a webhook is sealed for.
pub(crate) fn owner(webhook: Uuid) -> Vec<u8> {
    [b"webhook".as_slice(), webhook.as_bytes()].concat()
}
