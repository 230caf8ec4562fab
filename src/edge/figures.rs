//! How many requests there were of each endpoint, and how long they took.

use std::cell::RefCell;
use std::collections::HashMap;
use std::time::Duration;

use actix_web::http::StatusCode;
use metrics::{Counter, Histogram};

use super::route::Table;

/// The figures of an endpoint, by its number, and a status. Both are few.
type Known = HashMap<(Option<usize>, u16), (Counter, Histogram)>;

thread_local! {
    /// To find the figures by their labels takes longer than to answer a page that is kept ready.
    static FIGURES: RefCell<Known> = RefCell::default();
}

/// Counts an answer, under its endpoint: a path would make figures without end.
pub(super) fn measure(table: &Table, endpoint: Option<usize>, status: StatusCode, took: Duration) {
    FIGURES.with_borrow_mut(|known| {
        let (requests, seconds) = known
            .entry((endpoint, status.as_u16()))
            .or_insert_with(|| figures(table, endpoint, status));
        requests.increment(1);
        seconds.record(took.as_secs_f64());
    });
}

fn figures(table: &Table, endpoint: Option<usize>, status: StatusCode) -> (Counter, Histogram) {
    let (method, route) = endpoint
        .and_then(|number| table.endpoint_at(number))
        .map_or(("(any)", "(none)"), |endpoint| (&endpoint.method, &endpoint.path));
    let labels = [
        ("method", method.to_owned()),
        ("route", route.to_owned()),
        ("status", status.as_u16().to_string()),
    ];
    (
        metrics::counter!("http_requests_total", &labels),
        metrics::histogram!("http_request_seconds", &labels[..2]),
    )
}
