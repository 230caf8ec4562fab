//! Whoever does not prove who they are by one good token is nobody, and changes nothing.

use serde_json::{Value, json};

use crate::support::{Answer, Customer, Engine, Shop, id_of, on_both_engines, product};

on_both_engines![
    an_authorization_header_holds_one_token,
    a_key_that_is_no_good_opens_nothing,
    a_guest_who_is_none_takes_nothing_along,
];

pub const ME: &str = "/v1/auth/me";
pub const LOGIN: &str = "/v1/auth/login";
pub const UNKNOWN: (u16, &str) = (401, "unauthenticated");
pub const CSRF: (u16, &str) = (403, "csrf_refused");

/// What a login gave.
pub struct Login {
    pub access: String,
    pub refresh: String,
    pub csrf: String,
}

fn credentials() -> Value {
    json!({"email": "ada@example.com", "password": "correct horse battery"})
}

/// The value of a cookie that an answer sets, if it does.
pub fn cookie(answer: &Answer, name: &str) -> Option<String> {
    let set = answer.headers.get_all("set-cookie").iter().map(|value| value.to_str().unwrap());
    let mut pairs = set.filter_map(|cookie| cookie.split(';').next()?.split_once('='));
    pairs.find(|(found, _)| *found == name).map(|(_, value)| value.to_owned())
}

pub async fn log_in(shop: &Shop) -> Login {
    let anyone = Customer::anyone(shop);
    let mut ada = credentials();
    ada["name"] = json!("Ada");
    anyone.post("/v1/auth/register", &ada).await;
    let answer = anyone.post(LOGIN, &credentials()).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let text = |member: &str| answer.body[member].as_str().unwrap().to_owned();
    let (access, csrf) = (text("access_token"), text("csrf_token"));
    Login { access, csrf, refresh: cookie(&answer, "stoa_refresh").unwrap() }
}

pub fn said(answer: &Answer) -> (u16, &str) {
    (answer.status, answer.body["code"].as_str().unwrap_or_default())
}

#[tokio::test]
async fn a_new_shop_has_no_accounts() {
    let shop = Shop::running(Engine::Sqlite, &[]).unwrap();
    let anyone = Customer::anyone(&shop);
    for (email, password) in [
        ("staff@demo.example", "demo-staff-pass"),
        ("ada@demo.example", "demo-customer-pass"),
        ("admin@example.com", "adminadmin"),
        ("root@example.com", "rootroot"),
    ] {
        let login = json!({"email": email, "password": password});
        assert_eq!(
            said(&anyone.post(LOGIN, &login).await),
            (401, "invalid_credentials"),
            "{email}"
        );
    }
    let staff = shop.admin().await.get("/v1/admin/staff").await;
    assert_eq!(staff.body["items"].as_array().unwrap().len(), 1, "who was made here: {staff:?}");
}

async fn an_authorization_header_holds_one_token(engine: Engine) {
    let Some(shop) = Shop::running(engine, &[]) else { return };
    let (anyone, good) = (Customer::anyone(&shop), log_in(&shop).await.access);
    let ask = async |path: &str, all: &[Vec<u8>]| {
        let all: Vec<_> = all.iter().map(|value| ("authorization", value.as_slice())).collect();
        anyone.send_as_is("GET", path, &all, b"").await
    };
    for form in [format!("Bearer {good}"), format!("bearer {good}"), format!("BEARER   {good}")] {
        assert_eq!(ask(ME, &[form.clone().into()]).await.status, 200, "{form}");
    }
    let bearer = format!("Bearer {good}");
    let mut latin = bearer.clone().into_bytes();
    latin.push(0xff);
    for (name, all) in [
        ("nothing", vec![Vec::new()]),
        ("no scheme", vec![good.clone().into()]),
        ("no token", vec![b"Bearer".to_vec()]),
        ("spaces for a token", vec![b"Bearer    ".to_vec()]),
        ("another scheme", vec![format!("Token {good}").into()]),
        ("a name and a password", vec![b"Basic YWRhOmNvcnJlY3Q=".to_vec()]),
        ("a digest", vec![format!("Digest username=\"ada\", response=\"{good}\"").into()]),
        ("a scheme that begins alike", vec![format!("BearerX {good}").into()]),
        ("a tab", vec![format!("Bearer\t{good}").into()]),
        ("two tokens", vec![format!("Bearer {good} {good}").into()]),
        ("a list", vec![format!("Bearer {good}, Bearer {good}").into()]),
        ("quotes", vec![format!("Bearer \"{good}\"").into()]),
        ("a parameter", vec![format!("Bearer token={good}").into()]),
        ("half a token", vec![format!("Bearer {}", &good[..good.len() / 2]).into()]),
        ("a letter less", vec![format!("Bearer {}", &good[..good.len() - 1]).into()]),
        ("a byte that is no ASCII", vec![latin]),
        ("a letter that is no ASCII", vec!["Bearer ünbekannt".into()]),
        ("a long word", vec![format!("Bearer {}", "A".repeat(8_000)).into()]),
        ("twice the same", vec![bearer.clone().into(), bearer.clone().into()]),
        ("a good one behind", vec![b"Bearer x".to_vec(), bearer.clone().into()]),
        ("a good one before", vec![bearer.clone().into(), b"Basic eDp5".to_vec()]),
    ] {
        // Where anybody may look, too: a proxy may have read another token than the shop does.
        for path in [ME, "/v1/products"] {
            let refused = ask(path, &all).await;
            assert_eq!(said(&refused), UNKNOWN, "{name}: {refused:?}");
            assert_eq!(refused.headers["www-authenticate"], "Bearer");
            assert_eq!(refused.headers["cache-control"], "no-store");
        }
    }
    let longest = ask(ME, &[format!("Bearer {}", "A".repeat(9_000)).into()]).await;
    assert_eq!(said(&longest), (403, "blocked"), "longer than a header may be");
    assert_eq!(ask(ME, &[bearer.into()]).await.status, 200, "nobody was logged out");
}

