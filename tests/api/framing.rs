//! Bodies whose end two readers could find at different places, byte by byte as they come: how each is
//! answered, and that nothing hidden in one of them is ever taken for a request.

use std::io::Write;
use std::net::Shutdown;

use crate::support::raw::{
    Answers, IN_SYNC, NO_HTTP, check, check_or_closed, connect, until_closed,
};
use crate::support::{Engine, Shop, product};

/// A request within a request; the answer would be 200.
const HIDDEN: &str = "GET /v1/products HTTP/1.1\r\nHost: shop.example\r\n\r\n";
/// A body that was read, and found to name neither an address nor a password.
const FINE: Answers = &[(422, "invalid_value"), IN_SYNC];

fn shop() -> Shop {
    Shop::running(Engine::Sqlite, &[product("LAMP-1", "20.00", 5)]).unwrap()
}

/// A request with a body, whose length these lines tell.
fn post(lines: &str, body: &str) -> String {
    let head =
        "POST /v1/auth/login HTTP/1.1\r\nHost: shop.example\r\nContent-Type: application/json\r\n";
    format!("{head}{lines}\r\n{body}")
}

#[test]
fn a_body_has_one_length() {
    let chunked = |lines: &str| post(&format!("{lines}\r\n"), "2\r\n{}\r\n0\r\n\r\n");
    let sized = |lines: &str| post(&format!("{lines}\r\n"), "{}");
    check(
        &shop(),
        &[
            ("a length", sized("Content-Length: 2"), FINE),
            ("chunked", chunked("Transfer-Encoding: chunked"), FINE),
            ("chunked in capitals", chunked("Transfer-Encoding: CHUNKED"), FINE),
            ("spaces around it", chunked("Transfer-Encoding: \t chunked \t"), FINE),
            ("both", chunked("Content-Length: 2\r\nTransfer-Encoding: chunked"), NO_HTTP),
            (
                "both, the other way round",
                chunked("Transfer-Encoding: chunked\r\nContent-Length: 2"),
                NO_HTTP,
            ),
            (
                "both, and no length",
                chunked("Content-Length: 0\r\nTransfer-Encoding: chunked"),
                NO_HTTP,
            ),
            ("two that are equal", sized("Content-Length: 2\r\nContent-Length: 2"), NO_HTTP),
            ("two that differ", sized("Content-Length: 2\r\nContent-Length: 0"), NO_HTTP),
            ("a list", sized("Content-Length: 2, 2"), NO_HTTP),
            ("a sign", sized("Content-Length: +2"), NO_HTTP),
            ("a negative one", sized("Content-Length: -2"), NO_HTTP),
            ("hexadecimal", sized("Content-Length: 0x2"), NO_HTTP),
            ("a fraction", sized("Content-Length: 2.0"), NO_HTTP),
            ("a space in it", sized("Content-Length: 2 2"), NO_HTTP),
            ("nothing", sized("Content-Length:"), NO_HTTP),
            ("a word", sized("Content-Length: two"), NO_HTTP),
            ("quoted", sized("Content-Length: \"2\""), NO_HTTP),
            ("other digits", sized("Content-Length: \u{662}"), NO_HTTP),
            ("more than 64 bits", sized("Content-Length: 18446744073709551616"), NO_HTTP),
            ("64 bits", sized("Content-Length: 18446744073709551615"), &[(403, "blocked")]),
            (
                "more than the route takes",
                sized("Content-Length: 999999999999"),
                &[(413, "body_too_large")],
            ),
            ("leading zeros", sized("Content-Length: 0002"), FINE),
            ("chunked twice", chunked("Transfer-Encoding: chunked, chunked"), NO_HTTP),
            (
                "chunked in two fields",
                chunked("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked"),
                NO_HTTP,
            ),
            (
                "hidden in a second field",
                chunked("Transfer-Encoding: chunked\r\nTransfer-Encoding: x"),
                NO_HTTP,
            ),
            (
                "hidden in a first field",
                chunked("Transfer-Encoding: identity\r\nTransfer-Encoding: chunked"),
                NO_HTTP,
            ),
            ("gzip", chunked("Transfer-Encoding: gzip, chunked"), NO_HTTP),
            ("chunked is not last", chunked("Transfer-Encoding: chunked, gzip"), NO_HTTP),
            ("identity", chunked("Transfer-Encoding: identity"), NO_HTTP),
            ("another word", chunked("Transfer-Encoding: xchunked"), NO_HTTP),
            ("quoted chunked", chunked("Transfer-Encoding: \"chunked\""), NO_HTTP),
            ("a parameter", chunked("Transfer-Encoding: chunked;q=1"), NO_HTTP),
            ("a comma behind", chunked("Transfer-Encoding: chunked,"), NO_HTTP),
            ("empty", chunked("Transfer-Encoding:"), NO_HTTP),
            ("a vertical tab", chunked("Transfer-Encoding: \u{b}chunked"), NO_HTTP),
            ("a form feed", chunked("Transfer-Encoding: chunked\u{c}"), NO_HTTP),
            ("a carriage return", chunked("Transfer-Encoding: \rchunked"), NO_HTTP),
            ("a zero byte", chunked("Transfer-Encoding: chunked\0"), NO_HTTP),
            (
                "an underscore",
                post("Transfer_Encoding: chunked\r\nContent-Length: 2\r\n", "{}"),
                FINE,
            ),
        ],
    );
}

