//! One middleware: a request id, a deadline, who is calling, the headers of every answer.

use std::sync::Arc;
use std::time::{Duration, Instant};

use actix_web::HttpMessage;
use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::middleware::Next;
use actix_web::web::Data;
use kernel::id::EventId;
use kernel::ports::Identity;
use kernel::problem::{Problem, code};
use platform::http::{Failure, identify};
use platform::trace;

use super::figures::measure;

/// The longest request id that is taken over from the caller, in characters.
const REQUEST_ID_MAX: usize = 64;
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// What the gate knows.
pub struct Gate {
    /// Tells who a token belongs to.
    pub identity: Arc<dyn Identity>,
    /// After how long a request is answered 504.
    pub timeout: Duration,
    /// After how long an upload of a file is answered 504.
    pub upload_timeout: Duration,
}

/// Where files are uploaded, which takes as long as the caller's line needs.
const UPLOADS: [&str; 2] = ["/v1/admin/imports", "/v1/admin/images"];

impl Gate {
    fn timeout(&self, request: &ServiceRequest) -> Duration {
        let uploads = request.method() == Method::POST && UPLOADS.contains(&request.path());
        if uploads { self.upload_timeout } else { self.timeout }
    }
}

/// Lets a request through.
pub async fn gate(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let began = Instant::now();
    let id = request_id(&request);
    let mut response = trace::within(id.clone(), pass(request, next)).await?;
    let headers = response.headers_mut();
    if let Ok(id) = HeaderValue::from_str(&id) {
        headers.insert(REQUEST_ID, id);
    }
    headers.insert(
        HeaderName::from_static("x-content-type-options"),
        HeaderValue::from_static("nosniff"),
    );
    measure(&response, began.elapsed());
    Ok(response)
}

async fn pass(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let Some(gate) = request.app_data::<Data<Gate>>().cloned() else {
        return Ok(request.error_response(Failure::internal("the gate is not set")));
    };
    match identify(gate.identity.as_ref(), request.request()).await {
        Ok(None) => {}
        Ok(Some(caller)) => {
            request.extensions_mut().insert(caller);
        }
        Err(failure) => return Ok(request.error_response(failure)),
    }
    let timeout = gate.timeout(&request);
    let Ok(response) = tokio::time::timeout(timeout, next.call(request)).await else {
        let detail = "What it began is finished or undone; ask for its outcome.";
        let mut problem = Problem::new(code::TIMEOUT, detail);
        problem.request_id = Some(trace::current());
        return Err(Failure::from(problem).into());
    };
    Ok(response?.map_into_boxed_body())
}

fn request_id(request: &ServiceRequest) -> Arc<str> {
    let plain = |id: &&str| {
        let allowed = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        !id.is_empty() && id.len() <= REQUEST_ID_MAX && id.chars().all(allowed)
    };
    let given = request.headers().get(REQUEST_ID).and_then(|id| id.to_str().ok()).filter(plain);
    given.map_or_else(|| EventId::new().to_string().into(), Arc::from)
}
