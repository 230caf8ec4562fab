//! Why a call is not done, as Stripe puts it (docs.stripe.com/api/errors).

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use platform::sql;
use serde_json::{Value, json};

use crate::sandbox::NoAnswer;

const INVALID: &str = "invalid_request_error";

/// A refusal, or no answer.
#[derive(Debug)]
pub struct Refusal {
    pub status: u16,
    kind: &'static str,
    code: Option<String>,
    decline_code: Option<String>,
    message: String,
    param: Option<String>,
    intent: Option<Value>,
    /// Whether it is what the key is answered from now on.
    pub is_final: bool,
}

impl Refusal {
    fn new(
        status: u16,
        kind: &'static str,
        code: Option<&str>,
        message: impl Into<String>,
    ) -> Self {
        let (code, message) = (code.map(str::to_owned), message.into());
        let (decline_code, param, intent) = (None, None, None);
        Self { status, kind, code, decline_code, message, param, intent, is_final: false }
    }

    fn about(self, param: &str) -> Self {
        Self { param: Some(param.to_owned()), ..self }
    }

    pub fn unauthenticated() -> Self {
        Self::new(401, INVALID, None, "Invalid API key provided.")
    }

    pub fn no_such_path() -> Self {
        Self::new(404, INVALID, None, "The sandbox knows no such path.")
    }

    pub fn missing(param: &str) -> Self {
        let message = format!("Missing required param: {param}.");
        Self::new(400, INVALID, Some("parameter_missing"), message).about(param)
    }

    pub fn unknown(param: &str) -> Self {
        let message = format!("Received unknown parameter: {param}");
        Self::new(400, INVALID, Some("parameter_unknown"), message).about(param)
    }

    pub fn parameter(param: &str, why: &str) -> Self {
        let message = format!("{param} {why}");
        Self::new(400, INVALID, Some("parameter_invalid"), message).about(param)
    }

    pub fn no_such(what: &str, param: &str) -> Self {
        let status = if param == "id" { 404 } else { 400 };
        let message = format!("No such {what}");
        Self::new(status, INVALID, Some("resource_missing"), message).about(param)
    }

    pub fn key_in_use() -> Self {
        let message = "There is currently another in-progress request using this key.";
        Self::new(409, "idempotency_error", Some("idempotency_key_in_use"), message)
    }

    pub fn key_reused() -> Self {
        let message = "Keys for idempotent requests can only be used with the same parameters.";
        Self::new(400, "idempotency_error", None, message)
    }

    pub fn broken() -> Self {
        Self::new(500, "api_error", None, "An unknown error occurred.")
    }

    pub fn timed_out() -> Self {
        Self::new(504, "api_error", None, "The request took too long.")
    }

    pub fn wrong_state(message: impl Into<String>) -> Self {
        let code = Some("payment_intent_unexpected_state");
        Self { is_final: true, ..Self::new(400, INVALID, code, message) }
    }

    /// The sandbox's definite no to a command.
    pub fn declined(code: &str, detail: &str) -> Self {
        let invalid = |code: Option<&str>| Self::new(400, INVALID, code, detail);
        let card = |code: &str, reason: &str| {
            let decline_code = Some(reason.to_owned());
            Self { decline_code, ..Self::new(402, "card_error", Some(code), detail) }
        };
        let refusal = match code {
            "card_declined" | "capture_declined" => card("card_declined", "generic_decline"),
            "insufficient_funds" => card("card_declined", code),
            "processing_error" => card(code, code),
            "authentication_failed" => {
                Self::new(402, "card_error", Some("payment_intent_authentication_failure"), detail)
            }
            "invalid_token" => invalid(Some("resource_missing")).about("payment_method"),
            "key_reused" => return Self::key_reused(),
            "authorization_expired" => invalid(Some("charge_expired_for_capture")),
            "amount_too_large" => invalid(None).about("amount"),
            "charge_disputed" => invalid(Some(code)),
            "charge_state" | "duplicate_reference" => return Self::wrong_state(detail),
            _ => invalid(None),
        };
        Self { is_final: true, ..refusal }
    }

    /// The same with how the PaymentIntent stands.
    pub fn with(self, intent: Value) -> Self {
        Self { intent: Some(intent), ..self }
    }

    /// The body of it.
    pub fn body(&self) -> Value {
        let Self { kind, code, decline_code, message, param, intent, .. } = self;
        let mut error = json!({"type": kind, "message": message});
        let told = [
            ("code", code.clone().map(Value::from)),
            ("decline_code", decline_code.clone().map(Value::from)),
            ("param", param.clone().map(Value::from)),
            ("payment_intent", intent.clone()),
        ];
        for (name, value) in told {
            if let Some(value) = value {
                error[name] = value;
            }
        }
        json!({"error": error})
    }

    pub fn response(&self) -> HttpResponse {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        HttpResponse::build(status).json(self.body())
    }
}

impl From<sql::Error> for Refusal {
    fn from(error: sql::Error) -> Self {
        tracing::error!(%error, "the sandbox's books cannot be used");
        Self::broken()
    }
}

impl From<NoAnswer> for Refusal {
    fn from(error: NoAnswer) -> Self {
        match error {
            NoAnswer::TimedOut => Self::timed_out(),
            NoAnswer::ProcessingError => Self::broken(),
            NoAnswer::Storage(error) => error.into(),
        }
    }
}
