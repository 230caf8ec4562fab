//! Clients that do over an encrypted connection what no honest client does.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use h2::client::{Builder, SendRequest};
use h2::{Error, Reason};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::support::{Customer, Shop, WAIT_MAX};
use crate::tls::{Pair, running, until_shown};

/// Longer than a server takes part in a flood.
const FLOOD: usize = 20_000;
/// So many requests are taken back, over as many connections as it takes.
const TAKEN_BACK_MIN: usize = 1_000;
/// Frames of CONTINUATION hold one field of so many bytes each; `\x7f\x81\x7c` is that length (RFC 7541,
/// section 5.1).
const FIELD_BYTES: usize = 16_000;
/// Far more header fields than a request may have.
const FIELDS: usize = 2_000;

/// A client that trusts one certificate and speaks one protocol.
pub fn pinned(
    pair: &Pair,
    versions: &[&'static SupportedProtocolVersion],
    protocol: &[u8],
) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(pair.certificate.as_bytes()).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider);
    let config = config.with_protocol_versions(versions).unwrap();
    let mut config = config.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![protocol.to_vec()];
    config
}

/// A connection to the shop.
pub async fn connect(shop: &Shop, config: ClientConfig) -> TlsStream<TcpStream> {
    let at: SocketAddr = shop.base.trim_start_matches("https://").parse().unwrap();
    let stream = TcpStream::connect(at).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    TlsConnector::from(Arc::new(config)).connect(name, stream).await.unwrap()
}

async fn http2(shop: &Shop, pair: &Pair, builder: &Builder) -> SendRequest<Bytes> {
    let stream = connect(shop, pinned(pair, &[&rustls::version::TLS13], b"h2")).await;
    let (client, connection) = builder.handshake(stream).await.unwrap();
    tokio::spawn(connection);
    client
}

/// Asks for the lamp, with more fields.
fn lamp(fields: &[(&str, &str)]) -> http::Request<()> {
    let request = http::Request::get("https://shop.example/v1/products/LAMP-1");
    let add = |request: http::request::Builder, (name, value): &(&str, &str)| {
        request.header(*name, *value)
    };
    fields.iter().fold(request, add).body(()).unwrap()
}

/// The status and the code of an answer.
async fn answer(client: &mut SendRequest<Bytes>, request: http::Request<()>) -> (u16, String) {
    let (answer, _) = client.send_request(request, true).unwrap();
    let answer = answer.await.unwrap();
    let status = answer.status().as_u16();
    let (mut body, mut all) = (answer.into_body(), Vec::new());
    while let Some(part) = body.data().await {
        let part = part.unwrap();
        body.flow_control().release_capacity(part.len()).unwrap();
        all.extend_from_slice(&part);
    }
    let body: serde_json::Value = serde_json::from_slice(&all).unwrap();
    (status, body["code"].as_str().unwrap_or_default().to_owned())
}

/// Others are served, whatever somebody did before.
async fn serves_others(shop: &mut Shop, pair: &Pair) {
    // A thread that works a flood off may not come to a handshake in time.
    until_shown(shop, pair).await;
    assert!(!shop.has_died());
}

#[tokio::test]
async fn a_request_over_http2_is_one_request_for_one_host() {
    let pair = Pair::new();
    let mut shop = running(&pair, &[]);
    let mut client = http2(&shop, &pair, &Builder::new()).await;
    let refused = (400, "invalid_request".to_owned());
    let mut asked = async |fields: &[(&str, &str)]| answer(&mut client, lamp(fields)).await;
    assert_eq!(asked(&[("host", "shop.example")]).await.0, 200);
    assert_eq!(asked(&[("host", "evil.example")]).await, refused);
    assert_eq!(asked(&[("host", "shop.example"), ("host", "shop.example")]).await, refused);
    assert_eq!(asked(&[("host", "shop.example/evil")]).await, refused);

    // The length that a request tells is that of its body (RFC 9113, section 8.1.1).
    let login = http::Request::post("https://shop.example/v1/auth/login");
    let login = login.header("content-type", "application/json").header("content-length", "50");
    let (answer, mut body) = client.send_request(login.body(()).unwrap(), false).unwrap();
    body.send_data(Bytes::from_static(b"{}"), true).unwrap();
    assert_eq!(answer.await.unwrap_err().reason(), Some(Reason::PROTOCOL_ERROR));
    serves_others(&mut shop, &pair).await;
}

