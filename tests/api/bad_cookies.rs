//! Cookies of sessions: one of a name, from a page of the shop, and the refresh token nowhere else.

use serde_json::json;

use crate::bad_credentials::{CSRF, LOGIN, ME, UNKNOWN, log_in, said};
use crate::support::{Answer, Customer, Engine, Shop, id_of, on_both_engines, product};

on_both_engines![
    a_cookie_is_one_of_a_name,
    a_refresh_token_comes_as_its_cookie_alone,
    a_change_by_cookie_comes_from_a_page_of_the_shop,
    who_has_only_the_refresh_cookie_left_can_log_out,
];

const REFRESH: &str = "/v1/auth/refresh";
const LOGOUT: &str = "/v1/auth/logout";

async fn a_cookie_is_one_of_a_name(engine: Engine) {
    let Some(shop) = Shop::running(engine, &[]) else { return };
    let (anyone, good) = (Customer::anyone(&shop), log_in(&shop).await);
    let other = log_in(&shop).await;
    let ask = async |path: &str, cookie: &[u8]| {
        anyone.send_as_is("GET", path, &[("cookie", cookie)], b"").await
    };
    let access = &good.access;
    for form in [
        format!("stoa_session={access}"),
        format!("a=b; stoa_session={access}; c"),
        format!("__Host-stoa_session=x; stoa_session={access}"),
    ] {
        assert_eq!(ask(ME, form.as_bytes()).await.status, 200, "{form}");
    }
    for (name, cookie) in [
        ("nothing", Vec::new()),
        ("no value", b"stoa_session=".to_vec()),
        ("no pair", b"stoa_session".to_vec()),
        ("a word", b"stoa_session=x".to_vec()),
        ("three words", b"stoa_session=a.b.c".to_vec()),
        ("a long word", format!("stoa_session={}", "A".repeat(8_000)).into()),
        ("another case", format!("STOA_SESSION={access}").into()),
        ("the name of another connection", format!("__Host-stoa_session={access}").into()),
        ("half a token", format!("stoa_session={}", &access[..access.len() / 2]).into()),
        ("the refresh token", format!("stoa_session={}", good.refresh).into()),
        ("the refresh token's cookie", format!("stoa_refresh={}", good.refresh).into()),
        ("a scheme", format!("stoa_session=Bearer {access}").into()),
        ("twice the same", format!("stoa_session={access}; stoa_session={access}").into()),
        ("of two sessions", format!("stoa_session={access}; stoa_session={}", other.access).into()),
        ("a good one behind", format!("stoa_session=x; stoa_session={access}").into()),
    ] {
        assert_eq!(said(&ask(ME, &cookie).await), UNKNOWN, "{name}");
        assert_eq!(ask("/v1/products", &cookie).await.status, 200, "{name}: nobody looks around");
    }
    let bytes = ask(ME, b"stoa_session=\xff\xfe").await;
    assert_eq!(said(&bytes), (403, "blocked"), "what is no text");
    // A bearer token is what counts beside a cookie, good or not.
    let cookie = format!("stoa_session={access}");
    let both = [("cookie", cookie.as_bytes()), ("authorization", b"Bearer x".as_slice())];
    assert_eq!(said(&anyone.send_as_is("GET", ME, &both, b"").await), UNKNOWN);
}

async fn a_refresh_token_comes_as_its_cookie_alone(engine: Engine) {
    let Some(shop) = Shop::running(engine, &[]) else { return };
    let (anyone, good, other) = (Customer::anyone(&shop), log_in(&shop).await, log_in(&shop).await);
    let ended = log_in(&shop).await;
    assert_eq!(anyone.with(&ended.access).call("POST", LOGOUT).await.status, 204);
    let token = &good.refresh;
    let cookie = |value: &str| vec![("cookie", format!("stoa_refresh={value}").into_bytes())];
    let json = ("content-type", b"application/json".to_vec());
    let in_body = json!({"refresh_token": token}).to_string();
    for (name, headers, body) in [
        ("nothing", vec![], ""),
        ("no value", cookie(""), ""),
        ("a word", cookie("x"), ""),
        ("a letter less", cookie(&token[1..]), ""),
        ("a letter more", cookie(&format!("{token}A")), ""),
        ("padding", cookie(&format!("{token}=")), ""),
        ("no base64", cookie(&"!".repeat(43)), ""),
        ("unknown", cookie(&"A".repeat(43)), ""),
        ("a long word", cookie(&"A".repeat(8_000)), ""),
        ("an access token", cookie(&good.access), ""),
        ("of an ended session", cookie(&ended.refresh), ""),
        ("of two sessions", cookie(&format!("{token}; stoa_refresh={}", other.refresh)), ""),
        ("twice the same", cookie(&format!("{token}; stoa_refresh={token}")), ""),
        ("another name", vec![("cookie", format!("__Host-stoa_refresh={token}").into())], ""),
        (
            "in the cookie of the session",
            vec![("cookie", format!("stoa_session={token}").into())],
            "",
        ),
        ("as bearer", vec![("authorization", format!("Bearer {token}").into())], ""),
        ("in a header", vec![("x-refresh-token", token.clone().into())], ""),
        ("in the body", vec![json], in_body.as_str()),
    ] {
        let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, &value[..])).collect();
        let refused = anyone.send_as_is("POST", REFRESH, &headers, body.as_bytes()).await;
        assert_eq!(said(&refused), UNKNOWN, "{name}");
        assert!(refused.body.get("access_token").is_none(), "{name}");
    }
    let in_query = format!("{REFRESH}?refresh_token={token}");
    assert_eq!(said(&anyone.call("POST", &in_query).await), UNKNOWN);
    // Neither was used up, and no session has ended for it.
    for login in [&good, &other] {
        let refresh = format!("stoa_refresh={}", login.refresh);
        let goes_on = anyone.call_with("POST", REFRESH, &[("cookie", &refresh)]).await;
        assert_eq!(goes_on.status, 200, "{goes_on:?}");
    }
}

