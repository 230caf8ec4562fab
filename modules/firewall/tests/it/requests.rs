//! Whole requests: one reading each, limits, exceptions and what a verdict says.

use std::sync::LazyLock;

use firewall::{
    Action, Exception, Firewall, FirewallError, Mode, Rule, Settings, Verdict, normalize,
};
use proptest::prelude::*;
use serde_json::json;

type Headers<'a> = &'a [(&'a str, &'a [u8])];

static FIREWALL: LazyLock<Firewall> = LazyLock::new(|| Firewall::new(Settings::default()).unwrap());

fn rules(verdict: &Verdict) -> Vec<Rule> {
    verdict.findings.iter().map(|finding| finding.rule).collect()
}

fn in_head(path: &str, query: &str, headers: Headers<'_>) -> Vec<Rule> {
    rules(&FIREWALL.inspect_head(path, query, headers.iter().copied()))
}

fn in_query(query: &str) -> Vec<Rule> {
    in_head("/v1/products", query, &[])
}

fn in_json(path: &str, body: &serde_json::Value) -> Vec<Rule> {
    rules(&FIREWALL.inspect_json(path, body.to_string().as_bytes()))
}

#[test]
fn every_malformed_path_has_its_rule() {
    let paths = [
        ("/a%2", Rule::EncodingEscape),
        ("/a%zz", Rule::EncodingEscape),
        ("/a%252e", Rule::EncodingDouble),
        ("/a%25%32%65", Rule::EncodingDouble),
        ("/%c0%ae", Rule::EncodingOverlong),
        ("/%ff%c0%ae", Rule::EncodingOverlong),
        ("/%e0%80%ae", Rule::EncodingOverlong),
        ("/%f0%80%80%ae", Rule::EncodingOverlong),
        ("/%ff", Rule::EncodingUtf8),
        ("/a%00b", Rule::EncodingNull),
        ("/a%1bb", Rule::EncodingControl),
        ("/a\u{1b}b", Rule::EncodingControl),
        ("/a%5cb", Rule::PathBackslash),
        ("/a//b", Rule::PathEmpty),
        ("/a/../b", Rule::PathDots),
        ("/a/%2e%2e;x/b", Rule::PathDots),
        ("/a%2fb", Rule::PathDots),
    ];
    for (raw, rule) in paths {
        assert_eq!(normalize::path(raw), Err(rule), "{raw:?}");
        assert_eq!(in_head(raw, "", &[]), [rule], "{raw:?}");
    }
    assert_eq!(normalize::path("/%7euser/%c3%a9/100%25").unwrap(), "/~user/%C3%A9/100%25");
}

#[test]
fn an_attack_in_a_path_is_found() {
    assert_eq!(in_head("/v1/products/1%20union%20select%201,2", "", &[])[0], Rule::SqliUnion);
    assert_eq!(in_head("/v1/products/x'%20or%201=1--", "", &[])[0], Rule::SqliCondition);
    assert_eq!(in_head("/v1/products/desk-lamp-o'reilly", "", &[]), []);
}

