use std::future::{Ready, ready};
use std::pin::Pin;
use std::time::Duration;

use actix_web::dev::Payload;
use actix_web::http::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap};
use actix_web::web::{Bytes, Data};
use actix_web::{FromRequest, HttpMessage, HttpRequest};
use futures_util::StreamExt;
use kernel::problem::{Problem, code};
use serde::de::{DeserializeOwned, IgnoredAny};

use super::Failure;

/// The largest JSON body, in bytes.
pub const BODY_MAX: usize = 1 << 20;

/// How long a body may take to arrive.
const BODY_WAIT_MAX: Duration = Duration::from_secs(30);

/// Looks into a body before its handler does. Where none is set, nothing is looked at.
pub trait BodyGuard: Send + Sync {
    /// Whether the handler may read this JSON; else why not.
    fn check_json(&self, request: &HttpRequest, body: &[u8]) -> Result<(), Problem>;
    /// The same of a form.
    fn check_form(&self, request: &HttpRequest, body: &[u8]) -> Result<(), Problem>;
}

/// The guard of a request's body, if there is one.
pub(super) fn guard_of(request: &HttpRequest) -> Option<&dyn BodyGuard> {
    Some(request.app_data::<Data<dyn BodyGuard>>()?.get_ref())
}

/// Put into a request whose body may be shorter than [`BODY_MAX`] only, and does not say how long it
/// is. The edge knows.
#[derive(Debug, Clone, Copy)]
pub struct BodyMax(pub u64);

/// A JSON body. What is wrong with it is a problem that names the field.
#[derive(Debug)]
pub struct Body<T> {
    /// The value.
    pub value: T,
    /// The body as it came; commands are told apart by it.
    pub raw: Bytes,
}

impl Body<IgnoredAny> {
    /// The value, read once it is known who wrote it.
    pub fn signed<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        from_slice(&self.raw)
    }
}

impl<T: DeserializeOwned> FromRequest for Body<T> {
    type Error = Failure;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Failure>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let is_json = request.headers().contains_key(CONTENT_TYPE) && says_json(request);
        let mut payload = payload.take();
        let request = request.clone();
        Box::pin(async move {
            if !is_json {
                return Err(not_json().into());
            }
            let raw = read(&request, &mut payload).await?;
            if let Some(guard) = guard_of(&request) {
                guard.check_json(&request, &raw)?;
            }
            Ok(Self { value: from_slice(&raw)?, raw })
        })
    }
}

/// A JSON body that may be left out.
#[derive(Debug)]
pub struct OptionalBody<T> {
    /// The value, if there is a body.
    pub value: Option<T>,
    /// The body as it came; commands are told apart by it.
    pub raw: Bytes,
}

impl<T: DeserializeOwned> FromRequest for OptionalBody<T> {
    type Error = Failure;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Failure>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let mut payload = payload.take();
        let request = request.clone();
        Box::pin(async move {
            refuse_other_types(&request)?;
            let raw = read(&request, &mut payload).await?;
            if raw.is_empty() {
                return Ok(Self { value: None, raw });
            }
            if !request.headers().contains_key(CONTENT_TYPE) {
                return Err(not_json().into());
            }
            if let Some(guard) = guard_of(&request) {
                guard.check_json(&request, &raw)?;
            }
            Ok(Self { value: Some(from_slice(&raw)?), raw })
        })
    }
}

/// Refuses a body that says it is no JSON, where none is read: the forms of other sites come as such,
/// and browsers send them without asking.
pub fn refuse_other_types(request: &HttpRequest) -> Result<(), Problem> {
    if says_json(request) { Ok(()) } else { Err(not_json()) }
}

fn not_json() -> Problem {
    let detail = "Send the body as application/json, in UTF-8 and without a Content-Encoding.";
    Problem::new(code::UNSUPPORTED_MEDIA_TYPE, detail)
}

fn says_json(request: &HttpRequest) -> bool {
    says(request.headers(), is_json)
}

fn is_json(essence: &str) -> bool {
    essence == "application/json" || essence.ends_with("+json")
}

/// Whether all that is said of a body is that it is of this media type, as it is and in UTF-8. A body
/// that could be read in two ways is read in none.
pub(super) fn says(headers: &HeaderMap, is: fn(&str) -> bool) -> bool {
    let mut kinds = headers.get_all(CONTENT_TYPE).map(|kind| kind.to_str().unwrap_or_default());
    let (kind, more) = (kinds.next(), kinds.next());
    let mut codings = headers.get_all(CONTENT_ENCODING);
    more.is_none()
        && kind.is_none_or(|kind| is_in_utf_8(kind, is))
        && codings.all(|coding| coding.as_bytes().eq_ignore_ascii_case(b"identity"))
}