/// The kind of the frame that answers a request with these fields, which are sent as they are (RFC 7541,
/// section 6.2.2: not indexed, with a new name).
async fn answered_by(shop: &Shop, pair: &Pair, fields: &[(&str, &str)]) -> u8 {
    let mut stream = connect(shop, pinned(pair, &[&rustls::version::TLS13], b"h2")).await;
    let mut block = Vec::new();
    let own = [(":method", "GET"), (":scheme", "https"), (":path", "/v1/products/LAMP-1")];
    for (name, value) in own.iter().chain(fields) {
        block.push(0);
        for text in [name, value] {
            block.push(u8::try_from(text.len()).unwrap());
            block.extend_from_slice(text.as_bytes());
        }
    }
    let length = u8::try_from(block.len()).unwrap();
    // The preface, empty settings, and HEADERS of stream 1 that end both themselves and the stream.
    let begin = [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", &[0, 0, 0, 4, 0, 0, 0, 0, 0][..]].concat();
    let request = [&begin[..], &[0, 0, length, 1, 5, 0, 0, 0, 1], &block].concat();
    stream.write_all(&request).await.unwrap();
    loop {
        let mut head = [0; 9];
        stream.read_exact(&mut head).await.unwrap();
        let length = usize::from(u16::from_be_bytes([head[1], head[2]]));
        stream.read_exact(&mut vec![0; length]).await.unwrap();
        if matches!(head[3], HEADERS | RST_STREAM | GOAWAY) {
            return head[3];
        }
    }
}

/// Why a connection was cut off, by the frames that came of it.
fn reason(mut told: &[u8]) -> Option<Reason> {
    while let [_, high, low, kind, _, _, _, _, _, rest @ ..] = told {
        let (frame, next) = rest.split_at(usize::from(u16::from_be_bytes([*high, *low])));
        if *kind == GOAWAY {
            // Behind the number of the last stream.
            return Some(u32::from_be_bytes(frame[4..8].try_into().unwrap()).into());
        }
        told = next;
    }
    None
}

const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const GOAWAY: u8 = 7;

#[tokio::test]
async fn fields_that_another_version_could_read_differently_are_refused() {
    let pair = Pair::new();
    let mut shop = running(&pair, &[]);
    let host = (":authority", "shop.example");
    assert_eq!(answered_by(&shop, &pair, &[host, ("x-any", "1")]).await, HEADERS);
    // Not a length without a body: the server takes it for none, and there is nobody it would tell of it.
    for field in [
        ("transfer-encoding", "chunked"),
        ("connection", "close"),
        ("upgrade", "h2c"),
        ("te", "gzip"),
        ("X-Any", "1"),
        ("x any", "1"),
        ("x-any:", "1"),
        ("x-any", "1\r\nTransfer-Encoding: chunked"),
        ("x-any", "1\0"),
        ("content-length", "-1"),
        (":path", "/v1/cart"),
        (":unknown", "1"),
    ] {
        let frame = answered_by(&shop, &pair, &[host, field]).await;
        assert!(matches!(frame, RST_STREAM | GOAWAY), "{field:?}: {frame}");
    }
    serves_others(&mut shop, &pair).await;
}

#[tokio::test]
async fn a_flood_of_header_fields_is_refused() {
    let pair = Pair::new();
    let mut shop = running(&pair, &[]);
    let mut client = http2(&shop, &pair, &Builder::new()).await;
    let blocked = (403, "blocked".to_owned());
    let long = "a".repeat(firewall::Settings::default().max_header_bytes + 1);
    assert_eq!(answer(&mut client, lamp(&[("x-any", &long)])).await, blocked);
    let names: Vec<String> = (0..FIELDS).map(|n| format!("x-{n}")).collect();
    let many: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "1")).collect();
    assert_eq!(answer(&mut client, lamp(&many)).await, blocked);

    // A block of fields that never ends: HEADERS without END_HEADERS, then CONTINUATION.
    let mut stream = connect(&shop, pinned(&pair, &[&rustls::version::TLS13], b"h2")).await;
    stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await.unwrap();
    stream.write_all(b"\0\0\x01\x01\0\0\0\0\x01\x82").await.unwrap();
    // A field that is not to be indexed, with a name of one letter.
    let field = [&b"\0\x01a\x7f\x81\x7c"[..], &[b'a'; FIELD_BYTES]].concat();
    let mut frame = vec![0, 0, 0, 9, 0, 0, 0, 0, 1];
    let length = u16::try_from(field.len()).unwrap().to_be_bytes();
    frame[1..3].copy_from_slice(&length);
    frame.extend_from_slice(&field);
    let (mut reader, mut writer) = tokio::io::split(stream);
    let flood = tokio::spawn(async move {
        for sent in 0..FLOOD {
            if writer.write_all(&frame).await.is_err() {
                return sent;
            }
        }
        FLOOD
    });
    let mut told = Vec::new();
    let _ = tokio::time::timeout(WAIT_MAX, reader.read_to_end(&mut told)).await.unwrap();
    let sent = flood.await.unwrap();
    assert!((1..FLOOD).contains(&sent), "the connection is cut off after {sent} frames");
    assert_eq!(reason(&told), Some(Reason::ENHANCE_YOUR_CALM), "{told:?}");
    serves_others(&mut shop, &pair).await;
}

