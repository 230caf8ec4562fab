//! How many requests there were of each route, and how long they took.

use std::cell::RefCell;
use std::collections::HashMap;
use std::time::Duration;

use actix_web::body::BoxBody;
use actix_web::dev::ServiceResponse;
use actix_web::http::{Method, StatusCode};
use metrics::{Counter, Histogram};

/// The figures of a method, a route and a status. All three are few.
type Known = HashMap<(&'static str, String, u16), (Counter, Histogram)>;

thread_local! {
    /// To find the figures by their labels takes longer than to answer a page that is kept ready.
    static FIGURES: RefCell<Known> = RefCell::default();
}

/// Counts an answer, under the pattern of its route: a path would make figures without end.
pub(super) fn measure(response: &ServiceResponse<BoxBody>, took: Duration) {
    let request = response.request();
    let route = request.match_pattern().unwrap_or_else(|| "(none)".to_owned());
    count((method(request.method()), route, response.status().as_u16()), took);
}

/// Counts an answer to a request whose handler was given up.
pub(super) fn measure_unanswered(asked: &Method, status: StatusCode, took: Duration) {
    count((method(asked), "(given up)".to_owned(), status.as_u16()), took);
}

fn count(key: (&'static str, String, u16), took: Duration) {
    FIGURES.with_borrow_mut(|known| {
        let (requests, seconds) = known
            .entry(key)
            .or_insert_with_key(|(method, route, status)| figures(method, route, *status));
        requests.increment(1);
        seconds.record(took.as_secs_f64());
    });
}

fn figures(method: &'static str, route: &str, status: u16) -> (Counter, Histogram) {
    let labels = [
        ("method", method.to_owned()),
        ("route", route.to_owned()),
        ("status", status.to_string()),
    ];
    (
        metrics::counter!("http_requests_total", &labels),
        metrics::histogram!("http_request_seconds", &labels[..2]),
    )
}

/// The method, if it is one of RFC 9110 or RFC 5789: callers may make up others without end.
fn method(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "(other)",
    }
}
