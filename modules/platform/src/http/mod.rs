//! What every endpoint shares: bodies and queries that name the field they got wrong, who is
//! calling, idempotency keys, and refusals as problems.

mod answer;
mod body;
mod cached;
mod caller;
mod client;
mod credential;
mod download;
mod failure;
mod form;
mod key;
mod outbound;
mod page;
mod version;

pub use answer::{PUBLIC, accepted, answer, created, no_content, ok, stored};
pub use body::{
    BODY_MAX, Body, BodyGuard, BodyMax, OptionalBody, Params, check_query, from_json, from_query,
    from_slice, refuse_other_types,
};
pub use cached::CachedBody;
pub use caller::{Caller, Editor, Staff, demand, demand_second_factor, demand_step_up};
pub use client::ClientAddress;
pub use credential::{
    TrustedOrigin, identify, is_plain_loopback, only_cookie, refuse_foreign, session_cookie,
};
pub use download::download;
pub use failure::{Failure, PROBLEM_JSON};
pub use form::{Form, says_form};
pub use key::{OptionalKey, RequiredKey};
pub use outbound::{install_tls, outbound};
pub use page::{Nonce, page};
pub use version::{IfMatch, etag, knows};

/// The result of an endpoint.
pub type Answer = Result<actix_web::HttpResponse, Failure>;
