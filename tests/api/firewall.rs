//! The firewall, as clients and the log see it.

use serde_json::json;

use crate::support::{Answer, Customer, Engine, Shop, id_of, product};

fn shop(variables: &[(&str, &str)]) -> Shop {
    let mut shop = Shop::new(Engine::Sqlite, &[product("LAMP-1", "20.00", 5)]).unwrap();
    shop.start(variables);
    shop
}

fn is_blocked(answer: &Answer) -> bool {
    (answer.status, &answer.body["code"]) == (403, &json!("blocked"))
}

const ATTACKS: [(&str, &str, &str); 12] = [
    ("/v1/products?q=1%27%20union%20select%20password%20from%20customer--", "sqli", "query:q"),
    ("/v1/products?q=%3Cscript%3Ealert(1)%3C/script%3E", "xss", "query:q"),
    ("/v1/products?q=%3Cimg%20src=x%20onerror=alert(1)%3E", "xss", "query:q"),
    ("/v1/products?sort=price;cat%20/etc/passwd", "", "query:sort"),
    ("/v1/products?q=..%2f..%2f..%2fetc%2fpasswd", "traversal", "query:q"),
    ("/v1/products?q=a%00b", "encoding-null", "query:q"),
    ("/v1/products?q=%c0%ae%c0%ae", "encoding-overlong", "query:q"),
    ("/v1/products/..%2f..%2fetc", "path-dots", "path"),
    ("/v1/products/%252e%252e%252f", "encoding-double", "path"),
    ("/v1/products/a%5cb", "path-backslash", "path"),
    ("/v1/products/%zz", "encoding-escape", "path"),
    ("/wherever/..%2f..%2fetc/passwd", "path-dots", "path"),
];

#[tokio::test]
async fn an_attack_is_refused_and_only_the_log_says_why() {
    let mut shop = shop(&[]);
    let anyone = Customer::anyone(&shop);
    let mut ids = Vec::new();
    for (path, _, _) in ATTACKS {
        let answer = anyone.call("GET", path).await;
        ids.push(answer.body["request_id"].as_str().unwrap().to_owned());
        assert!(is_blocked(&answer), "{path}: {answer:?}");
        for word in ["sqli", "xss", "traversal", "encoding", "score"] {
            assert!(!answer.text.contains(word), "{path}: {answer:?}");
        }
    }
    shop.stop();
    let log = shop.log();
    let lines: Vec<&str> = log.lines().filter(|line| line.contains("firewall")).collect();
    assert_eq!(lines.len(), ATTACKS.len(), "{log}");
    for (((path, rule, place), line), id) in ATTACKS.iter().zip(&lines).zip(&ids) {
        assert!(line.contains(rule) && line.contains(place), "{path}: {line}");
        assert!(line.contains(id), "the request that the answer names: {line}");
    }
    for payload in ["union select", "from customer", "script>", "onerror", "etc/passwd"] {
        assert!(!log.contains(payload), "no text of an attack is in the log: {payload}");
    }
}

#[tokio::test]
async fn bodies_and_headers_are_read_too() {
    let shop = shop(&[]);
    let guest = Customer::guest(&shop).await;
    let attack = "x' or 1=1 union select card from token--";
    let register = |name: &str, password: &str| json!({"email": "a@example.com", "name": name, "password": password});
    let refused = guest.post("/v1/auth/register", &register(attack, "correct horse")).await;
    assert!(is_blocked(&refused), "{refused:?}");
    let key = json!({"<script>alert(1)</script>": 1});
    assert!(is_blocked(&guest.post("/v1/cart/lines", &key).await), "names are read");
    let nested = json!({"lines": [{"note": {"deep": attack}}]});
    assert!(is_blocked(&guest.post("/v1/cart/quote", &nested).await));
    let secret = guest.post("/v1/auth/register", &register("Ada O'Neil", attack)).await;
    assert_eq!(secret.status, 201, "a password may be anything: {secret:?}");

    let agent =
        async |value| guest.call_with("GET", "/v1/products", &[("user-agent", value)]).await;
    assert!(is_blocked(&agent("sqlmap/1.8").await));
    assert_eq!(agent("Mozilla/5.0 (X11; Linux x86_64)").await.status, 200);
}

