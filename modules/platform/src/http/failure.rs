use std::fmt;
use std::sync::Arc;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use kernel::MoneyError;
use kernel::ports::Unavailable;
use kernel::problem::{Problem, code};

use crate::sql;

/// The media type of problems (RFC 9457).
pub const PROBLEM_JSON: &str = "application/problem+json";

/// What an endpoint answers when it does not do what it was asked: the problem for the caller, and
/// for the log what caused it.
#[derive(Debug, Clone)]
pub struct Failure {
    problem: Box<Problem>,
    source: Option<Arc<dyn std::error::Error + Send + Sync>>,
}

impl Failure {
    /// A failure on our side: the caller learns only that, the log learns why.
    pub fn internal(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        let problem = Problem::new(
            code::INTERNAL,
            "Please try again later; the request_id helps us to find the cause.",
        );
        Self { problem: Box::new(problem), source: Some(Arc::from(source.into())) }
    }

    /// Something this needs does not answer; the same request may succeed later. Whether a change was made is not known
    /// here: its commit may have been the last thing that was heard of.
    pub fn unavailable(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        let detail = "Please try again in a moment. A change may have been made; with the same \
                      Idempotency-Key it is made once.";
        let problem = Problem::new(code::UNAVAILABLE, detail);
        Self { problem: Box::new(problem), source: Some(Arc::from(source.into())) }
    }

    /// The problem the caller gets.
    pub fn problem(&self) -> &Problem {
        &self.problem
    }

    /// The problem's member `retry_after_s`, where it knows better than "in a moment".
    fn retry_after_s(&self) -> u64 {
        self.problem.extra.get("retry_after_s").and_then(serde_json::Value::as_u64).unwrap_or(1)
    }

    fn log(&self) {
        let Some(source) = &self.source else { return };
        let mut chain = source.to_string();
        let mut next = source.source();
        while let Some(cause) = next {
            chain = format!("{chain}: {cause}");
            next = cause.source();
        }
        let trace = crate::trace::current();
        tracing::error!(code = self.problem.code, trace, cause = chain, "a request failed");
    }
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Self { problem: Box::new(problem), source: None }
    }
}

impl From<sql::Error> for Failure {
    fn from(error: sql::Error) -> Self {
        if matches!(error, sql::Error::Erased) {
            let detail = "What was kept about this person is gone; nothing can be kept about them.";
            return Problem::new(code::ERASED, detail).into();
        }
        if error.is_transient() { Self::unavailable(error) } else { Self::internal(error) }
    }
}

impl From<Unavailable> for Failure {
    fn from(error: Unavailable) -> Self {
        Self::unavailable(error)
    }
}

impl From<MoneyError> for Failure {
    fn from(error: MoneyError) -> Self {
        Problem::new(code::INVALID_VALUE, error.to_string()).into()
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.problem.fmt(f)
    }
}

impl actix_web::ResponseError for Failure {
    fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(self.problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    fn error_response(&self) -> HttpResponse {
        self.log();
        let mut problem = self.problem.clone();
        let trace = crate::trace::current();
        problem.request_id = problem.request_id.or((!trace.is_empty()).then_some(trace));
        let mut response = HttpResponse::build(self.status_code());
        response.insert_header((CONTENT_TYPE, PROBLEM_JSON));
        match self.problem.status {
            401 => response.insert_header((WWW_AUTHENTICATE, "Bearer")),
            429 | 503 => response.insert_header((RETRY_AFTER, self.retry_after_s())),
            409 if self.problem.code == code::IDEMPOTENCY_IN_PROGRESS.word => {
                response.insert_header((RETRY_AFTER, "1"))
            }
            _ => &mut response,
        };
        response.body(serde_json::to_string(&problem).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use actix_web::ResponseError;

    use super::*;

    fn retry_after(problem: Problem) -> String {
        let response = Failure::from(problem).error_response();
        response.headers().get(RETRY_AFTER).unwrap().to_str().unwrap().to_owned()
    }

    #[test]
    fn a_problem_that_knows_when_to_come_back_says_so() {
        let problem = Problem::new(code::TOO_MANY_ATTEMPTS, "Wait.");
        assert_eq!(retry_after(problem.clone()), "1");
        assert_eq!(retry_after(problem.with("retry_after_s", 90)), "90");
    }
}
