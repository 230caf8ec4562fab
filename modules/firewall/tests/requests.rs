//! Whole requests: one reading each, limits, exceptions and what a verdict says.

use firewall::{
    Action, Body, Exception, Firewall, FirewallError, Mode, Request, Rule, Settings, normalize,
};
use proptest::prelude::*;
use serde_json::{Value, json};

const PLAIN: Request<'static> = Request {
    raw_path: b"/v1/products",
    path: "/v1/products",
    raw_query: b"",
    query: &[],
    repeatable: &[],
    headers: &[],
    body: Body::None,
};

fn found(request: &Request<'_>) -> Vec<Rule> {
    let verdict = Firewall::new(Settings::default()).unwrap().inspect(request);
    verdict.findings.iter().map(|finding| finding.rule).collect()
}

#[test]
fn every_malformed_path_has_its_rule() {
    let paths: [(&[u8], Rule); 14] = [
        (b"/a%2", Rule::EncodingEscape),
        (b"/a%zz", Rule::EncodingEscape),
        (b"/a%252e", Rule::EncodingDouble),
        (b"/%c0%ae", Rule::EncodingOverlong),
        (b"/%e0%80%ae", Rule::EncodingOverlong),
        (b"/%f0%80%80%ae", Rule::EncodingOverlong),
        (b"/%ff", Rule::EncodingUtf8),
        (b"/a%00b", Rule::EncodingNull),
        (b"/a%1bb", Rule::EncodingControl),
        (b"/a%5cb", Rule::PathBackslash),
        (b"/a//b", Rule::PathEmpty),
        (b"/a/../b", Rule::PathDots),
        (b"/a/%2e%2e;x/b", Rule::PathDots),
        (b"/a%2fb", Rule::PathDots),
    ];
    for (raw, rule) in paths {
        assert_eq!(normalize::path(raw), Err(rule), "{}", raw.escape_ascii());
    }
    assert_eq!(normalize::path(b"/%7euser/%c3%a9").unwrap(), "/~user/%C3%A9");
}

#[test]
fn a_parameter_that_comes_twice_is_refused_unless_it_may() {
    let twice = [("sort", "price"), ("sort", "name")];
    let request = Request { query: &twice, ..PLAIN };
    assert_eq!(found(&request), [Rule::QueryRepeated]);
    assert_eq!(found(&Request { repeatable: &["sort"], ..request }), []);
}

#[test]
fn a_body_has_one_length() {
    let smuggled: [&[(&str, &[u8])]; 6] = [
        &[("Content-Length", b"4"), ("Transfer-Encoding", b"chunked")],
        &[("Content-Length", b"4"), ("content-length", b"4")],
        &[("Content-Length", b"4, 4")],
        &[("Content-Length", b"+4")],
        &[("Transfer-Encoding", b"chunked, identity")],
        &[("Transfer-Encoding", b"chunked"), ("Transfer-Encoding", b"chunked")],
    ];
    for headers in smuggled {
        assert_eq!(found(&Request { headers, ..PLAIN }), [Rule::Smuggling], "{headers:?}");
    }
    assert_eq!(found(&Request { headers: &[("Content-Length", b"4")], ..PLAIN }), []);
}

#[test]
fn headers_have_limits() {
    let long = vec![b'a'; 8 * 1024 + 1];
    assert_eq!(found(&Request { headers: &[("x-a", &long)], ..PLAIN }), [Rule::HeaderLimit]);
    let many: Vec<(&str, &[u8])> = vec![("x-a", b"b"); 65];
    assert_eq!(found(&Request { headers: &many, ..PLAIN }), [Rule::HeaderLimit]);
    for header in [("x a", &b"b"[..]), ("x-a", b"b\rc"), ("", b"b")] {
        assert_eq!(found(&Request { headers: &[header], ..PLAIN }), [Rule::HeaderMalformed]);
    }
    let agent: &[(&str, &[u8])] = &[("User-Agent", b"sqlmap/1.7")];
    assert_eq!(found(&Request { headers: agent, ..PLAIN }), [Rule::Scanner]);
}

#[test]
fn a_verdict_says_where_and_never_what() {
    let body = json!({"lines": [{"note": "1 union select secret_word, 2"}]});
    let request = Request { body: Body::Json(&body), ..PLAIN };
    let verdict = Firewall::new(Settings::default()).unwrap().inspect(&request);
    assert_eq!(verdict.action, Action::Block);
    assert!(verdict.to_string().starts_with("sqli-union at json:lines.0.note (5)"), "{verdict}");
    assert!(!format!("{verdict:?}").contains("secret_word"));

    let body = json!({"<script>secret_word()</script>": 1});
    let request = Request { body: Body::Json(&body), ..PLAIN };
    let verdict = Firewall::new(Settings::default()).unwrap().inspect(&request);
    assert_eq!(verdict.findings[0].place.field, "?");
    assert!(!format!("{verdict:?}").contains("secret_word"));
}

#[test]
fn modes_and_exceptions_let_pass_what_they_name() {
    let query = [("q", "<script>")];
    let request = Request { query: &query, ..PLAIN };
    let inspect = |settings| Firewall::new(settings).unwrap().inspect(&request).action;
    let with = |mode| Settings { mode, ..Settings::default() };
    assert_eq!(inspect(with(Mode::Block)), Action::Block);
    assert_eq!(inspect(with(Mode::Log)), Action::Log);
    assert_eq!(inspect(with(Mode::Off)), Action::Allow);
    let except = |prefix: &str, rule, field: Option<&str>| Settings {
        exceptions: vec![Exception { prefix: prefix.into(), rule, field: field.map(Into::into) }],
        ..Settings::default()
    };
    assert_eq!(inspect(except("/v1/products", None, Some("q"))), Action::Allow);
    assert_eq!(inspect(except("/v1/products", Some(Rule::XssElement), None)), Action::Allow);
    assert_eq!(inspect(except("/v1/products", None, Some("sort"))), Action::Block);
    assert_eq!(inspect(except("/v1/prod", None, Some("q"))), Action::Block);
}

#[test]
fn what_is_too_deep_or_too_long_is_refused() {
    let deep = (0..40).fold(json!(1), |inner, _| json!([inner]));
    assert_eq!(found(&Request { body: Body::Json(&deep), ..PLAIN }), [Rule::Oversized]);
    let long = Value::String("a".repeat(64 * 1024 + 1));
    assert_eq!(found(&Request { body: Body::Json(&long), ..PLAIN }), [Rule::Oversized]);
}

#[test]
fn settings_that_mean_nothing_are_refused() {
    let settings = Settings { threshold: 0, ..Settings::default() };
    let error = Firewall::new(settings).unwrap_err();
    assert!(matches!(error, FirewallError::Setting { field: "threshold", .. }));
}

proptest! {
    #[test]
    fn any_bytes_are_read(raw in proptest::collection::vec(any::<u8>(), 0..64)) {
        let _ = normalize::query(&raw);
        if let Ok(once) = normalize::path(&raw) {
            prop_assert_eq!(normalize::path(once.as_bytes()), Ok(once.clone()));
        }
    }

    #[test]
    fn a_canonical_path_stays_as_it_is(path in "(/[a-zA-Z0-9é%~ ]{1,8}){1,4}") {
        let raw = path.replace('%', "%25").replace(' ', "%20");
        if let Ok(once) = normalize::path(raw.as_bytes()) {
            prop_assert_eq!(normalize::path(once.as_bytes()), Ok(once.clone()));
        }
    }
}
