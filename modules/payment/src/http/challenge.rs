//! The 3-D Secure page of the sandbox. It stands for a page of the card's bank, so it asks for no
//! access token: whoever was sent to it knows the payment's id.

use actix_web::HttpResponse;
use actix_web::web::{Data, Path};
use kernel::id::PaymentId;
use kernel::problem::Problem;
use platform::http::{self, Answer, Body, Form, Nonce, ok};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::problem::payment_id;
use crate::Payments;
use crate::domain::payment::Payment;
use crate::domain::status::Status;
use crate::usecase::{challenge, operate};

/// The shopper's answer.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChallengeAnswer {
    /// `approve` or `decline`.
    pub outcome: ChallengeOutcome,
}

/// What the shopper chose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ChallengeOutcome {
    /// They are who they say.
    Approve,
    /// They are not.
    Decline,
}

/// Where the payment stands after the challenge.
#[derive(Debug, Serialize, ToSchema)]
pub struct ChallengeBody {
    /// The payment.
    pub id: PaymentId,
    /// `authorized`, `declined`, ...
    #[schema(example = "authorized")]
    pub status: &'static str,
}

/// The page of a challenge, with its buttons.
#[utoipa::path(
    get, path = "/v1/payments/{id}/challenge", tag = "payments",
    params(("id" = Uuid, Path, description = "The payment")),
    responses((status = 200, description = "The page", body = String, content_type = "text/html"))
)]
pub async fn page(payments: Data<Payments>, id: Path<String>) -> Answer {
    is_here(&payments)?;
    let payment = operate::load(&payments, payment_id(&id)?).await?;
    Ok(html(&payment))
}

/// Ends a challenge. A repeated or late answer changes nothing and tells how the payment stands.
#[utoipa::path(
    post, path = "/v1/payments/{id}/challenge", tag = "payments",
    params(("id" = Uuid, Path, description = "The payment")),
    request_body = ChallengeAnswer,
    responses(
        (status = 200, description = "Where the payment stands", body = ChallengeBody),
    )
)]
pub async fn answer(
    payments: Data<Payments>,
    id: Path<String>,
    body: Body<ChallengeAnswer>,
) -> Answer {
    let payment = end(&payments, &id, body.value.outcome).await?;
    ok(&ChallengeBody { id: payment.id, status: payment.status.word() })
}

/// The same from the page's own form.
pub async fn submit(
    payments: Data<Payments>,
    id: Path<String>,
    form: Form<ChallengeAnswer>,
) -> Answer {
    Ok(html(&end(&payments, &id, form.0.outcome).await?))
}

/// Another processor has a page of its own, and its challenge is ended nowhere else.
fn is_here(payments: &Payments) -> Result<(), Problem> {
    if payments.is_in_sandbox() { Ok(()) } else { Err(Problem::not_found("such page")) }
}

async fn end(
    payments: &Payments,
    id: &str,
    outcome: ChallengeOutcome,
) -> Result<Payment, platform::http::Failure> {
    is_here(payments)?;
    let approve = outcome == ChallengeOutcome::Approve;
    Ok(challenge::answer(payments, payment_id(id)?, approve).await?)
}

/// Nothing a caller wrote is shown: an amount, a status, no markup of anybody's.
fn html(payment: &Payment) -> HttpResponse {
    let content = if payment.status == Status::ActionRequired {
        format!(
            "<p>Your bank asks: is this payment of {} yours?</p><form method=\"post\">\
             <button name=\"outcome\" value=\"approve\">Approve</button> \
             <button name=\"outcome\" value=\"decline\">Decline</button></form>",
            payment.amount
        )
    } else {
        format!("<p>The payment is {}. You can return to the shop.</p>", payment.status.word())
    };
    http::page(|nonce: &Nonce| {
        format!(
            "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\">\
             <meta name=\"viewport\" content=\"width=device-width\"><title>3-D Secure sandbox</title>\
             <style nonce=\"{nonce}\">body{{font-family:sans-serif;margin:3rem auto;max-width:30rem}}\
             </style><h1>3-D Secure sandbox</h1>{content}</html>"
        )
    })
}
