//! `GET /v1/orders/{id}/stream`: an order as it changes, as server-sent events
//! (<https://html.spec.whatwg.org/multipage/server-sent-events.html>).

use std::convert::Infallible;
use std::hash::{DefaultHasher, Hasher};
use std::time::Duration;

use actix_web::HttpRequest;
use actix_web::HttpResponse;
use actix_web::http::header::CACHE_CONTROL;
use actix_web::web::{Bytes, Data, Path};
use futures_util::stream;
use kernel::Problem;
use kernel::id::OrderId;
use platform::http::{Answer, Caller, no_content};
use tokio::time::Instant;

use super::orders::own;
use crate::Orders;
use crate::domain::order::{Order, OrderView};
use crate::domain::status::Status;
use crate::error::OrderError;
use crate::store::orders as store;
use crate::watchers::Watcher;

/// How often an order that is being checked out is looked at: it may wait for its shopper without an
/// event that tells so.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How often a client without news hears that the connection lives, and an order is looked at whose
/// payment may have moved.
const BEAT_EVERY: Duration = Duration::from_secs(15);
/// How long a stream lasts. The client comes again by itself, with a token that is valid then.
const AGE_MAX: Duration = Duration::from_mins(10);
/// How long a client waits before it comes again, in milliseconds.
const COME_AGAIN_MS: u32 = 2_000;
const BEAT: &str = ": still here\n\n";

/// An order at one moment.
struct Snapshot {
    /// What tells it from the order at another moment.
    id: String,
    json: String,
    status: Status,
}

impl Snapshot {
    async fn of(orders: &Orders, order: Order) -> Result<Self, OrderError> {
        let status = order.status;
        let payment = orders.payment_of(order.id).await?;
        let json = serde_json::to_string(&order.view(payment))
            .map_err(|error| platform::sql::Error::Inconsistent(error.to_string()))?;
        let mut hasher = DefaultHasher::new();
        hasher.write(json.as_bytes());
        Ok(Self { id: format!("{:016x}", hasher.finish()), json, status })
    }

    /// Whether nothing is expected to happen to it any more.
    const fn is_over(&self) -> bool {
        matches!(
            self.status,
            Status::Failed | Status::Cancelled | Status::Delivered | Status::Returned
        )
    }
}

/// A stream under way.
struct Stream {
    orders: Orders,
    order: OrderId,
    watcher: Watcher,
    /// What is sent first.
    first: Option<String>,
    /// What was sent last.
    last: Snapshot,
    ends: Instant,
}

/// An order as it is, and again whenever it has changed.
///
/// Server-sent events: `order` with the order as `GET /v1/orders/{id}` has it. A client that comes again
/// with `Last-Event-ID` is told only what it has not seen; 204 tells it that nothing will come any more.
#[utoipa::path(get, path = "/v1/orders/{id}/stream", tag = "orders",
    params(
        ("id" = Uuid, Path, description = "The order"),
        ("Last-Event-ID" = Option<String>, Header, description = "The last event that was seen"),
    ),
    responses(
        (status = 200, description = "The order, as often as it changes", body = OrderView,
            content_type = "text/event-stream"),
        (status = 204, description = "It was seen as it is, and will not change any more"),
        (status = 429, description = "`too_many_requests`: you have too many windows open", body = Problem),
    ))]
pub(super) async fn stream(
    orders: Data<Orders>,
    caller: Caller,
    id: Path<String>,
    request: HttpRequest,
) -> Answer {
    let order = own(&orders, &caller, &id).await?;
    // Before it is looked at: what changes after that is told.
    let watcher = orders.inner.watchers.enter(order.id, caller.id)?;
    let order = own(&orders, &caller, &id).await?;
    let order_id = order.id;
    let last = Snapshot::of(&orders, order).await?;
    let seen = request.headers().get("last-event-id").and_then(|seen| seen.to_str().ok());
    let is_seen = seen == Some(last.id.as_str());
    if is_seen && last.is_over() {
        return no_content();
    }
    let first = if is_seen { BEAT.to_owned() } else { event(&last) };
    let stream = Stream {
        orders: orders.get_ref().clone(),
        order: order_id,
        watcher,
        first: Some(format!("retry: {COME_AGAIN_MS}\n{first}")),
        last,
        ends: Instant::now() + AGE_MAX,
    };
    let parts = stream::unfold(stream, async |mut stream| {
        let part = stream.next().await?;
        Some((Ok::<_, Infallible>(Bytes::from(part)), stream))
    });
    Ok(HttpResponse::Ok()
        .content_type("text/event-stream")
        .insert_header((CACHE_CONTROL, "no-store"))
        // Proxies that would collect an answer before they pass it on are asked not to.
        .insert_header(("x-accel-buffering", "no"))
        .streaming(parts))
}

fn event(of: &Snapshot) -> String {
    format!("event: order\nid: {}\ndata: {}\n\n", of.id, of.json)
}

impl Stream {
    /// What is sent next; none at the end.
    async fn next(&mut self) -> Option<String> {
        if let Some(first) = self.first.take() {
            return Some(first);
        }
        if self.last.is_over() {
            return None;
        }
        let beat = Instant::now() + BEAT_EVERY;
        loop {
            let look = match self.last.status {
                Status::Pending | Status::AwaitingPayment => Instant::now() + LOOK_EVERY,
                _ => beat,
            };
            tokio::select! {
                () = tokio::time::sleep_until(self.ends) => return None,
                goes_on = self.watcher.changed() => if !goes_on { return None },
                () = tokio::time::sleep_until(look.min(beat)) => {}
            }
            let now = match self.look().await {
                Ok(now) => now?,
                Err(error) => {
                    // The client comes again, and is answered what is wrong then.
                    tracing::warn!(order = %self.order, %error, "a stream ends early");
                    return None;
                }
            };
            if now.id != self.last.id {
                let told = event(&now);
                self.last = now;
                return Some(told);
            }
            if Instant::now() >= beat {
                return Some(BEAT.to_owned());
            }
        }
    }

    async fn look(&self) -> Result<Option<Snapshot>, OrderError> {
        let Some(order) = store::find(&self.orders.inner.db, self.order).await? else {
            return Ok(None);
        };
        Snapshot::of(&self.orders, order).await.map(Some)
    }
}
