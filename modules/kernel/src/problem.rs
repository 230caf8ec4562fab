//! RFC 9457 problems: the one shape of every refusal, and the one table of their codes.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A stable word for a kind of problem, with its HTTP status and title.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Code {
    /// What clients branch on, e.g. `out_of_stock`.
    pub word: &'static str,
    /// The HTTP status it is answered with.
    pub status: u16,
    /// A short sentence for people; the same for every occurrence.
    pub title: &'static str,
}

macro_rules! codes {
    ($($name:ident = $word:literal, $status:literal, $title:literal;)+) => {
        $(
            #[doc = concat!("`", $word, "`, ", stringify!($status), ": ", $title)]
            pub const $name: Code = Code { word: $word, status: $status, title: $title };
        )+
        /// Every code of the house.
        pub const ALL: &[Code] = &[$($name),+];
    };
}

/// The codes.
pub mod code {
    use super::Code;

    codes! {
        INVALID_REQUEST = "invalid_request", 400, "The request is not well formed";
        IDEMPOTENCY_KEY_REQUIRED = "idempotency_key_required", 400, "This command needs an Idempotency-Key header";
        UNAUTHENTICATED = "unauthenticated", 401, "A valid access token is needed";
        INVALID_CREDENTIALS = "invalid_credentials", 401, "The e-mail address or the password is wrong";
        INVALID_CODE = "invalid_code", 401, "The code is wrong, or was used";
        PASSKEY_REFUSED = "passkey_refused", 401, "The passkey was refused";
        PAYMENT_DECLINED = "payment_declined", 402, "The payment was declined";
        FORBIDDEN = "forbidden", 403, "The caller may not do this";
        BLOCKED = "blocked", 403, "The request looks like an attack";
        MFA_REQUIRED = "mfa_required", 403, "A second factor is needed";
        CSRF_REFUSED = "csrf_refused", 403, "The request may come from another site";
        NOT_FOUND = "not_found", 404, "There is no such thing";
        METHOD_NOT_ALLOWED = "method_not_allowed", 405, "The resource does not know this method";
        CONFLICT = "conflict", 409, "The state of the resource does not allow this";
        OUT_OF_STOCK = "out_of_stock", 409, "Not enough stock";
        PRICE_CHANGED = "price_changed", 409, "The total differs from the one expected";
        CART_EMPTY = "cart_empty", 409, "The cart is empty";
        CART_IN_CHECKOUT = "cart_in_checkout", 409, "The cart is being ordered";
        NOT_SELLABLE = "not_sellable", 409, "A product cannot be bought now";
        COUPON_REFUSED = "coupon_refused", 409, "The coupon cannot be used";
        CREDIT_REFUSED = "credit_refused", 409, "The gift card or store credit cannot be used";
        SHIPPING_FAILED = "shipping_failed", 409, "The order cannot be shipped";
        SHIPPING_NOT_AVAILABLE = "shipping_not_available", 409, "The shipping method does not go there";
        ORDER_NOT_COMPLETED = "order_not_completed", 409, "The order could not be completed";
        ORDER_CANCELLED = "order_cancelled", 409, "The order was cancelled while it was checked out";
        ORDER_STATE = "order_state", 409, "The state of the order does not allow this";
        EMAIL_TAKEN = "email_taken", 409, "The e-mail address already has an account";
        SKU_TAKEN = "sku_taken", 409, "Another product has this SKU";
        SLUG_TAKEN = "slug_taken", 409, "Another product has, or had, this slug";
        CODE_TAKEN = "code_taken", 409, "The code is in use";
        IDEMPOTENCY_IN_PROGRESS = "idempotency_in_progress", 409, "The same command is still running";
        LINK_INVALID = "link_invalid", 410, "The link opens nothing (any more)";
        ERASED = "erased", 410, "The person was erased";
        VERSION_CONFLICT = "version_conflict", 412, "The resource was changed meanwhile";
        BODY_TOO_LARGE = "body_too_large", 413, "The body is too large";
        UNSUPPORTED_MEDIA_TYPE = "unsupported_media_type", 415, "The body is not JSON";
        INVALID_VALUE = "invalid_value", 422, "A field has a value that is not allowed";
        IDEMPOTENCY_KEY_REUSED = "idempotency_key_reused", 422, "The Idempotency-Key was used with another request";
        TOO_MANY_ATTEMPTS = "too_many_attempts", 429, "Too many attempts";
        TOO_MANY_REQUESTS = "too_many_requests", 429, "Too many requests";
        INTERNAL = "internal", 500, "Something went wrong on our side";
        UNAVAILABLE = "unavailable", 503, "The service cannot do this right now";
        OVERLOADED = "overloaded", 503, "Too many requests are being answered";
        TIMEOUT = "timeout", 504, "The request took too long";
    }
}

