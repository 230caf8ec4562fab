use actix_web::web::{Data, Path};
use kernel::id::{EventId, MessageId, OrderId};
use kernel::problem::{Problem, code};
use kernel::{Page, PageQuery, Timestamp};
use platform::audit::{self, Entry};
use platform::http::{Answer, Editor, Params, Staff, ok};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::Messages;
use crate::domain::state::State;
use crate::store::message::{self as store, Kept};

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Search {
    /// Only messages that stand so.
    state: Option<State>,
    /// How many, 1 to 100; 24 by default.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    #[param(pattern = "^([0-9a-fA-F]{2})+$")]
    cursor: Option<String>,
}

/// What somebody is told of an event.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({
    "id": "01931f00-0000-7000-8000-00000000000a", "event_id": "01931f00-0000-7000-8000-00000000000b",
    "event": "order.confirmed", "order_id": "01931f00-0000-7000-8000-00000000000c",
    "channel": "email", "recipient": "customer", "state": "dead", "attempts": 8,
    "created_at": "2026-11-28T10:00:00Z", "ended_at": "2026-11-28T20:30:00Z",
    "last_error": "mail did not answer: connection refused"
}))]
pub(super) struct MessageView {
    id: MessageId,
    /// The event it tells of.
    event_id: EventId,
    /// What happened, e.g. `order.confirmed`.
    event: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    order_id: Option<OrderId>,
    /// `email` or `webhook`.
    channel: String,
    /// `customer`, whose address is looked up when it is sent, or the id of a webhook.
    recipient: String,
    #[schema(value_type = State)]
    state: String,
    /// How often it was tried.
    attempts: i64,
    /// When it is tried next, while it waits.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    due_at: Option<Timestamp>,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    ended_at: Option<Timestamp>,
    /// What went wrong the last time.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_error: Option<String>,
}

impl From<Kept> for MessageView {
    fn from(kept: Kept) -> Self {
        Self {
            id: kept.id.into(),
            event_id: kept.event_id.into(),
            event: kept.event_kind,
            order_id: kept.order_id.map(OrderId::from),
            channel: kept.channel,
            recipient: kept.recipient,
            due_at: (kept.state == State::Waiting.word()).then_some(kept.due_at),
            state: kept.state,
            attempts: kept.attempts,
            created_at: kept.created_at,
            ended_at: kept.ended_at,
            last_error: kept.last_error,
        }
    }
}

/// What the audit log keeps of a message's state.
#[derive(Serialize)]
struct Stands {
    state: State,
}

fn absent() -> Problem {
    Problem::not_found("such message")
}

/// What customers and their systems are told, newest first.
///
/// `nobody` is what a guest who named no address would have been told; `dead` was tried eight times in
/// about ten hours.
#[utoipa::path(get, path = "/v1/admin/messages", tag = "admin", params(Search),
    responses((status = 200, description = "A page of messages", body = Page<MessageView>)))]
pub(super) async fn list(messages: Data<Messages>, _: Staff, query: Params<Search>) -> Answer {
    let Search { state, limit, cursor } = query.0;
    let query = PageQuery { limit, cursor };
    let limit = query.limit()?;
    let before = query.position()?.unwrap_or(MessageId::from(Uuid::max()));
    let found = store::list(&messages.inner.db, state, before, i64::from(limit) + 1).await?;
    let page = Page::cut(found, limit, |kept: &Kept| MessageId::from(kept.id));
    ok(&page.map(MessageView::from))
}

/// Lets a dead message be tried again, as often as a new one.
#[utoipa::path(post, path = "/v1/admin/messages/{id}/retry", tag = "admin",
    params(("id" = Uuid, Path, description = "The message")),
    responses(
        (status = 200, description = "The message, which waits", body = MessageView),
        (status = 409, description = "`conflict`: it is not dead, or what it told is gone with whom it was about", body = Problem),
    ))]
pub(super) async fn retry(messages: Data<Messages>, editor: Editor, id: Path<String>) -> Answer {
    let id: MessageId = id.parse().map_err(|_| absent())?;
    let mut tx = messages.inner.db.begin("message.retry").await?;
    if !store::retry(&mut tx, id).await? {
        store::load(&mut tx, id).await?.ok_or_else(absent)?;
        let detail = "It is not dead, or tells of somebody who was erased.";
        return Err(Problem::new(code::CONFLICT, detail).into());
    }
    let kept = store::load(&mut tx, id).await?.ok_or_else(absent)?;
    let (before, after) = (Stands { state: State::Dead }, Stands { state: State::Waiting });
    let entry = Entry::changed("message.retry", id.uuid(), &before, &after)?;
    audit::record(&mut tx, &editor.actor(), &[entry]).await?;
    tx.commit().await?;
    messages.wake();
    ok(&MessageView::from(kept))
}
