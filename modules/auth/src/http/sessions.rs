use actix_web::web::{self, Data, Path, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};
use kernel::id::SessionId;
use kernel::page::Page;
use kernel::ports::Factor;
use kernel::{Problem, Timestamp};
use platform::http::{Answer, Caller, ClientAddress, no_content, ok};
use serde::Serialize;
use utoipa::{OpenApi, ToSchema};

use super::cookie;
use crate::Accounts;
use crate::domain::Device;
use crate::store;
use crate::store::sessions::OwnSession;
use crate::usecase::sessions;

/// How many sessions are listed at most.
const LISTED_MAX: i64 = 100;

#[derive(OpenApi)]
#[openapi(paths(list, end, end_all))]
struct Document;

pub(super) fn openapi() -> utoipa::openapi::OpenApi {
    Document::openapi()
}

pub(super) fn routes(config: &mut ServiceConfig) {
    config
        .route("/v1/auth/sessions", web::get().to(list))
        .route("/v1/auth/sessions", web::delete().to(end_all))
        .route("/v1/auth/sessions/{id}", web::delete().to(end));
}

/// A login that has not ended.
#[derive(Serialize, ToSchema)]
struct SessionLine {
    /// The session.
    id: SessionId,
    /// What the browser called itself; empty for a guest.
    user_agent: String,
    /// Where it was; empty for a guest.
    address: String,
    /// How its owner proved who they are.
    amr: Vec<Factor>,
    /// When it began.
    #[schema(value_type = String, format = DateTime)]
    started_at: Timestamp,
    /// When it was last refreshed.
    #[schema(value_type = String, format = DateTime)]
    last_used_at: Timestamp,
    /// When it ends.
    #[schema(value_type = String, format = DateTime)]
    expires_at: Timestamp,
    /// Whether it is the one that asks.
    current: bool,
}

impl SessionLine {
    fn new(session: OwnSession, asks: Option<SessionId>) -> Self {
        let current = Some(session.id) == asks;
        let OwnSession { id, device, amr, started_at, last_used_at, expires_at } = session;
        let device = device.map(|Device { user_agent, address }| (user_agent, address.to_string()));
        let (user_agent, address) = device.unwrap_or_default();
        Self { id, user_agent, address, amr, started_at, last_used_at, expires_at, current }
    }
}

/// Where one is logged in
#[utoipa::path(get, path = "/v1/auth/sessions", tag = "auth",
    responses(
        (status = 200, description = "The newest first, 100 at most", body = Page<SessionLine>),
        (status = 401, description = "`unauthenticated`", body = Problem),
    ))]
async fn list(accounts: Data<Accounts>, caller: Caller) -> Answer {
    let live = store::sessions::of_owner(accounts.db(), caller.id, LISTED_MAX).await?;
    let asks = caller.session();
    let items = live.into_iter().map(|session| SessionLine::new(session, asks)).collect();
    ok(&Page { items, next_cursor: None })
}

/// End one of one's sessions
///
/// Its tokens are refused within seconds on every node.
#[utoipa::path(delete, path = "/v1/auth/sessions/{id}", tag = "auth",
    params(("id" = Uuid, Path, description = "The session")),
    responses(
        (status = 204, description = "It has ended"),
        (status = 404, description = "`not_found`", body = Problem),
    ))]
async fn end(
    accounts: Data<Accounts>,
    caller: Caller,
    client: ClientAddress,
    id: Path<String>,
) -> Answer {
    let id = id.parse().map_err(|_| Problem::not_found("such session of yours"))?;
    sessions::end_one(&accounts, caller.id, id, client.0).await?;
    no_content()
}

/// Log out everywhere
#[utoipa::path(delete, path = "/v1/auth/sessions", tag = "auth",
    responses(
        (status = 204, description = "All sessions have ended, this one too"),
        (status = 401, description = "`unauthenticated`", body = Problem),
    ))]
async fn end_all(accounts: Data<Accounts>, request: HttpRequest, caller: Caller) -> Answer {
    sessions::end_all(&accounts, caller.id, ClientAddress::of(&request).0).await?;
    let mut response = HttpResponse::NoContent();
    for cookie in cookie::forget(&request) {
        response.cookie(cookie);
    }
    Ok(response.finish())
}