/// JSON is UTF-8 (RFC 8259, section 8.1), and so are forms of pages that are; some say so.
fn is_in_utf_8(kind: &str, is: fn(&str) -> bool) -> bool {
    let kind = kind.to_ascii_lowercase();
    let mut parts = kind.split(';').map(str::trim);
    let essence = parts.next().unwrap_or_default();
    let is_utf_8 = |part: &str| match part.split_once('=') {
        Some((name, charset)) if name.trim() == "charset" => {
            charset.trim().trim_matches('"') == "utf-8"
        }
        _ => true,
    };
    is(essence) && parts.all(is_utf_8)
}

/// A body as a whole, if it is not too long and does not come too slowly.
pub(super) async fn read(request: &HttpRequest, payload: &mut Payload) -> Result<Bytes, Problem> {
    let told = request.extensions().get::<BodyMax>().map(|most| most.0);
    let told = told.and_then(|most| usize::try_from(most).ok());
    let most = told.map_or(BODY_MAX, |most| most.min(BODY_MAX));
    let slow = |_| Problem::new(code::INVALID_REQUEST, "The body came too slowly.");
    tokio::time::timeout(BODY_WAIT_MAX, collect(payload, most)).await.map_err(slow)?
}

async fn collect(payload: &mut Payload, most: usize) -> Result<Bytes, Problem> {
    let mut raw = Vec::new();
    while let Some(chunk) = payload.next().await {
        let cut = |_| Problem::new(code::INVALID_REQUEST, "The body ended too early.");
        let chunk = chunk.map_err(cut)?;
        if raw.len() + chunk.len() > most {
            let detail = format!("A body has at most {most} bytes here.");
            return Err(Problem::new(code::BODY_TOO_LARGE, detail));
        }
        raw.extend_from_slice(&chunk);
    }
    Ok(raw.into())
}

/// Reads a JSON body, or says which field is not as it should be.
pub fn from_slice<T: DeserializeOwned>(raw: &[u8]) -> Result<T, Problem> {
    let mut json = serde_json::Deserializer::from_slice(raw);
    let value = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let field = error.path().to_string();
        let error = error.into_inner();
        match error.classify() {
            serde_json::error::Category::Data => wrong_field(&field, &error.to_string()),
            _ => Problem::new(code::INVALID_REQUEST, format!("The body is not JSON: {error}.")),
        }
    })?;
    json.end().map_err(|error| {
        Problem::new(code::INVALID_REQUEST, format!("The body is not one JSON value: {error}."))
    })?;
    // The fields of a struct could come as a list, without their names.
    if raw.trim_ascii_start().starts_with(b"[") {
        return Err(Problem::invalid("", "must be an object"));
    }
    refuse_nul(raw)?;
    Ok(value)
}

/// Reads a JSON value that was put together, e.g. by a patch; what is wrong with it names the field.
pub fn from_json<T: DeserializeOwned>(value: serde_json::Value) -> Result<T, Problem> {
    serde_path_to_error::deserialize(value).map_err(|error| {
        let field = error.path().to_string();
        wrong_field(&field, &error.into_inner().to_string())
    })
}

/// What a text in PostgreSQL cannot hold, as JSON and as a parameter spell it.
const NUL_ESCAPE: &[u8] = br"\u0000";
const NUL_MESSAGE: &str = "must not contain the character U+0000";

/// PostgreSQL stores no text with a zero character, and SQLite cuts it there in places.
fn refuse_nul(raw: &[u8]) -> Result<(), Problem> {
    if !raw.windows(NUL_ESCAPE.len()).any(|window| window == NUL_ESCAPE) {
        return Ok(());
    }
    let value: serde_json::Value = serde_json::from_slice(raw).unwrap_or_default();
    nul_in(&value, "").map_or(Ok(()), |field| Err(Problem::invalid(field, NUL_MESSAGE)))
}

/// The path of the first text that holds a zero character.
fn nul_in(value: &serde_json::Value, path: &str) -> Option<String> {
    use serde_json::Value;
    match value {
        Value::String(text) => text.contains('\0').then(|| path.to_owned()),
        Value::Array(list) => {
            list.iter().enumerate().find_map(|(n, value)| nul_in(value, &format!("{path}[{n}]")))
        }
        Value::Object(members) => members.iter().find_map(|(name, value)| {
            let dot = if path.is_empty() { "" } else { "." };
            let path = format!("{path}{dot}{name}");
            if name.contains('\0') { Some(path) } else { nul_in(value, &path) }
        }),
        Value::Null | Value::Bool(_) | Value::Number(_) => None,
    }
}

