//! Requests as bytes, and what comes back.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;

use super::Shop;

/// Longer than anything is waited for; a test that reaches it hangs.
pub const HANGS_AFTER: Duration = Duration::from_secs(40);

/// What comes behind each request of a test: it is answered only if the server has found the end of the
/// request before it where the test has put it.
const PROBE: &str = "GET /v1/probe HTTP/1.1\r\nHost: shop.example\r\nConnection: close\r\n\r\n";

/// The status and the code of answers in their order; no code where the parser answers itself.
pub type Answers = &'static [(u16, &'static str)];

/// The answer to the probe behind a request.
pub const IN_SYNC: (u16, &str) = (404, "not_found");
/// What the parser answers to what is no HTTP; the connection is closed.
pub const NO_HTTP: Answers = &[(400, "")];

/// A connection to the shop without TLS.
pub fn connect(shop: &Shop) -> TcpStream {
    let stream = TcpStream::connect(shop.base.rsplit('/').next().unwrap()).unwrap();
    stream.set_read_timeout(Some(HANGS_AFTER)).unwrap();
    stream
}

/// What comes until the server closes.
pub fn until_closed(stream: &mut TcpStream) -> Vec<u8> {
    let (mut all, mut part) = (Vec::new(), [0; 4096]);
    loop {
        match stream.read(&mut part) {
            Ok(0) => return all,
            Ok(length) => all.extend_from_slice(&part[..length]),
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                panic!("the connection stays open: {}", String::from_utf8_lossy(&all));
            }
            // A server that closes before it has read everything resets the connection.
            Err(_) => return all,
        }
    }
}

/// Sends each request and a probe behind it, and compares the answers until the server closes.
pub fn check(shop: &Shop, cases: &[(&str, String, Answers)]) {
    compare(shop, cases, false);
}

/// The same, where the server may have seen the end of a body before it answers, and goes on, or not, and
/// closes.
pub fn check_or_closed(shop: &Shop, cases: &[(&str, String, Answers)]) {
    compare(shop, cases, true);
}

/// Looks at all of them before it fails, to show them together.
fn compare(shop: &Shop, cases: &[(&str, String, Answers)], may_close: bool) {
    let mut wrong = Vec::new();
    for (name, request, expected) in cases {
        let mut stream = connect(shop);
        let _ = stream.write_all([request, PROBE].concat().as_bytes());
        let told = parse(&until_closed(&mut stream), request.starts_with("HEAD"));
        let told: Vec<(u16, &str)> =
            told.iter().map(|(status, code)| (*status, code.as_str())).collect();
        let (last, before) = expected.split_last().unwrap();
        let is_closed = may_close && *last == IN_SYNC && told == before;
        if told != *expected && !is_closed {
            wrong.push(format!("{name}: {told:?} instead of {expected:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The answers to a request and to what followed it. That to HEAD has no body, whatever its length.
fn parse(mut rest: &[u8], mut is_head: bool) -> Vec<(u16, String)> {
    let mut answers = Vec::new();
    while !rest.is_empty() {
        let end = rest.windows(4).position(|at| at == b"\r\n\r\n").unwrap();
        let head = std::str::from_utf8(&rest[..end]).unwrap().to_ascii_lowercase();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        let length = length.filter(|_| !std::mem::take(&mut is_head));
        let length = length.map_or(0, |length| length.parse().unwrap());
        let body = &rest[end + 4..end + 4 + length];
        rest = &rest[end + 4 + length..];
        if status != 100 {
            let body: Value = serde_json::from_slice(body).unwrap_or_default();
            answers.push((status, body["code"].as_str().unwrap_or_default().to_owned()));
        }
    }
    answers
}
