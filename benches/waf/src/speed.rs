//! What typical requests cost.

use std::hint::black_box;
use std::time::{Duration, Instant};

use firewall::{Firewall, Settings, Verdict};
use serde_json::json;

use crate::{Result, say};

/// How long a case is repeated, in series of about a millisecond.
const WHILE: Duration = Duration::from_secs(1);
const SERIES_NS: u128 = 1_000_000;

const HEADERS: [(&str, &[u8]); 9] = [
    ("host", b"shop.example"),
    ("user-agent", b"Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"),
    ("accept", b"application/json, text/plain, */*"),
    ("accept-language", b"en-GB,en;q=0.7,fr;q=0.3"),
    ("accept-encoding", b"gzip, deflate, br, zstd"),
    ("referer", b"https://shop.example/collections/lamps?page=2"),
    ("cookie", b"__Host-session=eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiIwMTlhIn0.c2lnbmF0dXJl; locale=en"),
    ("connection", b"keep-alive"),
    ("x-request-id", b"019aaf2c-7b1e-7f00-8a55-0f6c0f6c0f6c"),
];

/// Prints the nanoseconds of a list of products and of an order, and of the longest texts of marks.
pub fn measure() -> Result<()> {
    let firewall = Firewall::new(Settings::default())?;
    let line = json!({"product_id": "019aaf2c-7b1e-7f00-8a55-0f6c0f6c0f6c", "quantity": 2, "note": "For Anne O'Reilly"});
    let order = json!({
        "cart_id": "019aaf2c-7b1e-7f00-8a55-0f6c0f6c0f6d",
        "email": "anne.oreilly@example.com",
        "address": {"name": "Anne O'Reilly", "line1": "Flat 4/2, 12 Main St.", "city": "Dublin", "postcode": "D02 X285", "country": "IE"},
        "payment": {"token": "tok_019aaf2c7b1e7f008a55", "method": "card"},
        "lines": [line, line, line, line, line],
        "gift_message": "Happy birthday & all the best! See you on Sunday (around 5) <3",
    })
    .to_string();
    let list = "q=desk+lamp&limit=24&facets=true&sort=price&brand=Acme+%26+Sons";
    let head = |path, query| firewall.inspect_head(path, query, HEADERS);
    report("list of products", || head("/v1/products", list))?;
    report("head without a query", || head("/v1/cart", ""))?;
    report(&format!("order of {} bytes", order.len()), || {
        firewall.inspect_json("/v1/orders", order.as_bytes())
    })?;
    for marks in ["<a on' ", "or ((not ", "/* -- ' ", "&#x26;%25", "select 1,", "http://"] {
        let longest = json!([marks.repeat(60_000 / marks.len())]).to_string();
        report(&format!("60 kB of {marks:?}"), || {
            firewall.inspect_json("/v1/orders", longest.as_bytes())
        })?;
    }
    Ok(())
}

/// Prints the least mean of many series, which the machine's other work disturbed least.
fn report(name: &str, inspect: impl Fn() -> Verdict) -> Result<()> {
    let begun = Instant::now();
    let (mut rounds, mut nanoseconds) = (1, u128::MAX);
    while begun.elapsed() < WHILE {
        let start = Instant::now();
        for _ in 0..rounds {
            black_box(black_box(&inspect)());
        }
        nanoseconds = nanoseconds.min(start.elapsed().as_nanos() / rounds);
        rounds = (SERIES_NS / nanoseconds.max(1)).max(1);
    }
    say(format!("{name}: {nanoseconds} ns, {} findings", inspect().findings.len()))
}
