//! What a processor tells by itself, and what the staff may see of it.

use actix_web::HttpRequest;
use actix_web::web::{Data, Path};
use kernel::id::{EventId, PaymentId};
use kernel::problem::{Problem, code};
use kernel::{Page, PageQuery, Timestamp};
use platform::audit::{self, Entry};
use platform::http::{Answer, Body, ClientAddress, Editor, Params, Staff, no_content, ok};
use platform::webhook::Signed;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::Payments;
use crate::processor::{News, NoNews};
use crate::sandbox::Told;
use crate::store::{self, KeptEvent, NewEvent};
use crate::usecase::hear;

/// The longest id or word of a processor, in bytes.
const NAME_MAX: usize = 100;

impl From<NoNews> for platform::http::Failure {
    fn from(error: NoNews) -> Self {
        match error {
            NoNews::Unreadable(problem) => problem.into(),
            NoNews::Unavailable(error) => error.into(),
        }
    }
}

fn unsigned() -> Problem {
    Problem::new(code::UNAUTHENTICATED, "The call is not signed by the processor, or is too old.")
}

/// What is wrong with who wrote a call, if something is.
async fn suspected(
    payments: &Payments,
    call: Option<Signed<'_>>,
) -> Result<Option<&'static str>, kernel::ports::Unavailable> {
    let Some(call) = call else { return Ok(Some("it is not signed")) };
    if !call.is_of(payments.db.clock().now()) {
        return Ok(Some("its time is not now"));
    }
    let is_signed = payments.processor.has_signed(call).await?;
    Ok((!is_signed).then_some("its signature is wrong"))
}

/// Takes what a processor tells of a payment. It is kept before this is answered; then the processor is
/// asked how the payment stands, so that what is told again, late or out of its order changes nothing that
/// it should not.
///
/// The sandbox signs its calls as Standard Webhooks 1.0 are, with the headers below. Stripe's calls are its
/// events with their header `Stripe-Signature`.
#[utoipa::path(post, path = "/v1/webhooks/{processor}", tag = "payments", request_body = Told,
    params(
        ("processor" = String, Path, description = "Whose call it is: `sandbox` or `stripe`, whichever the shop has"),
        ("webhook-id" = String, Header, description = "The event; the same each time it is told"),
        ("webhook-timestamp" = String, Header, description = "When the call was made, in seconds since 1970"),
        ("webhook-signature" = String, Header, description = "`v1,` and HMAC-SHA256 of `{id}.{timestamp}.{body}` in base64"),
    ),
    responses(
        (status = 204, description = "It is kept, or about no payment of the shop"),
        (status = 401, description = "`unauthenticated`: it is not signed by the processor, or more than five minutes old", body = Problem),
    ))]
pub async fn receive(
    payments: Data<Payments>,
    request: HttpRequest,
    ClientAddress(address): ClientAddress,
    processor: Path<String>,
    body: Body<IgnoredAny>,
) -> Answer {
    if *processor != payments.processor.name() {
        return Err(Problem::not_found("such processor").into());
    }
    let call = payments.processor.signed(&request, &body.raw);
    if let Some(why) = suspected(&payments, call).await? {
        hear::forged(&payments, why, Some(address)).await?;
        return Err(unsigned().into());
    }
    let call = call.ok_or_else(unsigned)?;
    let Some(News { id, kind, reference }) = payments.processor.news(call).await? else {
        return no_content();
    };
    for (field, text) in [("id", &id), ("type", &kind)] {
        if !(1..=NAME_MAX).contains(&text.len()) {
            return Err(Problem::invalid(field, format!("must be 1 to {NAME_MAX} bytes")).into());
        }
    }
    let new = NewEvent {
        processor: &processor,
        event_id: &id,
        kind: &kind,
        payment_id: reference,
        raw: &String::from_utf8_lossy(&body.raw),
    };
    payments.receive(&new).await?;
    no_content()
}