async fn a_change_by_cookie_comes_from_a_page_of_the_shop(engine: Engine) {
    let Some(shop) = Shop::running(engine, &[product("LAMP-1", "20.00", 5)]) else { return };
    let (anyone, good, other) = (Customer::anyone(&shop), log_in(&shop).await, log_in(&shop).await);
    let lamp = id_of(&anyone, "LAMP-1").await;
    let line = json!({"product_id": lamp, "quantity": 1}).to_string();
    let cookie = format!("stoa_session={}", good.access);
    let put = async |more: &[(&'static str, &str)]| {
        let always = [("cookie", cookie.as_str()), ("content-type", "application/json")];
        let all: Vec<_> = always.iter().chain(more).map(|(n, v)| (*n, v.as_bytes())).collect();
        anyone.send_as_is("POST", "/v1/cart/lines", &all, line.as_bytes()).await
    };
    let (own, token) = (("sec-fetch-site", "same-origin"), ("x-csrf-token", good.csrf.as_str()));
    let (half, longer) = (&good.csrf[..good.csrf.len() / 2], format!("{}0", good.csrf));
    let upper = good.csrf.to_uppercase();
    let evil = ("origin", "https://evil.example");
    for (name, headers) in [
        ("nothing", &[][..]),
        ("the page alone", &[own]),
        ("the token alone", &[token]),
        ("an empty token", &[own, ("x-csrf-token", "")]),
        ("half a token", &[own, ("x-csrf-token", half)]),
        ("a longer token", &[own, ("x-csrf-token", &longer)]),
        ("a token of another case", &[own, ("x-csrf-token", &upper)]),
        ("a token of another session", &[own, ("x-csrf-token", &other.csrf)]),
        ("the access token", &[own, ("x-csrf-token", &good.access)]),
        ("another site", &[("sec-fetch-site", "cross-site"), token]),
        ("another host of the site", &[("sec-fetch-site", "same-site"), token]),
        ("the line of addresses", &[("sec-fetch-site", "none"), token]),
        ("another spelling", &[("sec-fetch-site", "Same-Origin"), token]),
        ("an empty site", &[("sec-fetch-site", ""), token]),
        ("a foreign origin", &[evil, token]),
        ("no origin", &[("origin", "null"), token]),
        ("an origin with a path", &[("origin", "http://127.0.0.1/x"), token]),
        (
            "a host made up for the origin",
            &[evil, token, ("x-forwarded-host", "evil.example"), ("x-forwarded-proto", "https")],
        ),
        ("the same by RFC 7239", &[evil, token, ("forwarded", "host=evil.example;proto=https")]),
        ("a referrer", &[("referer", "http://127.0.0.1/"), token]),
    ] {
        let refused = put(headers).await;
        assert_eq!(said(&refused), CSRF, "{name}: {refused:?}");
    }
    let ada = anyone.with(&good.access);
    assert_eq!(ada.get("/v1/cart").await.body["lines"], json!([]), "nothing was put in");
    assert_eq!(put(&[own, token]).await.status, 200);
    assert_eq!(put(&[("origin", shop.base.as_str()), token]).await.status, 200);

    // A form of another site is sent without a question, and may not put a guest in Ada's place.
    let form = |kind: &'static [u8]| [("content-type", kind), ("origin", evil.1.as_bytes())];
    for kind in [
        &b"application/x-www-form-urlencoded"[..],
        b"multipart/form-data; boundary=x",
        b"text/plain",
    ] {
        for path in ["/v1/auth/guest", LOGIN] {
            let refused = anyone.send_as_is("POST", path, &form(kind), b"").await;
            assert_eq!(said(&refused), (415, "unsupported_media_type"), "{path}");
            assert!(!refused.headers.contains_key("set-cookie"));
        }
    }
}

async fn who_has_only_the_refresh_cookie_left_can_log_out(engine: Engine) {
    let Some(shop) = Shop::running(engine, &[]) else { return };
    let (anyone, good) = (Customer::anyone(&shop), log_in(&shop).await);
    let (own, evil) = (("sec-fetch-site", "same-origin"), ("sec-fetch-site", "cross-site"));
    let cookies = format!("stoa_session=expired; stoa_refresh={}", good.refresh);
    let leave =
        async |headers: &[(&'static str, &str)]| anyone.call_with("POST", LOGOUT, headers).await;
    let forgets = |answer: &Answer| {
        let all = answer.headers.get_all("set-cookie").iter().map(|it| it.to_str().unwrap());
        let gone = all.filter(|it| it.contains("=;") && it.contains("Max-Age=0"));
        gone.map(|it| it.split('=').next().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let both = ["stoa_refresh", "stoa_session"];
    assert_eq!(said(&leave(&[("cookie", &cookies), evil]).await), CSRF);
    let known = anyone.with(&good.access);
    assert_eq!(known.get(ME).await.status, 200, "another site ends no session");
    let left = leave(&[("cookie", &cookies), own]).await;
    assert_eq!(left.status, 204, "{left:?}");
    assert_eq!(forgets(&left), both);
    assert_eq!(said(&known.get(ME).await), UNKNOWN, "its access token ends too");
    let unknown = format!("stoa_refresh={}", "A".repeat(43));
    for headers in [&[][..], &[own], &[("cookie", &unknown), own]] {
        let refused = leave(headers).await;
        assert_eq!(said(&refused), UNKNOWN, "{headers:?}");
        assert_eq!(forgets(&refused), both, "{headers:?}");
    }
}
