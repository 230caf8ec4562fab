use actix_web::web::{Data, Path};
use kernel::{Money, Problem};
use platform::audit::{Entry, record};
use platform::http::{Answer, Body, Editor, OptionalBody, RequiredKey, ok, stored};
use platform::idempotency::Key;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::problem::payment_id;
use crate::Payments;
use crate::store;
use crate::usecase::command::{self, Command};
use crate::usecase::{look, operate};
use crate::view::PaymentBody;

/// The longest answer to a dispute, in characters.
const EVIDENCE_MAX: usize = 5_000;

/// How much to take.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CaptureRequest {
    /// Positive, in the payment's currency, and not more than is set aside; all of that by default.
    pub amount: Option<Money>,
}

/// What there is to say to a dispute.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = DisputeEvidence, example = json!({"text": "winning_evidence"}))]
pub struct EvidenceRequest {
    /// Why the payment is right. At the sandbox `winning_evidence` wins and `losing_evidence` loses at
    /// once; anything else loses when the time is over.
    #[schema(min_length = 1, max_length = 5000)]
    pub text: String,
}

/// How much to give back.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RefundRequest {
    /// Positive, in the payment's currency, and not more than what is left.
    pub amount: Money,
}

async fn run(
    payments: &Payments,
    editor: &Editor,
    key: &RequiredKey,
    id: &str,
    (command, word, raw): (Command, &str, &[u8]),
) -> Answer {
    let id = payment_id(id)?;
    let route = format!("POST /v1/admin/payments/{id}/{word}");
    let key = Key::new(editor.id, &route, &key.0, raw);
    let answered = command::command(payments, id, command, &key, &editor.actor()).await?;
    Ok(stored(answered.answer, answered.replayed))
}

/// Takes what is set aside, or a part of it; the rest can be taken later. A capture that the processor
/// refused can be asked for again.
#[utoipa::path(
    post, path = "/v1/admin/payments/{id}/capture", tag = "payments",
    params(
        ("id" = Uuid, Path, description = "The payment"),
        ("Idempotency-Key" = String, Header, description = "New for each command"),
    ),
    request_body = Option<CaptureRequest>,
    responses(
        (status = 200, description = "The payment as it is now", body = PaymentBody),
        (status = 409, description = "`conflict`: its status does not allow it, or more is asked for than is set aside, when `capturable` is what is; or `idempotency_in_progress`", body = kernel::Problem),
    )
)]
pub async fn capture(
    payments: Data<Payments>,
    editor: Editor,
    key: RequiredKey,
    id: Path<String>,
    body: OptionalBody<CaptureRequest>,
) -> Answer {
    let command = Command::Capture(body.value.and_then(|asked| asked.amount));
    run(&payments, &editor, &key, &id, (command, "capture", &body.raw)).await
}

/// Lets go of what is set aside for an order that was called off.
#[utoipa::path(
    post, path = "/v1/admin/payments/{id}/void", tag = "payments",
    params(
        ("id" = Uuid, Path, description = "The payment"),
        ("Idempotency-Key" = String, Header, description = "New for each command"),
    ),
    responses(
        (status = 200, description = "The payment as it is now", body = PaymentBody),
        (status = 409, description = "`conflict`: its status does not allow it, or its order stands, when `order_id` is the one to cancel instead; or `idempotency_in_progress`", body = kernel::Problem),
    )
)]
pub async fn void(
    payments: Data<Payments>,
    editor: Editor,
    key: RequiredKey,
    id: Path<String>,
) -> Answer {
    run(&payments, &editor, &key, &id, (Command::Void, "void", b"")).await
}

