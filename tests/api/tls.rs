//! The shop over TLS of its own: both versions of HTTP, certificates that change while it runs.

use std::process::Output;
use std::time::{Duration, Instant};

use rcgen::{CertificateParams, KeyPair, date_time_ymd};
use reqwest::{Certificate, Client, ClientBuilder, Version};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::encrypted::{connect, pinned};
use crate::support::{Customer, Engine, Shop, WAIT_MAX, product};

/// A certificate of its own for this machine, and its key.
pub struct Pair {
    pub certificate: String,
    key: String,
}

impl Pair {
    pub fn new() -> Self {
        Self::until(2100, 1, 1)
    }

    fn until(year: i32, month: u8, day: u8) -> Self {
        let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
        let mut parameters = CertificateParams::new(names).unwrap();
        parameters.not_after = date_time_ymd(year, month, day);
        let key = KeyPair::generate().unwrap();
        let certificate = parameters.self_signed(&key).unwrap().pem();
        Self { certificate, key: key.serialize_pem() }
    }

    /// Puts the pair where the shop looks for it.
    fn write(&self, shop: &Shop) {
        std::fs::write(shop.folder.join("key.pem"), &self.key).unwrap();
        std::fs::write(shop.folder.join("certificate.pem"), &self.certificate).unwrap();
    }

    /// A client that trusts this certificate and no other one.
    fn trusted(&self) -> ClientBuilder {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let certificate = Certificate::from_pem(self.certificate.as_bytes()).unwrap();
        Client::builder().timeout(WAIT_MAX).tls_certs_only([certificate])
    }
}

/// A shop that will speak TLS with this pair.
fn with(pair: &Pair) -> Shop {
    let mut shop = Shop::new(Engine::Sqlite, &[product("LAMP-1", "20.00", 5)]).unwrap();
    pair.write(&shop);
    let file = |name: &str| shop.folder.join(name).display().to_string();
    let (certificate, key) = (file("certificate.pem"), file("key.pem"));
    shop.set("STOA__SERVER__TLS__CERTIFICATE", &certificate);
    shop.set("STOA__SERVER__TLS__KEY", &key);
    shop.set("STOA__SERVER__TLS__POLL_MS", "100");
    shop.set("STOA__SERVER__TLS__HANDSHAKE_TIMEOUT_MS", "30000");
    shop
}

pub fn running(pair: &Pair, variables: &[(&str, &str)]) -> Shop {
    let mut shop = with(pair);
    shop.start(variables);
    shop
}