#[test]
fn a_chunk_is_as_long_as_it_says() {
    // What is wrong after the head is found when the body is read: the handler hears of it.
    let cut: Answers = &[(400, "invalid_request")];
    let chunks = |chunks: &str| post("Transfer-Encoding: chunked\r\n", chunks);
    check(
        &shop(),
        &[
            ("leading zeros", chunks("0002\r\n{}\r\n0\r\n\r\n"), FINE),
            ("an extension", chunks("2;name=\"value\"\r\n{}\r\n0\r\n\r\n"), FINE),
            ("a trailer", chunks("2\r\n{}\r\n0\r\nX-Trailer: 1\r\n\r\n"), FINE),
            (
                "a trailer that is a length",
                chunks("2\r\n{}\r\n0\r\nContent-Length: 9\r\n\r\n"),
                FINE,
            ),
            ("a size above 64 bits", chunks("10000000000000002\r\n{}\r\n0\r\n\r\n"), cut),
            ("0x", chunks("0x2\r\n{}\r\n0\r\n\r\n"), cut),
            ("a negative size", chunks("-2\r\n{}\r\n0\r\n\r\n"), cut),
            ("a sign", chunks("+2\r\n{}\r\n0\r\n\r\n"), cut),
            ("a space before it", chunks(" 2\r\n{}\r\n0\r\n\r\n"), cut),
            ("no size", chunks("\r\n{}\r\n0\r\n\r\n"), cut),
            ("no digit", chunks("z\r\n{}\r\n0\r\n\r\n"), cut),
            ("no CRLF behind the data", chunks("2\r\n{}0\r\n\r\n"), cut),
            ("more data than the size", chunks("2\r\n{}}}\r\n0\r\n\r\n"), cut),
            ("LF for CRLF behind the size", chunks("2\n{}\r\n0\r\n\r\n"), cut),
            ("LF for CRLF behind the data", chunks("2\r\n{}\n0\r\n\r\n"), cut),
            ("LF in an extension", chunks("2;a\nb\r\n{}\r\n0\r\n\r\n"), cut),
            ("a zero byte in an extension", chunks("2;a\0\r\n{}\r\n0\r\n\r\n"), cut),
            ("CR in an extension", chunks("2;a\rb\r\n{}\r\n0\r\n\r\n"), cut),
            ("a sign behind the size", chunks("2-\r\n{}\r\n0\r\n\r\n"), cut),
        ],
    );
}

#[test]
fn a_body_that_ends_early_is_refused() {
    let shop = shop();
    for request in [
        post("Content-Length: 50\r\n", "{}"),
        post("Transfer-Encoding: chunked\r\n", "5\r\n{}"),
        post("Transfer-Encoding: chunked\r\n", "2\r\n{}\r\n"),
        post("Transfer-Encoding: chunked\r\n", "2\r\n{}\r\n0\r\n"),
    ] {
        let mut stream = connect(&shop);
        stream.write_all(request.as_bytes()).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        let told = String::from_utf8(until_closed(&mut stream)).unwrap();
        assert!(told.starts_with("HTTP/1.1 400 "), "{request:?}: {told}");
        assert!(told.contains("\"code\":\"invalid_request\""), "{request:?}: {told}");
    }
}

