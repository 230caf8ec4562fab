//! Heads that are no HTTP, or could be read in two ways, byte by byte as they come.

use firewall::Settings;

use crate::support::raw::{Answers, IN_SYNC, NO_HTTP, check};
use crate::support::{Engine, Shop, product};

/// The answer to a head that is as it should be.
const FINE: Answers = &[(200, ""), IN_SYNC];
/// The shop's own answer to a request for no host or for two; the connection goes on.
const REFUSED: Answers = &[(400, "invalid_request"), IN_SYNC];

/// What the parser takes: header fields, and bytes of a head.
const PARSER_FIELDS_MAX: usize = 96;
const PARSER_HEAD_BYTES_MAX: usize = 131_072;
/// What the parser takes of a path, and less.
const PATH_BYTES_MAX: usize = 65_534;
const PATH_BYTES: usize = 9_000;

fn shop() -> Shop {
    Shop::running(Engine::Sqlite, &[product("LAMP-1", "20.00", 5)]).unwrap()
}

/// A request with these lines in its head.
fn get(lines: &str) -> String {
    format!("GET /v1/products/LAMP-1 HTTP/1.1\r\nHost: shop.example\r\n{lines}\r\n")
}

#[test]
fn older_and_other_versions_have_no_chunks() {
    let old = |head: &str, body: &str| format!("POST /v1/auth/login HTTP/1.0\r\n{head}\r\n{body}");
    check(
        &shop(),
        &[
            (
                "chunked in 1.0",
                old("Transfer-Encoding: chunked\r\n", "2\r\n{}\r\n0\r\n\r\n"),
                NO_HTTP,
            ),
            ("1.0 without a length", old("", "{}"), NO_HTTP),
            ("0.9", "GET /v1/products/LAMP-1\r\n".to_owned(), NO_HTTP),
            ("2.0 in the clear", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned(), NO_HTTP),
            (
                "3.0",
                "GET /v1/products/LAMP-1 HTTP/3.0\r\nHost: shop.example\r\n\r\n".to_owned(),
                NO_HTTP,
            ),
            (
                "1.2",
                "GET /v1/products/LAMP-1 HTTP/1.2\r\nHost: shop.example\r\n\r\n".to_owned(),
                NO_HTTP,
            ),
            (
                "in small letters",
                "GET /v1/products/LAMP-1 http/1.1\r\nHost: shop.example\r\n\r\n".to_owned(),
                NO_HTTP,
            ),
            (
                "1.0 as it is",
                "GET /v1/products/LAMP-1 HTTP/1.0\r\n\r\n".to_owned(),
                &[(200, ""), IN_SYNC],
            ),
        ],
    );
}

