//! How many requests there were of each route, and how long they took.

use std::cell::RefCell;
use std::collections::HashMap;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::time::Duration;

use actix_web::body::BoxBody;
use actix_web::dev::ServiceResponse;
use metrics::{Counter, Histogram};

/// How many figures a thread remembers by the path that was asked for.
const REMEMBERED_MAX: usize = 4_096;

thread_local! {
    /// To find the route of a path and the figures of its labels takes longer than to answer a
    /// page that is kept ready.
    static FIGURES: RefCell<HashMap<u64, (Counter, Histogram)>> = RefCell::default();
}

/// Counts an answer, under the pattern of its route: a path would make figures without end.
pub(super) fn measure(response: &ServiceResponse<BoxBody>, took: Duration) {
    let key = key(response);
    FIGURES.with_borrow_mut(|figures| {
        if figures.len() >= REMEMBERED_MAX {
            figures.clear();
        }
        let (requests, seconds) = figures.entry(key).or_insert_with(|| figures_of(response));
        requests.increment(1);
        seconds.record(took.as_secs_f64());
    });
}

fn key(response: &ServiceResponse<BoxBody>) -> u64 {
    let request = response.request();
    let mut hasher = DefaultHasher::new();
    (request.method(), request.path(), response.status()).hash(&mut hasher);
    hasher.finish()
}

fn figures_of(response: &ServiceResponse<BoxBody>) -> (Counter, Histogram) {
    let request = response.request();
    let route = request.match_pattern().unwrap_or_else(|| "(none)".to_owned());
    let status = response.status().as_str().to_owned();
    let labels = [("method", request.method().to_string()), ("route", route), ("status", status)];
    (
        metrics::counter!("http_requests_total", &labels),
        metrics::histogram!("http_request_seconds", &labels[..2]),
    )
}