#[test]
fn a_query_is_decoded_once_and_read_decoded_again() {
    let harmless = [
        "q=100%",
        "q=100%25",
        "q=100%25acrylic",
        "q=50%2520off",
        "q=50%25+off&sort=-price",
        "q=5%27+x+8%27",
        "q=O%27Reilly",
        "q=%22solid+wood%22+table+-pdf",
        "q=%27mid+century%27+or+%27art+deco%27",
        "q=1%2F2%22+plug",
        "q=rock+%27n%27+roll",
        "q=salt+%26+pepper",
        "brand=Acme&brand=B%26B&option.size=7%22",
        "utm_source=fb&utm_campaign=%7B%7Bcampaign.name%7D%7D&utm_term=%7Bkeyword%7D&utm_content=a%7Cb",
        "gclid=EAIaIQobChMI-_x1~a.b&state=eyJhIjoxfQ%3D%3D&next=%2Fcart%3Fstep%3D2%26x%3D%231",
        "",
    ];
    for query in harmless {
        assert_eq!(in_query(query), [], "{query}");
    }
    let refused = [
        ("q=%2500", Rule::EncodingDouble),
        ("q=%25c0%25ae", Rule::EncodingDouble),
        ("q=%c0%ae", Rule::EncodingOverlong),
        ("q=%00", Rule::EncodingNull),
        ("q=%ff", Rule::EncodingUtf8),
        ("q=%1b", Rule::EncodingControl),
        ("q=%252e%252e%252f%252e%252e%252fetc", Rule::Traversal),
        ("q=%253Cscript%253Ex()", Rule::XssElement),
        ("q=%2527%2520or%25201%253D1--", Rule::SqliCondition),
        ("q%3Cscript%3E=1", Rule::XssElement),
    ];
    for (query, rule) in refused {
        assert!(in_query(query).contains(&rule), "{query}: {:?}", in_query(query));
    }
}

#[test]
fn a_body_has_one_length() {
    let smuggled: [Headers<'_>; 7] = [
        &[("Content-Length", b"4"), ("Transfer-Encoding", b"chunked")],
        &[("Transfer-Encoding", b"chunked"), ("Content-Length", b"4")],
        &[("Content-Length", b"4"), ("content-length", b"4")],
        &[("Content-Length", b"4, 4")],
        &[("Content-Length", b"+4")],
        &[("Transfer-Encoding", b"chunked, identity")],
        &[("Transfer-Encoding", b"chunked"), ("Transfer-Encoding", b"chunked")],
    ];
    for headers in smuggled {
        assert_eq!(in_head("/", "", headers), [Rule::Smuggling], "{headers:?}");
    }
    assert_eq!(in_head("/", "", &[("Content-Length", b"4")]), []);
}

#[test]
fn headers_have_limits() {
    let long = vec![b'a'; 8 * 1024 + 1];
    assert_eq!(in_head("/", "", &[("x-a", &long)]), [Rule::HeaderLimit]);
    let many: Vec<(&str, &[u8])> = vec![("x-a", b"b"); 66];
    assert_eq!(in_head("/", "", &many), [Rule::HeaderLimit]);
    for header in [("x a", &b"b"[..]), ("x-a", b"b\rc"), ("", b"b")] {
        assert_eq!(in_head("/", "", &[header]), [Rule::HeaderMalformed]);
    }
}

#[test]
fn headers_that_people_or_programs_read_are_read() {
    assert_eq!(in_head("/", "", &[("User-Agent", b"sqlmap/1.7")]), [Rule::Scanner]);
    let agent = b"Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";
    assert_eq!(in_head("/", "", &[("user-agent", agent)]), []);
    let cookie = b"a=b; c=' or 1=1--";
    assert!(in_head("/", "", &[("cookie", cookie)]).contains(&Rule::SqliCondition));
    assert_eq!(in_head("/", "", &[("referer", b"\xff")]), [Rule::EncodingUtf8]);
    assert_eq!(in_head("/", "", &[("referer", b"http://localhost:3000/lamps?page=2")]), []);
    assert_eq!(in_query("return_url=http://localhost:3000/"), [Rule::Ssrf]);
}

#[test]
fn a_verdict_says_where_and_never_what() {
    let body = json!({"lines": [{"note": "1 union select secret_word, 2"}]});
    let verdict = FIREWALL.inspect_json("/v1/orders", body.to_string().as_bytes());
    assert_eq!((verdict.action, verdict.score), (Action::Block, 10));
    let told = "sqli-union at json:lines.0.note (5), sqli-statement at json:lines.0.note (5)";
    assert_eq!(verdict.to_string(), told);
    assert!(!format!("{verdict:?}").contains("secret_word"));

    let body = json!({"<script>secret_word()</script>": 1});
    let verdict = FIREWALL.inspect_json("/v1/orders", body.to_string().as_bytes());
    assert_eq!(verdict.findings[0].place.field, "?");
    assert!(!format!("{verdict:?}").contains("secret_word"));
}