#[test]
fn lines_end_and_fields_are_what_the_rfc_says() {
    let limit: Answers = &[(403, "blocked"), IN_SYNC];
    // Beside `Host`.
    let many = |count: usize| "X-Any: 1\r\n".repeat(count);
    let long = |length: usize| format!("X-Any: {}\r\n", "a".repeat(length));
    let Settings { max_headers, max_header_bytes, .. } = Settings::default();
    let path = |length: usize| {
        format!("GET /v1/products/{} HTTP/1.1\r\nHost: shop.example\r\n\r\n", "a".repeat(length))
    };
    check(
        &shop(),
        &[
            ("nothing unusual", get("X-Any: 1\r\n"), FINE),
            ("LF for CRLF", "GET /v1/products/LAMP-1 HTTP/1.1\nHost: a\n\n".to_owned(), FINE),
            ("a bare CR in a value", get("X-Any: a\rb\r\n"), NO_HTTP),
            ("a bare CR behind a value", get("X-Any: a\rX-Other: b\r\n"), NO_HTTP),
            ("CR CR LF", get("X-Any: a\r\r\n"), NO_HTTP),
            (
                "a bare CR in the first line",
                "GET /v1\r HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(),
                NO_HTTP,
            ),
            ("a space before the colon", get("X-Any : a\r\n"), NO_HTTP),
            ("a tab before the colon", get("X-Any\t: a\r\n"), NO_HTTP),
            ("a length with a space before the colon", get("Content-Length : 5\r\n"), NO_HTTP),
            ("a folded line", get("X-Any: a\r\n b\r\n"), NO_HTTP),
            ("a line that is folded by a tab", get("X-Any: a\r\n\tb\r\n"), NO_HTTP),
            (
                "a first field that is folded",
                "GET /v1 HTTP/1.1\r\n Host: a\r\n\r\n".to_owned(),
                NO_HTTP,
            ),
            ("a zero byte in a value", get("X-Any: a\0b\r\n"), NO_HTTP),
            ("a control character in a value", get("X-Any: a\u{1}b\r\n"), NO_HTTP),
            ("DEL in a value", get("X-Any: a\u{7f}b\r\n"), NO_HTTP),
            ("a zero byte in a name", get("X-\0: a\r\n"), NO_HTTP),
            ("a control character in a name", get("X-\u{1}: a\r\n"), NO_HTTP),
            ("a name that is not ASCII", get("X-\u{e9}: a\r\n"), NO_HTTP),
            ("a name with a bracket", get("X(: a\r\n"), NO_HTTP),
            ("no name", get(": a\r\n"), NO_HTTP),
            ("no colon", get("X-Any\r\n"), NO_HTTP),
            ("a value that is not ASCII", get("X-Any: \u{e9}\r\n"), FINE),
            (
                "an escape that is none in the path",
                "GET /v1/%zz HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(),
                limit,
            ),
            (
                "a zero byte in the path",
                "GET /v1/\0 HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(),
                NO_HTTP,
            ),
            ("a tab in the first line", "GET\t/v1 HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(), NO_HTTP),
            (
                "two spaces in the first line",
                "GET  /v1 HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(),
                NO_HTTP,
            ),
            ("a space in the path", "GET /v1/a b HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(), NO_HTTP),
            (
                "a fragment in the path",
                "GET /v1/products/LAMP-1#a HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(),
                FINE,
            ),
            ("a method that is none", "G(T /v1 HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(), NO_HTTP),
            (
                "a method nobody knows",
                "BREW /v1/products HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(),
                &[(405, "method_not_allowed"), IN_SYNC],
            ),
            (
                "a method in small letters",
                "get /v1/products HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(),
                &[(405, "method_not_allowed"), IN_SYNC],
            ),
            ("many fields", get(&many(max_headers - 1)), FINE),
            ("too many fields", get(&many(max_headers)), limit),
            ("far too many fields", get(&many(PARSER_FIELDS_MAX)), &[(431, "")]),
            ("a long field", get(&long(max_header_bytes)), FINE),
            ("too long a field", get(&long(max_header_bytes + 1)), limit),
            (
                "a head that does not end",
                get(&format!("X-Any: {}", "a".repeat(PARSER_HEAD_BYTES_MAX))),
                &[(431, "")],
            ),
            ("too long a path", path(PATH_BYTES_MAX), NO_HTTP),
            ("a long path", path(PATH_BYTES), &[(404, "not_found"), IN_SYNC]),
        ],
    );
}

#[test]
fn a_request_is_for_one_host() {
    let host = |lines: &str| format!("GET /v1/products/LAMP-1 HTTP/1.1\r\n{lines}\r\n");
    let target =
        |target: &str, host: &str| format!("GET {target} HTTP/1.1\r\nHost: {host}\r\n\r\n");
    let lamp = "http://shop.example/v1/products/LAMP-1";
    check(
        &shop(),
        &[
            ("one", host("Host: shop.example:8443\r\n"), FINE),
            ("an address", host("Host: [::1]:8080\r\n"), FINE),
            ("none", host(""), NO_HTTP),
            ("two", host("Host: shop.example\r\nHost: shop.example\r\n"), NO_HTTP),
            ("empty", host("Host:\r\n"), REFUSED),
            ("a path", host("Host: shop.example/evil\r\n"), REFUSED),
            ("user information", host("Host: shop.example@evil.example\r\n"), REFUSED),
            ("a list", host("Host: shop.example, evil.example\r\n"), REFUSED),
            ("a space", host("Host: shop.example evil.example\r\n"), REFUSED),
            ("a port that is none", host("Host: shop.example:80evil\r\n"), REFUSED),
            ("a query", host("Host: shop.example?evil\r\n"), REFUSED),
            ("an origin", host("Host: http://shop.example\r\n"), REFUSED),
            ("not ASCII", host("Host: sh\u{f6}p.example\r\n"), REFUSED),
            ("the same in the target", target(lamp, "SHOP.example"), FINE),
            ("another one in the target", target(lamp, "evil.example"), REFUSED),
            (
                "user information in the target",
                target("http://shop.example@evil.example/v1", "evil.example"),
                REFUSED,
            ),
            ("another scheme", target("ftp://shop.example/v1", "shop.example"), REFUSED),
            (
                "all of it",
                "OPTIONS * HTTP/1.1\r\nHost: shop.example\r\n\r\n".to_owned(),
                &[(404, "not_found"), IN_SYNC],
            ),
        ],
    );
}
