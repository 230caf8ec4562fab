use actix_web::dev::ServerHandle;
use actix_web::{App, HttpServer, web};
use kernel::Problem;
use platform::http::{Answer, BODY_MAX, Body, OptionalKey, PROBLEM_JSON, Params, RequiredKey, ok};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Order {
    lines: Vec<Line>,
    note: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    quantity: i64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Page {
    limit: Option<u32>,
    #[serde(default)]
    q: String,
}

async fn place(body: Body<Order>) -> Answer {
    ok(&body.value.lines.len())
}

async fn page(page: Params<Page>) -> Answer {
    assert!(page.0.q.is_empty());
    ok(&page.0.limit)
}

async fn required(key: RequiredKey) -> Answer {
    ok(&key.0)
}

async fn optional(key: OptionalKey) -> Answer {
    ok(&key.0)
}

struct Server {
    port: u16,
    handle: ServerHandle,
}

impl Server {
    fn start() -> Self {
        let app = || {
            App::new()
                .route("/orders", web::post().to(place))
                .route("/page", web::get().to(page))
                .route("/required", web::get().to(required))
                .route("/optional", web::get().to(optional))
        };
        let server =
            HttpServer::new(app).workers(1).disable_signals().bind(("127.0.0.1", 0)).unwrap();
        let port = server.addrs()[0].port();
        let server = server.run();
        let handle = server.handle();
        tokio::spawn(server);
        Self { port, handle }
    }

    /// Sends bytes as they are; the status, the head and the body of the answer.
    async fn send(&self, request: &[u8]) -> (u16, String, String) {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).await.unwrap();
        // A server that has seen enough may close before it has read everything.
        let _ = stream.write_all(request).await;
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        let answer = String::from_utf8(answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        (status, head.to_ascii_lowercase(), body.to_owned())
    }

    async fn post(&self, kind: &str, body: &[u8]) -> (u16, String, String) {
        let mut request = format!(
            "POST /orders HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: {kind}\r\n\
             content-length: {}\r\n\r\n",
            body.len()
        )
        .into_bytes();
        request.extend_from_slice(body);
        self.send(&request).await
    }

    async fn get(&self, path: &str, header: &str) -> (u16, String, String) {
        let request =
            format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{header}\r\n");
        self.send(request.as_bytes()).await
    }
}

/// The answer is a problem of this status; the code and the field it names.
fn problem((status, head, body): (u16, String, String), expected: u16) -> (String, String) {
    assert_eq!(status, expected, "{head} {body}");
    assert!(head.contains(&format!("content-type: {PROBLEM_JSON}")), "{head}");
    let problem: Problem = serde_json::from_str(&body).unwrap();
    assert_eq!(problem.status, expected);
    assert!(!problem.detail.is_empty());
    let field = problem.errors.first().map(|error| error.field.clone());
    (problem.code, field.unwrap_or_default())
}

#[actix_web::test]
async fn bodies_are_read_or_refused_by_name() {
    let server = Server::start();
    let json = "application/json; charset=utf-8";
    let good = br#"{"lines":[{"quantity":1}]}"#;
    assert_eq!(server.post(json, good).await.0, 200);
    assert_eq!(server.post("application/merge-patch+json", good).await.0, 200);
    for kind in ["text/plain", "application/x-www-form-urlencoded", "", "application/jsonx"] {
        let (code, _) = problem(server.post(kind, good).await, 415);
        assert_eq!(code, "unsupported_media_type");
    }
    let cases = [
        (r#"{"lines":[{"quantity":"x"}]}"#, "lines[0].quantity"),
        (r#"{"lines":[{"quantity":1},{"quantity":1.5}]}"#, "lines[1].quantity"),
        (r#"{"lines":[{"quantity":1,"price":2}]}"#, "lines[0].price"),
        (r#"{"lines":[{}]}"#, "lines[0].quantity"),
        (r#"{"lines":[],"total":1}"#, "total"),
        ("{}", "lines"),
        (r#"{"lines":{}}"#, "lines"),
        (r#"{"lines":[],"note":"a\u0000b"}"#, "note"),
    ];
    for (body, field) in cases {
        let refused = problem(server.post(json, body.as_bytes()).await, 422);
        assert_eq!(refused, ("invalid_value".to_owned(), field.to_owned()), "{body}");
    }
    let deep = format!("{{\"lines\":{}1{}}}", "[".repeat(100_000), "]".repeat(100_000));
    for body in ["", "{", "nonsense", r#"{"lines":[]} {}"#, "\u{feff}{}"] {
        assert_eq!(problem(server.post(json, body.as_bytes()).await, 400).0, "invalid_request");
    }
    assert_eq!(
        problem(server.post(json, b"{\"note\":\"\xff\xfe\"}").await, 400).0,
        "invalid_request"
    );
    let (status, _, _) = server.post(json, deep.as_bytes()).await;
    assert!(status == 400 || status == 422, "{status}");
    assert_eq!(server.post(json, br#"{"lines":[],"note":"\\u0000"}"#).await.0, 200);
    server.handle.stop(false).await;
}

#[actix_web::test]
async fn a_body_has_a_largest_size() {
    let server = Server::start();
    let note = |size: usize| {
        let rest = r#"{"lines":[],"note":""}"#.len();
        format!(r#"{{"lines":[],"note":"{}"}}"#, "x".repeat(size - rest))
    };
    let json = "application/json";
    assert_eq!(server.post(json, note(BODY_MAX).as_bytes()).await.0, 200);
    let refused = problem(server.post(json, note(BODY_MAX + 1).as_bytes()).await, 413);
    assert_eq!(refused.0, "body_too_large");
    // In pieces, without a length that could be looked at first.
    let mut request = b"POST /orders HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\
        content-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n"
        .to_vec();
    for _ in 0..20 {
        request.extend_from_slice(b"10000\r\n");
        request.extend(std::iter::repeat_n(b' ', 0x10000));
        request.extend_from_slice(b"\r\n");
    }
    request.extend_from_slice(b"0\r\n\r\n");
    assert_eq!(problem(server.send(&request).await, 413).0, "body_too_large");
    server.handle.stop(false).await;
}

#[actix_web::test]
async fn parameters_and_keys_are_read_or_refused_by_name() {
    let server = Server::start();
    assert_eq!(server.get("/page?limit=5", "").await.2, "5");
    assert_eq!(server.get("/page", "").await.2, "null");
    for (query, field) in [("limit=x", "limit"), ("colour=red", "colour"), ("q=a%00", "q")] {
        assert_eq!(problem(server.get(&format!("/page?{query}"), "").await, 422).1, field);
    }
    let missing = problem(server.get("/required", "").await, 400);
    assert_eq!(missing.0, "idempotency_key_required");
    assert_eq!(server.get("/required", "idempotency-key: a-1\r\n").await.2, "\"a-1\"");
    assert_eq!(server.get("/optional", "").await.2, "null");
    let longest = "k".repeat(255);
    let header = format!("idempotency-key: {longest}\r\n");
    assert_eq!(server.get("/optional", &header).await.0, 200);
    for value in [" ".to_owned(), "ü".to_owned(), format!("{longest}k")] {
        for path in ["/required", "/optional"] {
            let header = format!("idempotency-key: {value}\r\n");
            let refused = problem(server.get(path, &header).await, 400);
            assert_eq!(refused, ("invalid_request".to_owned(), "Idempotency-Key".to_owned()));
        }
    }
    server.handle.stop(false).await;
}
