//! Telling the merchant: signed calls from a queue of the carrier's own, with a bounded number of tries.

use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use chrono::TimeDelta;
use futures_util::future::join_all;
use kernel::Timestamp;
use platform::{backoff, sql, webhook};
use reqwest::redirect::Policy;
use reqwest::{Client, Url};
use serde::Serialize;

use crate::store::{self, Notice};
use crate::{Carrier, OpenError};

/// Below the shop's own address.
const PATH: &str = "/v1/webhooks/carrier";
/// How many calls are made in one go.
const BATCH: i64 = 16;
/// How long a call may take.
const ANSWER_WAIT_MAX: Duration = Duration::from_secs(5);
/// When another node may make a call that was begun and not ended: longer than one may take.
const LEASE: TimeDelta = TimeDelta::seconds(8);
/// How often a call is made.
const ATTEMPTS_MAX: i64 = 12;
/// The pause after the first try that failed, in milliseconds; it doubles, and half of it is chance.
const PAUSE_MS: u64 = 200;
/// The longest, in milliseconds.
const PAUSE_MAX_MS: u64 = 60_000;

/// Where calls go.
pub(crate) struct Target {
    client: Client,
    url: RwLock<Option<Url>>,
}

/// Why a call did not succeed.
#[derive(Debug, thiserror::Error)]
enum CallError {
    #[error("it is made to fail")]
    OnPurpose,
    #[error("it cannot be put together")]
    Unusable,
    #[error("it was not answered")]
    Http(#[from] reqwest::Error),
    #[error("the answer was {0}")]
    Answered(u16),
}

impl Target {
    /// Calls go to `url`, if there is one.
    pub(crate) fn new(url: &str) -> Result<Self, OpenError> {
        // Whoever was faster has installed the same one.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder()
            .timeout(ANSWER_WAIT_MAX)
            .redirect(Policy::none())
            .no_proxy()
            .user_agent("stoa-sandbox-carrier/1")
            .build()?;
        let url = match url {
            "" => None,
            url => Some(Url::parse(url).map_err(|_| OpenError::Url)?),
        };
        Ok(Self { client, url: RwLock::new(url) })
    }

    pub(crate) fn default_to(&self, origin: &str) {
        let mut url = self.url.write().unwrap_or_else(PoisonError::into_inner);
        if url.is_none() {
            *url = Url::parse(&format!("{origin}{PATH}")).ok();
        }
    }

    fn url(&self) -> Option<Url> {
        self.url.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

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
        let Some(url) = self.inner.target.url() else { return Ok(false) };
        if !store::any_due(&self.inner.db).await? {
            return Ok(false);
        }
        let mut tx = self.inner.db.begin("carrier.claim").await?;
        let lease = tx.now() + LEASE;
        let due = store::claim(&mut tx, lease, BATCH).await?;
        if due.is_empty() {
            return Ok(false);
        }
        tx.commit().await?;
        let ended = join_all(due.iter().map(|notice| self.call(&url, notice))).await;
        let mut tx = self.inner.db.begin("carrier.called").await?;
        for (notice, ended) in due.iter().zip(ended) {
            let again = tx.now() + pause(notice.attempts);
            match ended {
                Ok(()) => store::delivered(&mut tx, notice, again).await?,
                Err(error) => {
                    let again = (notice.attempts < ATTEMPTS_MAX).then_some(again);
                    store::failed(&mut tx, notice, again, &error.to_string()).await?;
                }
            }
        }
        tx.commit().await?;
        Ok(true)
    }

    async fn call(&self, url: &Url, notice: &Notice) -> Result<(), CallError> {
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
        let signature = webhook::sign(&self.inner.secret, &id, at, &body);
        let request = self
            .inner
            .target
            .client
            .post(url.clone())
            .header("content-type", "application/json")
            .header("webhook-id", id)
            .header("webhook-timestamp", at.to_string())
            .header("webhook-signature", signature.ok_or(CallError::Unusable)?);
        let status = request.body(body).send().await?.status();
        if status.is_success() { Ok(()) } else { Err(CallError::Answered(status.as_u16())) }
    }
}

fn pause(attempts: i64) -> TimeDelta {
    let tries = u32::try_from(attempts).unwrap_or(u32::MAX);
    let pause = backoff::pause(tries, PAUSE_MS, PAUSE_MAX_MS);
    TimeDelta::from_std(pause).unwrap_or(LEASE)
}
