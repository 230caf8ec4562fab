use actix_web::HttpResponse;
use actix_web::http::header::{ETAG, LOCATION};
use actix_web::web::{Data, Path};
use kernel::id::{MessageId, WebhookId};
use kernel::problem::{Problem, code};
use kernel::{Page, PageQuery, Timestamp};
use platform::audit::{self, Entry};
use platform::http::{Answer, Body, Editor, Failure, IfMatch, Params, Staff, etag, ok};
use platform::random;
use platform::sql::Json;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::messages::MessageView;
use crate::Messages;
use crate::domain::state::State;
use crate::domain::webhook::{SECRET_BYTES, check_url, shown};
use crate::react::TOPICS;
use crate::store::message::{self, Kept};
use crate::store::webhook::{self as store, WEBHOOKS_MAX, Webhook};
use crate::usecase::deliver::owner;

/// A webhook as the staff writes it.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "url": "https://erp.example.com/stoa", "events": ["order.confirmed", "order.shipped"]
}))]
pub(super) struct WebhookInput {
    /// Where events are posted to: a name on the internet, by https.
    #[schema(max_length = 2000)]
    url: String,
    /// Which events it hears of from now on, e.g. `order.confirmed`, `payment.captured` or `stock.low`.
    #[schema(min_items = 1)]
    events: Vec<String>,
    /// Whether it is called; it is unless said otherwise.
    active: Option<bool>,
}

/// A customer's system that is told of events.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({
    "id": "01931f00-0000-7000-8000-00000000000d", "url": "https://erp.example.com/stoa",
    "events": ["order.confirmed", "order.shipped"], "active": true, "failures": 0, "version": 1
}))]
pub(super) struct WebhookView {
    id: WebhookId,
    url: String,
    events: Vec<String>,
    /// Whether it is called. Events that happen while it is not are not told later; calls that wait are
    /// made when it is again.
    active: bool,
    /// How many calls in a row have failed.
    failures: i64,
    /// Since when.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    failing_since: Option<Timestamp>,
    /// When it was switched off because no call of a day had worked.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    switched_off_at: Option<Timestamp>,
    /// 1 when made, one more with each change.
    version: i64,
}

/// A new webhook, with its secret: nobody is shown it again.
#[derive(Serialize, ToSchema)]
pub(super) struct MadeWebhook {
    #[serde(flatten)]
    webhook: WebhookView,
    /// What its calls are signed with, as Standard Webhooks writes it: `whsec_` and base64.
    secret: String,
}

impl From<Webhook> for WebhookView {
    fn from(webhook: Webhook) -> Self {
        Self {
            id: webhook.id.into(),
            url: webhook.url,
            events: webhook.events.0,
            active: webhook.active,
            failures: webhook.failures,
            failing_since: webhook.failing_since,
            switched_off_at: webhook.switched_off_at,
            version: webhook.version,
        }
    }
}

fn absent() -> Problem {
    Problem::not_found("such webhook")
}

fn id_of(text: &str) -> Result<WebhookId, Problem> {
    text.parse().map_err(|_| absent())
}

fn with_etag(status: actix_web::http::StatusCode, view: &WebhookView) -> HttpResponse {
    HttpResponse::build(status).insert_header((ETAG, etag(view.version))).json(view)
}

/// The webhooks.
#[utoipa::path(get, path = "/v1/admin/webhooks", tag = "admin",
    responses((status = 200, description = "In the order they were made", body = Page<WebhookView>)))]
pub(super) async fn list(messages: Data<Messages>, _: Staff) -> Answer {
    let found = store::all(&messages.inner.db).await?;
    ok(&Page { items: found.into_iter().map(WebhookView::from).collect(), next_cursor: None })
}

/// One webhook, and how it fares.
#[utoipa::path(get, path = "/v1/admin/webhooks/{id}", tag = "admin",
    params(("id" = Uuid, Path, description = "The webhook")),
    responses((status = 200, description = "The webhook", body = WebhookView, headers(("ETag")))))]