#[test]
fn nothing_that_is_hidden_in_a_body_is_answered() {
    let length = HIDDEN.len();
    let to = |first: &str| {
        format!("{first} HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n{HIDDEN}")
    };
    let in_chunks = |chunks: &str| {
        let first = "GET /v1/products/LAMP-1 HTTP/1.1";
        format!("{first}\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}")
    };
    let sized = |lines: &str| post(&format!("{lines}Content-Length: {length}\r\n"), HIDDEN);
    let upgraded = |lines: &str| {
        let first = "GET /v1/products/LAMP-1 HTTP/1.1";
        format!("{first}\r\nHost: a\r\nConnection: upgrade\r\n{lines}\r\n{HIDDEN}")
    };
    let websocket = format!("Upgrade: websocket\r\nContent-Length: {length}\r\n");
    check_or_closed(
        &shop(),
        &[
            ("by its length", sized(""), &[(400, "invalid_request"), IN_SYNC]),
            (
                "whose handler does not read it",
                to("GET /v1/products/LAMP-1"),
                &[(200, ""), IN_SYNC],
            ),
            ("of HEAD", to("HEAD /v1/products/LAMP-1"), &[(200, ""), IN_SYNC]),
            (
                "of a refused request",
                to("POST /v1/cart/lines"),
                &[(401, "unauthenticated"), IN_SYNC],
            ),
            ("of a path that is not there", to("POST /v1/nowhere"), &[(404, "not_found"), IN_SYNC]),
            ("of an attack", to("POST /v1/..%2f"), &[(403, "blocked"), IN_SYNC]),
            (
                "in a tunnel",
                format!("CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n{HIDDEN}"),
                &[(400, "invalid_request"), IN_SYNC],
            ),
            ("of a tunnel", to("CONNECT a:443"), &[(400, "invalid_request"), IN_SYNC]),
            (
                "behind an expectation",
                sized("Expect: 100-continue\r\n"),
                &[(400, "invalid_request"), IN_SYNC],
            ),
            ("behind an upgrade", upgraded(&websocket), &[(200, ""), IN_SYNC]),
            (
                "in chunks nobody reads",
                in_chunks(&format!("{length:x}\r\n{HIDDEN}\r\n0\r\n\r\n")),
                &[(200, ""), IN_SYNC],
            ),
            (
                "in broken chunks nobody reads",
                in_chunks(&format!("zz\r\n{HIDDEN}")),
                &[(200, ""), IN_SYNC],
            ),
            (
                "in a trailer",
                post("Transfer-Encoding: chunked\r\n", &format!("2\r\n{{}}\r\n0\r\n{HIDDEN}")),
                FINE,
            ),
        ],
    );
}

#[test]
fn a_length_and_chunks_at_once_hide_nothing() {
    let smuggled = format!("0\r\n\r\n{HIDDEN}");
    let length = smuggled.len();
    let chunks = format!("{:x}\r\n{HIDDEN}\r\n0\r\n\r\n", HIDDEN.len());
    let both = format!("Content-Length: {length}\r\nTransfer-Encoding: chunked\r\n");
    let other = format!("Transfer-Encoding: x\r\nContent-Length: {length}\r\n");
    let twice = format!(
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\nContent-Length: {length}\r\n"
    );
    let old = format!("POST /v1/auth/login HTTP/1.0\r\n{both}\r\n{smuggled}");
    check(
        &shop(),
        &[
            ("CL.TE", post(&both, &smuggled), NO_HTTP),
            (
                "TE.CL",
                post("Transfer-Encoding: chunked\r\nContent-Length: 4\r\n", &chunks),
                NO_HTTP,
            ),
            (
                "behind a bare LF",
                post("X-Any: a\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n", &chunks),
                NO_HTTP,
            ),
            ("TE.TE", post(&twice, &smuggled), NO_HTTP),
            ("a coding that is none", post(&other, &smuggled), NO_HTTP),
            ("CL.TE in 1.0", old, NO_HTTP),
        ],
    );
}