#[test]
fn json_is_read_as_its_parser_reads_it() {
    let found = |body: &[u8]| rules(&FIREWALL.inspect_json("/v1/orders", body));
    assert_eq!(found(br#"{"n":"\u003cscript\u003e"}"#), [Rule::XssElement]);
    assert_eq!(found(br#"{"n":"<script>","n":"fine"}"#), [Rule::XssElement]);
    assert_eq!(found(br#"{"\u003cscript>":1}"#), [Rule::XssElement]);
    assert_eq!(found(br#"["a\u0000b"]"#), [Rule::EncodingNull]);
    assert_eq!(found(br#""<script>""#), [Rule::XssElement]);
    assert_eq!(found(br#"{"a":[1,2.5,-3,true,null,{}],"n":"O'Reilly"}"#), []);
    assert_eq!(found(b"{\"n\":"), []);
    assert_eq!(found(b""), []);
}

#[test]
fn a_form_is_read() {
    let form = [("note", "<script>"), ("name", "O'Reilly")];
    let verdict = FIREWALL.inspect_form("/v1/payments/1/challenge", form);
    assert_eq!(verdict.to_string(), "xss-element at form:note (5)");
}

#[test]
fn modes_decide_what_becomes_of_it() {
    let action = |mode| {
        let settings = Settings { mode, ..Settings::default() };
        Firewall::new(settings).unwrap().inspect_head("/", "q=%3Cscript%3E", []).action
    };
    assert_eq!(action(Mode::Block), Action::Block);
    assert_eq!(action(Mode::Log), Action::Log);
    assert_eq!(action(Mode::Off), Action::Allow);
}

#[test]
fn exceptions_let_pass_what_they_name_and_nothing_else() {
    let action = |prefix: &str, rules: &[&str], fields: &[&str]| {
        let all = |names: &[&str]| names.iter().map(|name| String::from(*name)).collect();
        let exception = Exception { prefix: prefix.into(), rules: all(rules), fields: all(fields) };
        let settings = Settings { exceptions: vec![exception], ..Settings::default() };
        let firewall = Firewall::new(settings).unwrap();
        firewall.inspect_head("/v1/products", "q=%3Cscript%3E", []).action
    };
    assert_eq!(action("/v1/products", &[], &["q"]), Action::Allow);
    assert_eq!(action("/v1", &["xss-element"], &[]), Action::Allow);
    assert_eq!(action("/", &["xss"], &["q"]), Action::Allow);
    assert_eq!(action("/v1/products", &["xss"], &["sort"]), Action::Block);
    assert_eq!(action("/v1/products", &["sqli", "xss-handler"], &[]), Action::Block);
    assert_eq!(action("/v1/prod", &[], &["q"]), Action::Block);
}

#[test]
fn the_staff_may_write_html_into_descriptions() {
    let html = r#"<h2 class="lead">Oak</h2><style>h2{color:red}</style><img src="/media/oak.webp" alt="Oak"><!-- new -->"#;
    let product =
        json!({"name": "Desk", "description": html, "translations": {"de": {"description": html}}});
    assert_eq!(in_json("/v1/admin/products", &product), []);
    assert_eq!(in_json("/v1/admin/products/019aaf2c", &product), []);
    assert_eq!(in_json("/v1/admin/categories/019aaf2c", &json!({"description": html})), []);
    assert!(in_json("/v1/cart", &product).contains(&Rule::XssElement));
    assert!(in_json("/v1/admin/products", &json!({"name": html})).contains(&Rule::XssElement));
    let sql = json!({"description": "x'; drop table orders--"});
    assert!(in_json("/v1/admin/products", &sql).contains(&Rule::SqliStacked));
}

#[test]
fn a_secret_is_measured_and_never_read() {
    for field in ["password", "new_password", "current_password", "number", "cvc"] {
        let body = json!({ field: "' or 1=1-- <script>" });
        assert_eq!(in_json("/v1/auth/login", &body), [], "{field}");
        let nested = json!({ field: {"name": "<script>"} });
        assert_eq!(in_json("/v1/auth/login", &nested), [Rule::XssElement], "{field}");
        let long = json!({ field: "a".repeat(64 * 1024 + 1) });
        assert_eq!(in_json("/v1/auth/login", &long), [Rule::Oversized], "{field}");
    }
    assert_ne!(in_query("password=%3Cscript%3E"), []);
}

#[test]
fn what_is_too_deep_too_long_or_too_much_is_refused() {
    let deep = (0..40).fold(json!(1), |inner, _| json!([inner]));
    assert_eq!(in_json("/", &deep), [Rule::Oversized]);
    assert_eq!(in_json("/", &json!("a".repeat(64 * 1024 + 1))), [Rule::Oversized]);
    assert_eq!(in_json("/", &json!(vec!["a"; 10_001])), [Rule::Oversized]);
    assert_eq!(in_json("/", &json!(vec!["a"; 10_000])), []);
    assert_eq!(in_json("/", &json!(vec!["<script>"; 1_000])).len(), 16);
}

#[test]
fn settings_that_mean_nothing_are_refused() {
    let refused = |settings: serde_json::Value| {
        let settings: Settings = serde_json::from_value(settings).unwrap();
        match settings.check().unwrap_err() {
            FirewallError::Setting { field, message } => format!("{field}: {message}"),
            other => other.to_string(),
        }
    };
    let exception = |exception: serde_json::Value| refused(json!({"exceptions": [exception]}));
    assert_eq!(refused(json!({"threshold": 0})), "threshold: must be at least 1");
    assert_eq!(
        exception(json!({"prefix": "v1", "fields": ["q"]})),
        r#"exceptions.prefix: "v1" must begin with /"#
    );
    assert_eq!(exception(json!({"prefix": "/"})), "exceptions: / must name rules, fields or both");
    assert_eq!(
        exception(json!({"prefix": "/", "rules": ["xs"]})),
        r#"exceptions.rules: "xs" is no rule and no family of rules"#
    );
    assert!(exception(json!({"prefix": "/", "fields": [""]})).starts_with("exceptions.fields"));
    assert!(serde_json::from_value::<Settings>(json!({"mode": "maybe"})).is_err());
    assert!(serde_json::from_value::<Settings>(json!({"blocks": 1})).is_err());
    let written = json!({"mode": "log", "exceptions": [{"prefix": "/v1", "rules": ["xss"]}]});
    assert!(serde_json::from_value::<Settings>(written).unwrap().check().is_ok());
    assert!(Settings::default().check().is_ok());
}

proptest! {
    #[test]
    fn any_head_is_read(path in "[%/.a-f0-9\\\\é]{0,32}", query in "\\PC{0,64}") {
        let _ = FIREWALL.inspect_head(&path, &query, []);
        if let Ok(once) = normalize::path(&path) {
            prop_assert_eq!(normalize::path(&once), Ok(once.clone()));
        }
    }

    #[test]
    fn any_bytes_are_a_body(body in proptest::collection::vec(any::<u8>(), 0..64)) {
        let _ = FIREWALL.inspect_json("/", &body);
    }

    #[test]
    fn a_canonical_path_stays_as_it_is(path in "(/[a-zA-Z0-9é%~ ]{1,8}){1,4}") {
        let raw = path.replace('%', "%25").replace(' ', "%20");
        if let Ok(once) = normalize::path(&raw) {
            prop_assert_eq!(normalize::path(&once), Ok(once.clone()));
        }
    }
}