/// Gives a part of what was taken back.
#[utoipa::path(
    post, path = "/v1/admin/payments/{id}/refund", tag = "payments",
    params(
        ("id" = Uuid, Path, description = "The payment"),
        ("Idempotency-Key" = String, Header, description = "New for each command"),
    ),
    request_body = RefundRequest,
    responses(
        (status = 200, description = "The payment as it is now", body = PaymentBody),
        (status = 409, description = "`conflict`: its status does not allow it; `refundable` is what is left; or `idempotency_in_progress`", body = kernel::Problem),
    )
)]
pub async fn refund(
    payments: Data<Payments>,
    editor: Editor,
    key: RequiredKey,
    id: Path<String>,
    body: Body<RefundRequest>,
) -> Answer {
    let command = Command::Refund(body.value.amount);
    run(&payments, &editor, &key, &id, (command, "refund", &body.raw)).await
}

/// Says what there is to say to the open dispute of a payment; once.
#[utoipa::path(
    post, path = "/v1/admin/payments/{id}/dispute/evidence", tag = "payments",
    params(
        ("id" = Uuid, Path, description = "The payment"),
        ("Idempotency-Key" = String, Header, description = "New for each command"),
    ),
    request_body = EvidenceRequest,
    responses(
        (status = 200, description = "The payment as it was when the bank had the evidence", body = PaymentBody),
        (status = 409, description = "`conflict`: it is not disputed, or that was answered; or `idempotency_in_progress`", body = kernel::Problem),
    )
)]
pub async fn evidence(
    payments: Data<Payments>,
    editor: Editor,
    key: RequiredKey,
    id: Path<String>,
    body: Body<EvidenceRequest>,
) -> Answer {
    let text = body.value.text.trim();
    if !(1..=EVIDENCE_MAX).contains(&text.chars().count()) {
        let message = format!("must be 1 to {EVIDENCE_MAX} characters");
        return Err(Problem::invalid("text", message).into());
    }
    let command = Command::Evidence(text.to_owned());
    run(&payments, &editor, &key, &id, (command, "dispute/evidence", &body.raw)).await
}

/// Gives the open dispute of a payment up: its holder gets the amount back.
#[utoipa::path(
    post, path = "/v1/admin/payments/{id}/dispute/accept", tag = "payments",
    params(
        ("id" = Uuid, Path, description = "The payment"),
        ("Idempotency-Key" = String, Header, description = "New for each command"),
    ),
    responses(
        (status = 200, description = "The payment as it was when the bank knew", body = PaymentBody),
        (status = 409, description = "`conflict`: it is not disputed; or `idempotency_in_progress`", body = kernel::Problem),
    )
)]
pub async fn accept(
    payments: Data<Payments>,
    editor: Editor,
    key: RequiredKey,
    id: Path<String>,
) -> Answer {
    run(&payments, &editor, &key, &id, (Command::Accept, "dispute/accept", b"")).await
}

/// What the audit log keeps of a look at the processor.
#[derive(Serialize)]
struct Stood {
    status: &'static str,
}

/// Asks the processor now how a payment stands, and takes that over. It can be done at any time, and
/// as often as one likes.
#[utoipa::path(
    post, path = "/v1/admin/payments/{id}/resolve", tag = "payments",
    params(("id" = Uuid, Path, description = "The payment")),
    responses((status = 200, description = "The payment as it is now", body = PaymentBody))
)]
pub async fn resolve(payments: Data<Payments>, editor: Editor, id: Path<String>) -> Answer {
    let before = operate::load(&payments, payment_id(&id)?).await?;
    let mut after = look::look(&payments, before.id).await?;
    let stood = |status: crate::domain::status::Status| Stood { status: status.word() };
    let (was, is) = (stood(before.status), stood(after.status));
    let entry = Entry::changed("payment.resolve", before.id.uuid(), &was, &is)?;
    let mut tx = payments.db.begin("payment.resolved").await?;
    record(&mut tx, &editor.actor(), &[entry]).await?;
    tx.commit().await?;
    store::open(&payments.db, std::slice::from_mut(&mut after)).await?;
    ok(&PaymentBody::from(&after))
}