pub(super) async fn show(messages: Data<Messages>, _: Staff, id: Path<String>) -> Answer {
    let found = store::find(&messages.inner.db, id_of(&id)?).await?.ok_or_else(absent)?;
    Ok(with_etag(actix_web::http::StatusCode::OK, &found.into()))
}

/// Makes a webhook, which hears of events from now on.
///
/// Each call has the headers `webhook-id` (the same when it is made again), `webhook-timestamp` and
/// `webhook-signature` of Standard Webhooks. Any 2xx in ten seconds is success; else it is made again,
/// eight times in about ten hours. No order is promised: `version` tells which event is older.
#[utoipa::path(post, path = "/v1/admin/webhooks", tag = "admin", request_body = WebhookInput,
    responses(
        (status = 201, description = "The webhook, with its secret", body = MadeWebhook, headers(("Location"), ("ETag"))),
        (status = 409, description = "`conflict`: there are as many as there can be", body = Problem),
    ))]
pub(super) async fn create(
    messages: Data<Messages>,
    editor: Editor,
    body: Body<WebhookInput>,
) -> Answer {
    let WebhookInput { url, events, active } = body.value;
    let events = check(&messages, &url, events)?;
    let (id, secret) = (WebhookId::new().uuid(), random::bytes::<SECRET_BYTES>());
    let sealed = messages.inner.vault.seal(&owner(id), &secret);
    let sealed = sealed.ok_or_else(|| Failure::internal("a secret cannot be sealed"))?;
    let webhook = Webhook {
        id,
        url,
        events: Json(events),
        secret: sealed,
        active: active.unwrap_or(true),
        failures: 0,
        failing_since: None,
        switched_off_at: None,
        version: 1,
    };
    let mut tx = messages.inner.db.begin("webhook.create").await?;
    if !store::add(&mut tx, &webhook).await? {
        let detail = format!("There are {WEBHOOKS_MAX} webhooks already.");
        return Err(Problem::new(code::CONFLICT, detail).into());
    }
    let view = WebhookView::from(webhook);
    let entry = Entry::created("webhook.create", id, &view)?;
    audit::record(&mut tx, &editor.actor(), &[entry]).await?;
    tx.commit().await?;
    Ok(HttpResponse::Created()
        .insert_header((LOCATION, format!("/v1/admin/webhooks/{id}")))
        .insert_header((ETAG, etag(1)))
        .json(MadeWebhook { webhook: view, secret: shown(&secret) }))
}

/// Replaces a webhook that still is in the version of If-Match; its secret stays. One that was switched
/// off is called again when it is active, and what waits for it too.
#[utoipa::path(put, path = "/v1/admin/webhooks/{id}", tag = "admin", request_body = WebhookInput,
    params(
        ("id" = Uuid, Path, description = "The webhook"),
        ("If-Match" = String, Header, description = "The version that was read"),
    ),
    responses(
        (status = 200, description = "The webhook as it is now", body = WebhookView, headers(("ETag"))),
        (status = 412, description = "It was changed meanwhile: `current_version`", body = Problem),
    ))]
pub(super) async fn replace(
    messages: Data<Messages>,
    editor: Editor,
    version: IfMatch,
    id: Path<String>,
    body: Body<WebhookInput>,
) -> Answer {
    let id = id_of(&id)?;
    let WebhookInput { url, events, active } = body.value;
    let events = check(&messages, &url, events)?;
    let mut tx = messages.inner.db.begin("webhook.change").await?;
    let before = store::load(&mut tx, id).await?.ok_or_else(absent)?;
    let mut after = Webhook {
        url,
        events: Json(events),
        active: active.unwrap_or(true),
        failures: 0,
        failing_since: None,
        switched_off_at: None,
        version: version.0,
        ..before.clone()
    };
    if before.version != version.0 || !store::change(&mut tx, &after).await? {
        let detail = "It was changed meanwhile; look at it and try again.";
        let stale = Problem::new(code::VERSION_CONFLICT, detail);
        return Err(stale.with("current_version", before.version).into());
    }
    after.version += 1;
    let (before, after) = (WebhookView::from(before), WebhookView::from(after));
    let entry = Entry::changed("webhook.change", id.uuid(), &before, &after)?;
    audit::record(&mut tx, &editor.actor(), &[entry]).await?;
    tx.commit().await?;
    messages.wake();
    Ok(with_etag(actix_web::http::StatusCode::OK, &after))
}

