use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::http::header::CONTENT_TYPE;
use actix_web::{FromRequest, HttpRequest};
use kernel::problem::{Problem, code};
use serde::de::DeserializeOwned;

use super::Failure;
use super::body::{from_query, guard_of, read};

/// What a page's form sends: `application/x-www-form-urlencoded`. What is wrong with it is a problem
/// that names the field, as in a query.
#[derive(Debug)]
pub struct Form<T>(pub T);

impl<T: DeserializeOwned> FromRequest for Form<T> {
    type Error = Failure;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Failure>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let kind = request.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        let is_form = kind.is_some_and(|kind| {
            let kind = kind.split(';').next().unwrap_or_default().trim();
            kind.eq_ignore_ascii_case("application/x-www-form-urlencoded")
        });
        let mut payload = payload.take();
        let request = request.clone();
        Box::pin(async move {
            if !is_form {
                let detail = "Send the form as application/x-www-form-urlencoded.";
                return Err(Problem::new(code::UNSUPPORTED_MEDIA_TYPE, detail).into());
            }
            let raw = read(&request, &mut payload).await?;
            if let Some(guard) = guard_of(&request) {
                guard.check_form(&request, &raw)?;
            }
            let no_text = |_| Problem::new(code::INVALID_REQUEST, "The form is not UTF-8.");
            let text = std::str::from_utf8(&raw).map_err(no_text)?;
            Ok(Self(from_query(text)?))
        })
    }
}