/// Asks until a client that trusts only this certificate is answered.
pub async fn until_shown(shop: &Shop, pair: &Pair) {
    let began = Instant::now();
    loop {
        // Each has connections of its own.
        let client = pair.trusted().build().unwrap();
        let answer = client.get(format!("{}/v1/products", shop.base)).send().await;
        if answer.is_ok_and(|answer| answer.status() == 200) {
            return;
        }
        assert!(began.elapsed() < WAIT_MAX, "{}", shop.log());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn until_logged(shop: &Shop, text: &str) {
    let began = Instant::now();
    while !shop.log().contains(text) {
        assert!(began.elapsed() < WAIT_MAX, "no {text:?}: {}", shop.log());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn both_versions_of_http_are_spoken_and_browsers_are_kept_on_them() {
    let pair = Pair::new();
    let shop = running(&pair, &[]);
    assert!(shop.base.starts_with("https://"), "{}", shop.base);
    let clients = [
        (pair.trusted().build().unwrap(), Version::HTTP_2),
        (pair.trusted().http1_only().build().unwrap(), Version::HTTP_11),
    ];
    for (client, version) in clients {
        let answer = client.get(format!("{}/v1/products/LAMP-1", shop.base)).send().await.unwrap();
        assert_eq!((answer.status().as_u16(), answer.version()), (200, version));
        let told = &answer.headers()["strict-transport-security"];
        assert_eq!(told, "max-age=63072000; includeSubDomains");

        let head = client.head(format!("{}/v1/products/LAMP-1", shop.base)).send().await.unwrap();
        assert_eq!((head.status().as_u16(), head.version()), (200, version));
        assert_eq!(head.headers()["content-length"], answer.headers()["content-length"]);
        assert_eq!(head.text().await.unwrap(), "");

        // On this machine too: what a browser was given over TLS it sends over nothing else. What a
        // header says of the connection does not count.
        let guest = client.post(format!("{}/v1/auth/guest", shop.base)).json(&json!({}));
        let guest = guest.header("x-forwarded-proto", "http").send().await.unwrap();
        assert_eq!((guest.status().as_u16(), guest.version()), (201, version));
        let mut cookies = guest.headers().get_all("set-cookie").iter();
        let cookie = cookies.find(|cookie| cookie.as_bytes().starts_with(b"__Host-stoa_session="));
        let cookie = cookie.unwrap_or_else(|| panic!("{guest:?}")).to_str().unwrap();
        assert!(cookie.contains("; Secure") && cookie.contains("; HttpOnly"), "{cookie}");
        let sent = cookie.split(';').next().unwrap();
        let me = client.get(format!("{}/v1/auth/me", shop.base)).header("cookie", sent);
        assert_eq!(me.send().await.unwrap().status(), 200, "the cookie is taken back");
    }
}

#[tokio::test]
async fn a_changed_certificate_is_shown_to_new_connections_and_keeps_the_old_ones() {
    let (first, second) = (Pair::new(), Pair::new());
    let shop = running(&first, &[]);
    let mut old = connect(&shop, pinned(&first, &[&rustls::version::TLS13], b"http/1.1")).await;
    let ask = b"GET /v1/products/LAMP-1 HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let mut part = [0; 8192];
    old.write_all(ask).await.unwrap();
    assert!(old.read(&mut part).await.unwrap() > 0);

    second.write(&shop);
    until_shown(&shop, &second).await;
    old.write_all(ask).await.unwrap();
    let length = old.read(&mut part).await.unwrap();
    assert!(part[..length].starts_with(b"HTTP/1.1 200"), "the old connection goes on");
    let strangers = first.trusted().build().unwrap().get(format!("{}/v1/products", shop.base));
    assert!(strangers.send().await.is_err(), "the first certificate is not shown any more");

    // A key of another certificate, half a certificate, none: the second one stays.
    let third = Pair::new();
    let certificate = shop.folder.join("certificate.pem");
    for (written, complaint) in [
        (third.certificate.as_str(), "is not that of the certificate"),
        (&third.certificate[..200], "section end"),
        ("", "no items found"),
    ] {
        std::fs::write(&certificate, written).unwrap();
        until_logged(&shop, complaint).await;
        until_shown(&shop, &second).await;
    }
    std::fs::remove_file(&certificate).unwrap();
    until_logged(&shop, "No such file").await;
    until_shown(&shop, &second).await;
    third.write(&shop);
    until_shown(&shop, &third).await;
}

#[tokio::test]
async fn only_tls_1_2_and_1_3_are_spoken() {
    let pair = Pair::new();
    let shop = running(&pair, &[]);
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let stream = connect(&shop, pinned(&pair, &[version], b"http/1.1")).await;
        assert_eq!(stream.get_ref().1.protocol_version(), Some(version.version));
    }
    let at = shop.base.trim_start_matches("https://");
    let mut old = TcpStream::connect(at).await.unwrap();
    old.write_all(&client_hello(0x02)).await.unwrap();
    let mut alert = Vec::new();
    let _ = old.read_to_end(&mut alert).await;
    // A fatal alert: protocol_version (RFC 8446, section 6.2).
    assert_eq!(alert.get(5..), Some(&[2, 70][..]), "{alert:?}");

    let mut plain = TcpStream::connect(at).await.unwrap();
    plain.write_all(b"GET /v1/products HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    let mut told = Vec::new();
    let _ = plain.read_to_end(&mut told).await;
    assert!(!told.starts_with(b"HTTP") && told.len() < 16, "{told:?}");
    until_shown(&shop, &pair).await;
}

/// What a client of TLS 1.`minor - 1` begins with (RFC 4346, section 7.4.1.2), with the extensions that
/// TLS 1.2 asks for.
fn client_hello(minor: u8) -> Vec<u8> {
    let groups = [0, 10, 0, 4, 0, 2, 0, 23];
    let points = [0, 11, 0, 2, 1, 0];
    let signatures = [0, 13, 0, 4, 0, 2, 4, 3];
    let extensions = [&groups[..], &points, &signatures].concat();
    let extensions_length = u8::try_from(extensions.len()).unwrap();
    // Random bytes, no session, one cipher, no compression.
    let rest = [&[7; 32][..], &[0, 0, 2, 0xc0, 0x09, 1, 0, 0, extensions_length]].concat();
    let hello = [&[3, minor][..], &rest, &extensions].concat();
    let length = u8::try_from(hello.len()).unwrap();
    [&[22, 3, 1, 0, length + 4, 1, 0, 0, length][..], &hello].concat()
}

#[tokio::test]
async fn plain_http_is_led_to_the_encrypted_side() {
    let pair = Pair::new();
    let mut shop = with(&pair);
    shop.set("STOA__SERVER__TLS__REDIRECT_LISTEN", "127.0.0.1:0");
    shop.set("STOA__SERVER__TLS__REDIRECT_TO", "https://shop.example");
    shop.start(&[]);
    let plain = shop.redirect.clone();
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    for method in ["GET", "HEAD"] {
        let ask = client.request(method.parse().unwrap(), format!("{plain}/v1/products?q=a"));
        let led = ask.header("host", "evil.example").send().await.unwrap();
        assert_eq!(led.status(), 308, "{method}");
        assert_eq!(led.headers()["location"], "https://shop.example/v1/products?q=a");
    }
    let refused = client.post(format!("{plain}/v1/auth/login")).json(&json!({})).send().await;
    assert_eq!(refused.unwrap().status(), 405, "a password is not led on");
    shop.stop();
    shop.set("STOA__SERVER__TLS__REDIRECT_TO", "http://shop.example");
    refuses_the_start(&shop, "server.tls.redirect_to");
}

fn refuses_the_start(shop: &Shop, complaint: &str) {
    let Output { status, stderr, .. } = shop.run(&["serve"]);
    let said = String::from_utf8(stderr).unwrap();
    assert!(!status.success() && said.contains(complaint), "{complaint}: {said}");
}

#[test]
fn a_pair_that_is_none_refuses_the_start() {
    let mut shop = with(&Pair::new());
    let certificate = shop.folder.join("certificate.pem");
    std::fs::write(&certificate, Pair::new().certificate).unwrap();
    refuses_the_start(&shop, "is not that of the certificate in");
    std::fs::write(&certificate, "no certificate").unwrap();
    refuses_the_start(&shop, "certificate.pem: no items found");
    std::fs::remove_file(&certificate).unwrap();
    refuses_the_start(&shop, "certificate.pem: I/O error: No such file");
    let key = shop.folder.join("key.pem").display().to_string();
    shop.set("STOA__SERVER__TLS__CERTIFICATE", "");
    refuses_the_start(&shop, "certificate and key belong together, and certificate is empty");
    shop.set("STOA__SERVER__TLS__CERTIFICATE", &key);
    shop.set("STOA__SERVER__TLS__KEY", "");
    refuses_the_start(&shop, "certificate and key belong together, and key is empty");
}

#[tokio::test]
async fn a_certificate_that_has_ended_is_warned_of() {
    let ended = Pair::until(2020, 1, 1);
    let mut shop = running(&ended, &[]);
    until_logged(&shop, "the certificate ends soon, or has ended").await;
    let figures = Customer::anyone(&shop).on_ops(&shop).get("/metrics").await.text;
    let left = figures.lines().find_map(|line| line.strip_prefix("tls_certificate_seconds_left "));
    let left: f64 = left.unwrap().parse().unwrap();
    assert!(left < 0.0, "{left}");
    let fresh = Pair::new();
    fresh.write(&shop);
    until_shown(&shop, &fresh).await;
    shop.stop();
    assert_eq!(shop.log().matches("the certificate ends soon").count(), 1, "{}", shop.log());
}