#[tokio::test]
async fn a_form_is_read_before_its_handler_does() {
    let shop = shop(&[]);
    let bank = Customer::anyone(&shop);
    let page = "/v1/payments/019abf3e-5f0e-7c0c-8a44-9f6a3d1c2b10/challenge";
    let kind = "application/x-www-form-urlencoded";
    let send = async |form: &str| bank.post_raw(page, kind, form).await;
    for attack in [
        "outcome=x%27+union+select+card+from+token--",
        "outcome=approve&note=%3Cscript%3Ealert(1)%3C/script%3E",
        "%3Cscript%3Ealert(1)%3C/script%3E=approve",
        "outcome=..%2f..%2fetc%2fpasswd",
    ] {
        let answer = send(attack).await;
        assert!(is_blocked(&answer), "{attack}: {answer:?}");
    }
    for (form, status, code) in [
        ("outcome=approve", 404, "not_found"),
        ("outcome=perhaps", 422, "invalid_value"),
        ("outcome=approve&note=1", 422, "invalid_value"),
        ("outcome=%ff", 422, "invalid_value"),
        ("", 422, "invalid_value"),
    ] {
        let answer = send(form).await;
        assert_eq!(
            (answer.status, &answer.body["code"]),
            (status, &json!(code)),
            "{form}: {answer:?}"
        );
        let field = answer.body["errors"][0]["field"].as_str();
        assert!(status == 404 || field.is_some(), "{form}: {answer:?}");
    }
    let binary = bank.post_raw(page, &format!("{kind}; charset=utf-8"), "outcome=approve").await;
    assert_eq!(binary.status, 404, "a parameter of the type changes nothing: {binary:?}");
    let long = send(&format!("outcome={}", "a".repeat(2_000_000))).await;
    assert_eq!((long.status, &long.body["code"]), (413, &json!("body_too_large")), "{long:?}");
}

#[tokio::test]
async fn the_words_of_a_shop_pass() {
    let shop = shop(&[]);
    let anyone = Customer::anyone(&shop);
    for q in [
        "O'Reilly",
        "D'or 1st parfum",
        "5' x 8' rug",
        "1/2\" screw",
        "drop table leg",
        "select & union jack",
        "<3 gift",
        "a < b",
        "100% cotton",
        "rock 'n' roll",
        "men's or women's",
        "C# & C++",
        "AC/DC -live",
        "\"coffee table\"",
        "size=10",
        "50%25 off",
        "price: 10-20€",
    ] {
        let query = reqwest::Url::parse_with_params("http://shop.example", [("q", q)]).unwrap();
        let answer = anyone.get(&format!("/v1/products?{}", query.query().unwrap())).await;
        assert_eq!(answer.status, 200, "{q}: {answer:?}");
    }
}

#[tokio::test]
async fn the_staff_may_write_markup_where_it_belongs() {
    let shop = shop(&[]);
    let staff = shop.staff().await;
    let lamp = id_of(&staff, "LAMP-1").await;
    let markup = "<p onclick=\"x()\">A <b>lamp</b></p><script>track()</script>";
    let lamp = format!("/v1/admin/products/{lamp}");
    let written = staff.edit(&lamp, &json!({"description": markup})).await;
    assert_eq!(written.status, 200, "{written:?}");
    assert_eq!(staff.get(&lamp).await.body["description"], markup, "as it was written");
    assert!(is_blocked(&staff.edit(&lamp, &json!({"name": markup})).await));
    let injected =
        staff.edit(&lamp, &json!({"description": "x' union select 1,2 from token--"})).await;
    assert!(is_blocked(&injected), "only markup is excepted: {injected:?}");
}

#[tokio::test]
async fn what_is_found_may_only_be_logged_or_not_looked_for() {
    let path = "/v1/products?q=1%27%20union%20select%20password%20from%20customer--";
    for (mode, lines) in [("log", 1), ("off", 0)] {
        let mut shop = shop(&[("STOA__EDGE__FIREWALL__MODE", mode)]);
        assert_eq!(Customer::anyone(&shop).call("GET", path).await.status, 200, "{mode}");
        shop.stop();
        let log = shop.log();
        assert_eq!(log.lines().filter(|line| line.contains("firewall")).count(), lines, "{log}");
    }
}

#[test]
fn a_wrong_setting_is_refused_at_the_start() {
    let mut shop = Shop::new(Engine::Sqlite, &[]).unwrap();
    shop.set("STOA__EDGE__FIREWALL__THRESHOLD", "0");
    let output = shop.run(&["serve"]);
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success() && text.contains("edge.firewall: threshold"), "{text}");
}