/// What every problem has (RFC 9457, section 3.1, and the house's own).
const MEMBERS: [&str; 7] = ["type", "title", "status", "detail", "code", "request_id", "errors"];

/// One field of the request that was not allowed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FieldError {
    /// The path of the field, e.g. `lines[0].quantity`.
    pub field: String,
    /// What is allowed there.
    pub message: String,
}

/// A refusal, as `application/problem+json`.
///
/// It holds only what the caller may know. What went wrong inside stays in the error that became
/// this problem and is logged at the edge.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// Where the kind of problem is described: `/problems/{code}`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The code's title.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What happened here and what the caller can do about it.
    pub detail: String,
    /// The stable word of the code.
    pub code: String,
    /// The request this answered; `x-request-id` of its first answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// The fields that were not allowed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
    /// Members of this kind of problem, such as the `lines` of `out_of_stock`.
    #[serde(flatten)]
    #[schema(value_type = Object)]
    pub extra: serde_json::Map<String, serde_json::Value>,
}

impl Problem {
    /// A problem of a kind, with what happened this time.
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self {
            kind: format!("/problems/{}", code.word),
            title: code.title.to_owned(),
            status: code.status,
            detail: detail.into(),
            code: code.word.to_owned(),
            request_id: None,
            errors: Vec::new(),
            extra: serde_json::Map::new(),
        }
    }

    /// A value of the request that is not allowed: 422 `invalid_value` naming the field.
    pub fn invalid(field: impl Into<String>, message: impl Into<String>) -> Self {
        let (field, message) = (field.into(), message.into());
        Self::new(code::INVALID_VALUE, format!("{field}: {message}")).field(field, message)
    }

    /// Something the caller named does not exist, or is not theirs to know of.
    pub fn not_found(what: impl std::fmt::Display) -> Self {
        Self::new(code::NOT_FOUND, format!("There is no {what}."))
    }

    /// Adds a field that was not allowed.
    #[must_use]
    pub fn field(mut self, field: impl Into<String>, message: impl Into<String>) -> Self {
        self.errors.push(FieldError { field: field.into(), message: message.into() });
        self
    }

    /// Adds a member of this kind of problem, beside those that every problem has.
    #[must_use]
    pub fn with(mut self, member: &str, value: impl Serialize) -> Self {
        debug_assert!(!MEMBERS.contains(&member), "{member} would be there twice");
        let value = serde_json::to_value(value).unwrap_or_default();
        self.extra.insert(member.to_owned(), value);
        self
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.code, self.detail)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_snake_case_words() {
        let mut words: Vec<&str> = code::ALL.iter().map(|code| code.word).collect();
        assert!(words.iter().all(|word| word.chars().all(|c| c.is_ascii_lowercase() || c == '_')));
        words.sort_unstable();
        words.dedup();
        assert_eq!(words.len(), code::ALL.len());
    }

    #[test]
    fn extra_members_stand_beside_the_standard_ones() {
        let problem = Problem::new(code::OUT_OF_STOCK, "Gone.").with("lines", ["a"]);
        let json = serde_json::to_value(&problem).unwrap_or_default();
        assert_eq!(json["code"], "out_of_stock");
        assert_eq!(json["lines"][0], "a");
        assert_eq!(json["type"], "/problems/out_of_stock");
    }

    #[test]
    #[should_panic(expected = "status would be there twice")]
    fn no_member_hides_a_standard_one() {
        let _ = Problem::new(code::ORDER_STATE, "Gone.").with("status", "CANCELLED");
    }
}