/// Sends a request and takes it back.
async fn take_back(client: SendRequest<Bytes>) -> Result<SendRequest<Bytes>, Error> {
    let mut ready = client.ready().await?;
    let (_, mut body) = ready.send_request(lamp(&[]), true)?;
    // The connection sends it now; what was not sent yet would only be forgotten.
    tokio::task::yield_now().await;
    body.send_reset(Reason::CANCEL);
    Ok(ready)
}

#[tokio::test]
async fn a_flood_of_requests_that_are_taken_back_is_survived() {
    let pair = Pair::new();
    let mut shop = running(&pair, &[]);
    let (mut turns, mut told_why) = (0, false);
    let flood = async {
        while turns < TAKEN_BACK_MIN || !told_why {
            let mut client = http2(&shop, &pair, &Builder::new()).await;
            let cut = loop {
                turns += 1;
                client = match take_back(client).await {
                    Ok(client) => client,
                    Err(cut) => break cut,
                };
            };
            // A client that still writes may see no more than that the connection is gone.
            let is_told = cut.reason() == Some(Reason::ENHANCE_YOUR_CALM);
            assert!(is_told || cut.is_io(), "{cut:?}");
            told_why |= is_told;
        }
    };
    let cut_off = tokio::time::timeout(WAIT_MAX, flood).await;
    assert!(cut_off.is_ok() && told_why, "no connection is cut off and told why");
    serves_others(&mut shop, &pair).await;
}

#[tokio::test]
async fn who_asks_for_ever_more_and_reads_nothing_is_cut_off() {
    let pair = Pair::new();
    let mut shop = running(&pair, &[("STOA__SERVER__STREAMS_MAX", "20")]);
    let mut client = http2(&shop, &pair, Builder::new().initial_window_size(0)).await;
    let mut held = Vec::new();
    for _ in 0..20 {
        client = client.ready().await.unwrap();
        let (answer, _) = client.send_request(lamp(&[]), true).unwrap();
        held.push(answer.await.unwrap());
    }
    client = client.ready().await.unwrap();
    let (more, _) = client.send_request(lamp(&[]), true).unwrap();
    let cut: Result<_, Error> = more.await;
    assert!(cut.is_err(), "{cut:?}");
    let mut body = held.pop().unwrap().into_body();
    assert!(body.data().await.is_none_or(|part| part.is_err()), "all of it is cut off");
    let figures = Customer::anyone(&shop).on_ops(&shop).get("/metrics").await.text;
    let closed = "http_connections_closed_total{reason=\"streams\"} 1";
    assert!(figures.contains(closed), "{figures}");
    serves_others(&mut shop, &pair).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shop_that_stops_does_not_wait_for_a_connection_that_stands_idle() {
    let pair = Pair::new();
    // Longer than a test may take.
    let mut shop = running(&pair, &[("STOA__SERVER__STOP_WAIT_S", "3600")]);
    let mut client = http2(&shop, &pair, &Builder::new()).await;
    assert_eq!(answer(&mut client, lamp(&[])).await.0, 200);
    let silent = http2(&shop, &pair, &Builder::new()).await;
    tokio::task::block_in_place(|| shop.stop());
    for mut client in [client, silent] {
        let closed = async {
            while let Ok(open) = client.ready().await {
                client = open;
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(WAIT_MAX, closed).await.unwrap();
    }
}