/// Where an event of a processor stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ProcessorEventState)]
pub enum Handled {
    /// It is looked into soon, or tried again.
    Waiting,
    /// It led to something.
    Applied,
    /// It told nothing new, or is of a kind that the shop does not know.
    Ignored,
    /// It cannot be looked into.
    Stuck,
}

impl Handled {
    const fn word(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Applied => "applied",
            Self::Ignored => "ignored",
            Self::Stuck => "stuck",
        }
    }
}

/// Which events are wanted.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Search {
    /// Only events that stand so.
    state: Option<Handled>,
    /// How many, 1 to 100; 24 by default.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    #[param(pattern = "^([0-9a-fA-F]{2})+$")]
    cursor: Option<String>,
}

/// Something that a processor told.
#[derive(Serialize, ToSchema)]
#[schema(as = ProcessorEvent)]
pub struct EventView {
    id: EventId,
    /// Whose it is.
    processor: String,
    /// The processor's id of it.
    event_id: String,
    #[serde(rename = "type")]
    kind: String,
    payment_id: PaymentId,
    #[schema(value_type = Handled)]
    state: String,
    /// Why it waits, was ignored or is stuck.
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
    /// How often it was tried in vain.
    attempts: i64,
    #[schema(value_type = String, format = DateTime)]
    received_at: Timestamp,
}

impl From<KeptEvent> for EventView {
    fn from(kept: KeptEvent) -> Self {
        Self {
            id: kept.id.into(),
            processor: kept.processor,
            event_id: kept.event_id,
            kind: kept.kind,
            payment_id: kept.payment_id.into(),
            state: kept.state,
            note: kept.note,
            attempts: kept.attempts,
            received_at: kept.received_at,
        }
    }
}

/// What processors told, the newest first.
#[utoipa::path(get, path = "/v1/admin/payments/processor-events", tag = "payments", params(Search),
    responses((status = 200, description = "A page of events", body = Page<EventView>)))]
pub async fn events(payments: Data<Payments>, _: Staff, query: Params<Search>) -> Answer {
    let Search { state, limit, cursor } = query.0;
    let query = PageQuery { limit, cursor };
    let limit = query.limit()?;
    let before = query.position()?.unwrap_or(Uuid::max());
    let found = store::list_events(&payments.db, state.map(Handled::word), before, limit + 1);
    ok(&Page::cut(found.await?, limit, |kept: &KeptEvent| kept.id).map(EventView::from))
}

/// What the audit log keeps of an event's state.
#[derive(Serialize)]
struct Stands {
    state: Handled,
}

/// Lets an event be looked into again that could not be.
#[utoipa::path(post, path = "/v1/admin/payments/processor-events/{id}/retry", tag = "payments",
    params(("id" = Uuid, Path, description = "The event")),
    responses(
        (status = 200, description = "The event, which waits", body = EventView),
        (status = 409, description = "`conflict`: it is not stuck", body = Problem),
    ))]
pub async fn retry(payments: Data<Payments>, editor: Editor, id: Path<String>) -> Answer {
    let unknown = || Problem::not_found("such event");
    let id: Uuid = id.parse().map_err(|_| unknown())?;
    let mut tx = payments.db.begin("payment.retry_event").await?;
    if !store::retry_event(&mut tx, id).await? {
        store::event(&mut tx, id).await?.ok_or_else(unknown)?;
        return Err(Problem::new(code::CONFLICT, "Only a stuck event can be tried again.").into());
    }
    let kept = store::event(&mut tx, id).await?.ok_or_else(unknown)?;
    let (before, after) = (Stands { state: Handled::Stuck }, Stands { state: Handled::Waiting });
    let entry = Entry::changed("processor_event.retry", id, &before, &after)?;
    audit::record(&mut tx, &editor.actor(), &[entry]).await?;
    tx.commit().await?;
    ok(&EventView::from(kept))
}
