use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::http::header::{CONTENT_TYPE, HeaderMap};
use actix_web::{FromRequest, HttpRequest};
use kernel::problem::{Problem, code};
use serde::de::DeserializeOwned;

use super::Failure;
use super::body::{from_query, guard_of, read, says};

/// What a page's form sends: `application/x-www-form-urlencoded`. What is wrong with it is a problem
/// that names the field, as in a query.
#[derive(Debug)]
pub struct Form<T>(pub T);

/// Whether a request says that its body is a form.
pub fn says_form(headers: &HeaderMap) -> bool {
    let is_form = |essence: &str| essence == "application/x-www-form-urlencoded";
    headers.contains_key(CONTENT_TYPE) && says(headers, is_form)
}

impl<T: DeserializeOwned> FromRequest for Form<T> {
    type Error = Failure;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Failure>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let is_form = says_form(request.headers());
        let mut payload = payload.take();
        let request = request.clone();
        Box::pin(async move {
            if !is_form {
                let detail =
                    "Send the form as application/x-www-form-urlencoded, in UTF-8 and as it is.";
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
