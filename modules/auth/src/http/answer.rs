use actix_web::http::StatusCode;
use actix_web::http::header::CACHE_CONTROL;
use actix_web::{HttpRequest, HttpResponse};
use kernel::id::CustomerId;
use kernel::ports::Principal;
use serde::Serialize;
use utoipa::ToSchema;

use super::cookie;
use crate::Accounts;
use crate::domain::Account;
use crate::usecase::Granted;

/// A person as they see themselves.
#[derive(Serialize, ToSchema)]
pub(super) struct CustomerAnswer {
    /// The person.
    id: CustomerId,
    /// Left out for a guest.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "ada@example.com")]
    email: Option<String>,
    /// Left out for a guest.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "Ada Lovelace")]
    name: Option<String>,
    /// Whether letters to that address reach them; left out for a guest.
    #[serde(skip_serializing_if = "Option::is_none")]
    email_verified: Option<bool>,
    /// The name of their role.
    #[schema(example = "customer")]
    role: String,
    /// Their customer group; left out for somebody in none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "trade")]
    group: Option<String>,
}

impl CustomerAnswer {
    /// Somebody of another issuer, who has no account here.
    pub(super) fn foreign(caller: &Principal) -> Self {
        let role = caller.role.clone();
        Self { id: caller.id, email: None, name: None, email_verified: None, role, group: None }
    }
}

impl From<Account> for CustomerAnswer {
    fn from(account: Account) -> Self {
        let Account { id, role, email, verified, name, group } = account;
        let email_verified = email.is_some().then_some(verified);
        Self { id, email, name, email_verified, role, group }
    }
}

/// An access token, which comes as the cookie `__Host-stoa_session` too, and whose it is. The refresh
/// token comes only as the cookie `__Host-stoa_refresh`.
#[derive(Serialize, ToSchema)]
pub(super) struct SessionAnswer {
    /// A JWT for the header `Authorization: Bearer`.
    access_token: String,
    /// Always `Bearer`.
    #[schema(example = "Bearer")]
    token_type: &'static str,
    /// How long the access token is good, in seconds.
    #[schema(example = 900)]
    expires_in: u32,
    /// What pages of the shop send as `X-CSRF-Token` when they change something by cookie.
    csrf_token: String,
    /// Whose it is.
    customer: CustomerAnswer,
}

/// Answers with a session, which no cache may keep.
pub(super) fn session(
    status: StatusCode,
    request: &HttpRequest,
    accounts: &Accounts,
    granted: Granted,
) -> HttpResponse {
    let expires_in = accounts.settings().access_token_s;
    let mut response = HttpResponse::build(status);
    for cookie in cookie::keep(request, &granted, expires_in) {
        response.cookie(cookie);
    }
    response.insert_header((CACHE_CONTROL, "no-store")).json(SessionAnswer {
        access_token: granted.access_token,
        token_type: "Bearer",
        expires_in,
        csrf_token: accounts.secrets().csrf_token(granted.session),
        customer: granted.account.into(),
    })
}
