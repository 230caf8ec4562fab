use actix_web::web::{Data, Path};
use kernel::Money;
use platform::http::{Answer, Body, Editor, RequiredKey, stored};
use platform::idempotency::Key;
use serde::Deserialize;
use utoipa::ToSchema;

use super::problem::payment_id;
use crate::Payments;
use crate::usecase::command::{self, Command};
use crate::view::PaymentBody;

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

/// Takes the whole of what is set aside.
#[utoipa::path(
    post, path = "/v1/admin/payments/{id}/capture", tag = "payments",
    params(
        ("id" = Uuid, Path, description = "The payment"),
        ("Idempotency-Key" = String, Header, description = "New for each command"),
    ),
    responses(
        (status = 200, description = "The payment as it is now", body = PaymentBody),
        (status = 409, description = "`conflict`: its status does not allow it; or `idempotency_in_progress`", body = kernel::Problem),
    )
)]
pub async fn capture(
    payments: Data<Payments>,
    editor: Editor,
    key: RequiredKey,
    id: Path<String>,
) -> Answer {
    run(&payments, &editor, &key, &id, (Command::Capture, "capture", b"")).await
}

/// Lets go of what is set aside.
#[utoipa::path(
    post, path = "/v1/admin/payments/{id}/void", tag = "payments",
    params(
        ("id" = Uuid, Path, description = "The payment"),
        ("Idempotency-Key" = String, Header, description = "New for each command"),
    ),
    responses(
        (status = 200, description = "The payment as it is now", body = PaymentBody),
        (status = 409, description = "`conflict`: its status does not allow it; or `idempotency_in_progress`", body = kernel::Problem),
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
