//! Clients that keep the server waiting, while others are served.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::support::raw::{HANGS_AFTER, connect, until_closed};
use crate::support::{Customer, Engine, Shop, product};
use crate::tls::{Pair, running};

/// How long a client may take for a head, and stand idle, in milliseconds: a shop without patience, ...
const HURRIED_MS: u32 = 2_000;
/// ... and one for clients that go on.
const PATIENT_MS: u32 = 6_000;
/// What a test sets instead of this default is done sooner than it would have it.
const ROUTE_TIMEOUT_DEFAULT: Duration = Duration::from_secs(15);
/// How often a slow reader stops, and how long: longer altogether than the shop has patience.
const PAUSES: usize = 70;
const PAUSE: Duration = Duration::from_millis(200);

fn shop(patience_ms: u32) -> Shop {
    let mut shop = Shop::new(Engine::Sqlite, &[product("LAMP-1", "20.00", 5)]).unwrap();
    let ms = patience_ms.to_string();
    shop.start(&[("STOA__SERVER__HEAD_TIMEOUT_MS", &ms), ("STOA__SERVER__KEEP_ALIVE_MS", &ms)]);
    shop
}

/// A long answer that is ready, and how many of it are asked for at once.
const LARGE: &str = "/docs/swagger-ui-bundle.js";
const ANSWERS: usize = 60;
const HEAD: &str = "GET /v1/products/LAMP-1 HTTP/1.1\r\nHost: shop.example\r\n\r\n";
const HALF: &str = "GET /v1/products/LAMP-1 HTTP/1.1\r\nHost: shop";

#[tokio::test(flavor = "multi_thread")]
async fn who_sends_half_a_head_is_closed_and_others_are_served() {
    let shop = shop(HURRIED_MS);
    let began = Instant::now();
    let mut slow: Vec<TcpStream> = (0..100).map(|_| connect(&shop)).collect();
    for stream in &mut slow {
        stream.write_all(HALF.as_bytes()).unwrap();
    }
    assert_eq!(Customer::anyone(&shop).get("/v1/products/LAMP-1").await.status, 200);
    for stream in &mut slow {
        let told = String::from_utf8(until_closed(stream)).unwrap();
        assert!(told.starts_with("HTTP/1.1 408 "), "{told}");
    }
    assert!(began.elapsed() >= Duration::from_millis(HURRIED_MS.into()), "too early");
}

#[tokio::test]
async fn who_sends_nothing_or_half_a_head_later_is_closed() {
    let shop = shop(HURRIED_MS);
    let mut idle = connect(&shop);
    idle.write_all(HEAD.as_bytes()).unwrap();
    let mut slow = connect(&shop);
    slow.write_all([HEAD, HALF].concat().as_bytes()).unwrap();
    // The end of a body that nobody reads does not come either.
    let mut unread = connect(&shop);
    let chunked = HEAD.replacen("\r\n\r\n", "\r\nTransfer-Encoding: chunked\r\n\r\nf\r\n{", 1);
    unread.write_all(chunked.as_bytes()).unwrap();
    for stream in [&mut idle, &mut slow, &mut unread] {
        let told = String::from_utf8(until_closed(stream)).unwrap();
        assert_eq!(told.matches("HTTP/1.1 ").count(), 1, "{told}");
        assert!(told.starts_with("HTTP/1.1 200 "), "{told}");
    }
}

#[test]
fn who_sends_half_a_body_is_answered_in_time_and_closed() {
    let mut shop = Shop::new(Engine::Sqlite, &[]).unwrap();
    let file = shop.folder.join("own.toml");
    let settings = include_str!("../../config/default.toml");
    let hurried = "prefix = \"/v1/auth\"\ntimeout_ms = 300\n";
    let settings = settings.replacen("prefix = \"/v1/auth\"\n", hurried, 1);
    assert!(settings.contains(hurried), "the route of the accounts is written otherwise");
    std::fs::write(&file, settings).unwrap();
    shop.set("STOA_CONFIG", file.to_str().unwrap());
    shop.start(&[]);
    let head =
        "POST /v1/auth/login HTTP/1.1\r\nHost: shop.example\r\nContent-Type: application/json";
    let mut stream = connect(&shop);
    let began = Instant::now();
    write!(stream, "{head}\r\nContent-Length: 50\r\n\r\n{{").unwrap();
    let told = String::from_utf8(until_closed(&mut stream)).unwrap();
    assert!(told.starts_with("HTTP/1.1 504 ") && told.contains("\"timeout\""), "{told}");
    assert!(began.elapsed() < ROUTE_TIMEOUT_DEFAULT, "{:?}", began.elapsed());
}

#[tokio::test]
async fn who_does_not_read_the_answers_is_cut_off() {
    let shop = shop(HURRIED_MS);
    let mut stream = connect(&shop);
    // More than the buffers of the two systems hold.
    let ask = format!("GET {LARGE} HTTP/1.1\r\nHost: shop.example\r\n\r\n").repeat(ANSWERS);
    stream.write_all(ask.as_bytes()).unwrap();
    let began = Instant::now();
    let anyone = Customer::anyone(&shop).on_ops(&shop);
    let cut = "http_connections_closed_total{reason=\"slow\"}";
    while !anyone.get("/metrics").await.text.contains(cut) {
        assert!(began.elapsed() < HANGS_AFTER, "it is not cut off");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(Customer::anyone(&shop).get("/v1/products/LAMP-1").await.status, 200);
}

#[tokio::test]
async fn who_reads_slowly_gets_all_answers() {
    let shop = shop(PATIENT_MS);
    let mut stream = connect(&shop);
    // More than the buffers of the two systems hold, and not read within the shop's patience.
    let ask = format!("GET {LARGE} HTTP/1.1\r\nHost: shop.example\r\n\r\n").repeat(ANSWERS);
    stream.write_all(ask.as_bytes()).unwrap();
    let whole = Customer::anyone(&shop).get(LARGE).await.text.len() * ANSWERS;
    let (mut read, mut part) = (0, vec![0; whole / PAUSES]);
    while read < whole {
        std::thread::sleep(PAUSE);
        let end = read + part.len();
        while read < whole.min(end) {
            let length = stream.read(&mut part).unwrap();
            assert!(length > 0, "it is cut off after {read} of {whole} bytes");
            read += length;
        }
    }
}

#[test]
fn who_does_not_begin_the_handshake_is_closed() {
    let shop = running(&Pair::new(), &[("STOA__SERVER__TLS__HANDSHAKE_TIMEOUT_MS", "4000")]);
    let began = Instant::now();
    let mut silent = connect(&shop);
    assert!(until_closed(&mut silent).is_empty());
    assert!(began.elapsed() >= Duration::from_secs(4), "too early");
}