async fn a_key_that_is_no_good_opens_nothing(engine: Engine) {
    let Some(shop) = Shop::running(engine, &[]) else { return };
    let admin = shop.admin().await;
    let make = async |name: &str| {
        let key = json!({"name": name, "permissions": ["stock.read"]});
        let made = admin.post("/v1/admin/api-keys", &key).await;
        assert_eq!(made.status, 201, "{made:?}");
        let text = |member: &str| made.body[member].as_str().unwrap().to_owned();
        (text("key"), text("id"))
    };
    let ((good, _), (revoked, id)) = (make("good").await, make("revoked").await);
    let gone = admin.call("DELETE", &format!("/v1/admin/api-keys/{id}")).await;
    assert_eq!(gone.status, 204);
    let stock = "/v1/admin/stock/019abf3e-5f0e-7c0c-8a44-9f6a3d1c2b10";
    let mut other = good.clone().into_bytes();
    let last = other.len() - 2;
    other[last] = if other[last] == b'A' { b'B' } else { b'A' };
    for (name, key) in [
        ("the head alone", "stoa_".to_owned()),
        ("the head and the prefix", good[..16].to_owned()),
        ("without the head", good[5..].to_owned()),
        ("another head", good.replacen("stoa_", "stoat_", 1)),
        ("another case", good.to_uppercase()),
        ("a letter less", good[..good.len() - 1].to_owned()),
        ("a letter more", format!("{good}A")),
        ("another letter", String::from_utf8(other).unwrap()),
        ("padding", format!("{good}=")),
        ("unknown", format!("stoa_0000000000_{}", "A".repeat(43))),
        ("revoked", revoked),
        ("a long word", format!("stoa_{}", "A".repeat(8_000))),
    ] {
        assert_eq!(said(&admin.with(&key).get(stock).await), UNKNOWN, "{name}");
    }
    // Not as a cookie, and not in the address.
    let cookie = format!("stoa_session={good}");
    let anyone = Customer::anyone(&shop);
    let by_cookie = anyone.call_with("POST", stock, &[("cookie", &cookie)]).await;
    assert_eq!(said(&by_cookie), UNKNOWN);
    assert_eq!(said(&anyone.get(&format!("{stock}?api_key={good}")).await), UNKNOWN);
    let key = admin.with(&good);
    assert_eq!(said(&key.get(stock).await), (404, "not_found"), "it is let in");
    for path in ["/v1/admin/orders", "/v1/admin/api-keys", "/v1/cart", ME] {
        assert_eq!(said(&key.get(path).await), (403, "forbidden"), "{path}");
    }
}

async fn a_guest_who_is_none_takes_nothing_along(engine: Engine) {
    let Some(shop) = Shop::running(engine, &[product("LAMP-1", "20.00", 5)]) else { return };
    let (anyone, ada) = (Customer::anyone(&shop), log_in(&shop).await);
    let guest = Customer::guest(&shop).await;
    guest.fill_cart(&id_of(&guest, "LAMP-1").await, 1).await;
    let answer = anyone.post("/v1/auth/guest", &json!({})).await;
    let left = guest.with(answer.body["access_token"].as_str().unwrap());
    assert_eq!(left.call("POST", "/v1/auth/logout").await.status, 204);
    for (name, who) in [("who left", left), ("made up", guest.with("a.b.c"))] {
        let refused = who.post(LOGIN, &credentials()).await;
        assert_eq!(said(&refused), UNKNOWN, "{name}");
        assert!(!refused.headers.contains_key("set-cookie"), "{name}: nobody has logged in");
    }
    let wrong = json!({"email": "ada@example.com", "password": "wrong horse battery"});
    assert_eq!(said(&guest.post(LOGIN, &wrong).await), (401, "invalid_credentials"));
    assert_eq!(guest.get("/v1/cart").await.body["lines"].as_array().unwrap().len(), 1);
    // A cookie of a guest without the token of its pages may be another site's doing.
    let cookie = format!("stoa_session={}", answer_cookie(&anyone).await);
    let headers = [("cookie", cookie.as_bytes()), ("content-type", b"application/json")];
    let body = credentials().to_string();
    assert_eq!(said(&anyone.send_as_is("POST", LOGIN, &headers, body.as_bytes()).await), CSRF);
    assert_eq!(anyone.with(&ada.access).get("/v1/cart").await.body["lines"], json!([]));
}

async fn answer_cookie(anyone: &Customer) -> String {
    cookie(&anyone.post("/v1/auth/guest", &json!({})).await, "stoa_session").unwrap()
}
