//! Webhooks: what they are, and how they fare.

use kernel::Timestamp;
use kernel::id::WebhookId;
use platform::sql::{Db, Json, Result, Tx};
use uuid::Uuid;

use crate::domain::webhook::{FAILING_MAX, FAILURES_MAX};

/// The most webhooks of a shop.
pub(crate) const WEBHOOKS_MAX: i64 = 100;

platform::statements! {
    ADD_WEBHOOK = "insert into webhook (id, url, events, secret, active, created_at)
                   select $1, $2, $3, $4, $5, $6 where (select count(*) from webhook) < $7";
    WEBHOOKS = "select id, url, events, secret, active, failures, failing_since, switched_off_at, version
                  from webhook order by id";
    WEBHOOK = "select id, url, events, secret, active, failures, failing_since, switched_off_at, version
                 from webhook where id = $1";
    /// What the staff changes begins anew: how it failed before does not count.
    CHANGE_WEBHOOK = "update webhook set url = $3, events = $4, active = $5, failures = 0,
                             failing_since = null, switched_off_at = null, version = version + 1
                       where id = $1 and version = $2";
    ACTIVE = "select id, events, created_at from webhook where active order by id";
    WORKED = "update webhook set failures = 0, failing_since = null where id = $1 and failures > 0";
    FAILED = "update webhook set failures = failures + 1, failing_since = coalesce(failing_since, $2)
               where id = $1";
    SWITCH_OFF = "update webhook set active = false, switched_off_at = $2, version = version + 1
                   where id = $1 and active and failures >= $3 and failing_since <= $4";
    /// Calls about whoever was erased do not wait until one that is off is on again.
    LET_GO = "update message set state = 'dead', data = '{}', last_error = null, ended_at = $2
               where channel = 'webhook' and recipient = $1 and state = 'waiting' and erased";
}

/// A customer's system that is told of events. It has no `Debug`: it holds a secret, sealed.
#[derive(Clone, platform::sql::Record)]
pub(crate) struct Webhook {
    pub id: Uuid,
    pub url: String,
    pub events: Json<Vec<String>>,
    pub secret: Vec<u8>,
    pub active: bool,
    pub failures: i64,
    pub failing_since: Option<Timestamp>,
    pub switched_off_at: Option<Timestamp>,
    pub version: i64,
}

/// Makes a webhook. False when there are as many as there can be.
pub(crate) async fn add(tx: &mut Tx, webhook: &Webhook) -> Result<bool> {
    let now = tx.now();
    let query = tx
        .query(ADD_WEBHOOK)
        .bind(webhook.id)
        .bind(webhook.url.as_str())
        .bind(Json(&webhook.events.0))
        .bind(webhook.secret.as_slice())
        .bind(webhook.active)
        .bind(now)
        .bind(WEBHOOKS_MAX);
    Ok(query.execute().await? == 1)
}

/// All webhooks.
pub(crate) async fn all(db: &Db) -> Result<Vec<Webhook>> {
    db.query(WEBHOOKS).all().await
}

pub(crate) async fn find(db: &Db, id: WebhookId) -> Result<Option<Webhook>> {
    db.query(WEBHOOK).bind(id.uuid()).optional().await
}

pub(crate) async fn load(tx: &mut Tx, id: WebhookId) -> Result<Option<Webhook>> {
    tx.query(WEBHOOK).bind(id.uuid()).optional().await
}

/// Changes a webhook that still is in its version. False when it is not.
pub(crate) async fn change(tx: &mut Tx, webhook: &Webhook) -> Result<bool> {
    let query = tx
        .query(CHANGE_WEBHOOK)
        .bind(webhook.id)
        .bind(webhook.version)
        .bind(webhook.url.as_str())
        .bind(Json(&webhook.events.0))
        .bind(webhook.active);
    let is_changed = query.execute().await? == 1;
    if is_changed && !webhook.active {
        let_go(tx, webhook.id).await?;
    }
    Ok(is_changed)
}

/// A webhook that is called.
#[derive(Clone, platform::sql::Record)]
pub(crate) struct Active {
    pub id: Uuid,
    pub events: Json<Vec<String>>,
    pub created_at: Timestamp,
}

/// The webhooks that are called.
pub(crate) async fn active(tx: &mut Tx) -> Result<Vec<Active>> {
    tx.query(ACTIVE).all().await
}

/// A call has worked: those that failed before do not count any more.
pub(crate) async fn worked(tx: &mut Tx, id: Uuid) -> Result<()> {
    tx.query(WORKED).bind(id).execute().await.map(drop)
}

/// A call has failed; a webhook of which none has worked for long is switched off. Whether it was.
pub(crate) async fn failed(tx: &mut Tx, id: Uuid) -> Result<bool> {
    let now = tx.now();
    tx.query(FAILED).bind(id).bind(now).execute().await?;
    let query = tx.query(SWITCH_OFF).bind(id).bind(now).bind(FAILURES_MAX).bind(now - FAILING_MAX);
    let is_off = query.execute().await? == 1;
    if is_off {
        let_go(tx, id).await?;
    }
    Ok(is_off)
}

async fn let_go(tx: &mut Tx, id: Uuid) -> Result<()> {
    let now = tx.now();
    tx.query(LET_GO).bind(id.to_string()).bind(now).execute().await.map(drop)
}