/// What a webhook was told and is to be told, newest first.
#[utoipa::path(get, path = "/v1/admin/webhooks/{id}/deliveries", tag = "admin",
    params(("id" = Uuid, Path, description = "The webhook"), PageQuery),
    responses((status = 200, description = "A page of calls", body = Page<MessageView>)))]
pub(super) async fn deliveries(
    messages: Data<Messages>,
    _: Staff,
    id: Path<String>,
    query: Params<PageQuery>,
) -> Answer {
    let id = id_of(&id)?;
    let limit = query.0.limit()?;
    let before = query.0.position()?.unwrap_or(MessageId::from(Uuid::max()));
    let db = &messages.inner.db;
    store::find(db, id).await?.ok_or_else(absent)?;
    let found = message::of_webhook(db, id, before, i64::from(limit) + 1).await?;
    let page = Page::cut(found, limit, |kept: &Kept| MessageId::from(kept.id));
    ok(&page.map(MessageView::from))
}

/// What the audit log keeps of a call that is made again.
#[derive(Serialize)]
struct Redelivered {
    webhook: WebhookId,
    state: State,
}

/// Makes a call again that was made or is dead, with the same `webhook-id`.
#[utoipa::path(post, path = "/v1/admin/webhooks/{id}/deliveries/{delivery}/redeliver", tag = "admin",
    params(
        ("id" = Uuid, Path, description = "The webhook"),
        ("delivery" = Uuid, Path, description = "The call"),
    ),
    responses(
        (status = 200, description = "The call, which waits", body = MessageView),
        (status = 409, description = "`conflict`: it waits already, or what it told is gone with whom it was about", body = Problem),
    ))]
pub(super) async fn redeliver(
    messages: Data<Messages>,
    editor: Editor,
    path: Path<(String, String)>,
) -> Answer {
    let absent = || Problem::not_found("such delivery");
    let (webhook, id) = path.into_inner();
    let (webhook, id) = (id_of(&webhook)?, id.parse::<MessageId>().map_err(|_| absent())?);
    let mut tx = messages.inner.db.begin("webhook.redeliver").await?;
    let before = message::load(&mut tx, id).await?;
    let recipient = webhook.to_string();
    let before = before.filter(|kept| kept.recipient == recipient).ok_or_else(absent)?;
    if !message::redeliver(&mut tx, webhook, id).await? {
        return Err(Problem::new(
            code::CONFLICT,
            "It waits to be made already, or tells of somebody who was erased.",
        )
        .into());
    }
    let after = message::load(&mut tx, id).await?.ok_or_else(absent)?;
    let state = if before.state == State::Dead.word() { State::Dead } else { State::Sent };
    let (before, told) =
        (Redelivered { webhook, state }, Redelivered { webhook, state: State::Waiting });
    let entry = Entry::changed("webhook.redeliver", id.uuid(), &before, &told)?;
    audit::record(&mut tx, &editor.actor(), &[entry]).await?;
    tx.commit().await?;
    messages.wake();
    ok(&MessageView::from(after))
}

/// Refuses where no webhook may be, and events that are not told; the events in order, each once.
fn check(messages: &Messages, url: &str, events: Vec<String>) -> Result<Vec<String>, Problem> {
    check_url(url, messages.inner.allow_private)?;
    if events.is_empty() {
        return Err(Problem::invalid("events", "must name an event"));
    }
    let mut events = events;
    for (n, event) in events.iter().enumerate() {
        if !TOPICS.iter().any(|topic| topic.kind == event) {
            let told: Vec<&str> = TOPICS.iter().map(|topic| topic.kind).collect();
            let message = format!("must be one of {}", told.join(", "));
            return Err(Problem::invalid(format!("events[{n}]"), message));
        }
    }
    events.sort_unstable();
    events.dedup();
    Ok(events)
}