/// Names the field; serde names a missing or unknown one only in its message, between backquotes.
fn wrong_field(path: &str, message: &str) -> Problem {
    let message = message.split(" at line ").next().unwrap_or(message);
    let named = message
        .split('`')
        .nth(1)
        .filter(|_| message.starts_with("missing field") || message.starts_with("unknown field"));
    let field = match (path, named) {
        (path, Some(named)) if path == "." || path.is_empty() => named.to_owned(),
        (path, Some(named)) if path == named || path.ends_with(&format!(".{named}")) => {
            path.to_owned()
        }
        (path, Some(named)) => format!("{path}.{named}"),
        (path, None) => path.to_owned(),
    };
    Problem::invalid(field, message)
}

/// The parameters after the `?`.
#[derive(Debug)]
pub struct Params<T>(pub T);

impl<T: DeserializeOwned> FromRequest for Params<T> {
    type Error = Failure;
    type Future = Ready<Result<Self, Failure>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(from_query(request.query_string()).map(Self).map_err(Failure::from))
    }
}

/// What a query string says, or a problem that names the parameter that is not allowed.
pub fn from_query<T: DeserializeOwned>(query: &str) -> Result<T, Problem> {
    check_query(query)?;
    let pairs = serde_urlencoded::Deserializer::new(form_urlencoded::parse(query.as_bytes()));
    serde_path_to_error::deserialize(pairs).map_err(|error| {
        let field = error.path().to_string();
        wrong_field(&field, &error.into_inner().to_string())
    })
}

/// What stands for bytes that are no text, and how it is written when it is meant.
const REPLACEMENT: char = char::REPLACEMENT_CHARACTER;
const REPLACEMENT_WRITTEN: &str = "%EF%BF%BD";

/// Refuses a query string with a value that is no text in UTF-8 or holds a zero character.
pub fn check_query(query: &str) -> Result<(), Problem> {
    let meant =
        query.contains(REPLACEMENT) || query.to_ascii_uppercase().contains(REPLACEMENT_WRITTEN);
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        if value.contains('\0') {
            return Err(Problem::invalid(name, NUL_MESSAGE));
        }
        if value.contains(REPLACEMENT) && !meant {
            return Err(Problem::invalid(name, "must be text in UTF-8"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only its parsing matters")]
    struct Order {
        lines: Vec<Line>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only its parsing matters")]
    struct Line {
        quantity: i64,
    }

    fn refused(body: &str) -> Problem {
        from_slice::<Order>(body.as_bytes()).unwrap_err()
    }

    #[test]
    fn the_field_is_named() {
        let field = |body| refused(body).errors[0].field.clone();
        assert_eq!(field(r#"{"lines":[{"quantity":"x"}]}"#), "lines[0].quantity");
        assert_eq!(field(r#"{"lines":[{"quantity":1,"price":2}]}"#), "lines[0].price");
        assert_eq!(field(r#"{"lines":[{}]}"#), "lines[0].quantity");
        assert_eq!(field("{}"), "lines");
    }

    #[test]
    fn what_is_no_json_is_said_to_be_none() {
        assert_eq!(refused("{").code, "invalid_request");
        assert_eq!(refused(r#"{"lines":[]} x"#).code, "invalid_request");
        assert_eq!(refused("").code, "invalid_request");
    }

    #[test]
    fn an_object_does_not_come_as_a_list() {
        assert!(from_slice::<Line>(br#"{"quantity":1}"#).is_ok());
        assert_eq!(from_slice::<Line>(b" [1]").unwrap_err().code, "invalid_value");
    }

    #[test]
    fn json_is_what_says_so_in_utf_8() {
        for kind in ["application/json", "Application/JSON; charset=\"UTF-8\"", "a/b+json"] {
            assert!(is_in_utf_8(kind, is_json), "{kind}");
        }
        for kind in
            ["", "json", "text/plain", "application/json; charset=utf-7", "application/jsonp"]
        {
            assert!(!is_in_utf_8(kind, is_json), "{kind}");
        }
    }

    #[test]
    fn a_wrong_parameter_is_named() {
        let page = from_query::<kernel::PageQuery>("limit=x").unwrap_err();
        assert_eq!(page.errors[0].field, "limit");
        let page = from_query::<kernel::PageQuery>("colour=red").unwrap_err();
        assert_eq!(page.errors[0].field, "colour");
        let no_text = from_query::<kernel::PageQuery>("cursor=%ff%fe").unwrap_err();
        assert_eq!(no_text.errors[0].field, "cursor");
        assert!(from_query::<kernel::PageQuery>("cursor=%ef%bf%bd").is_ok());
    }
}
