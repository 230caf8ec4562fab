//! What says who is calling: access tokens, tokens of other issuers, API keys, the header and the
//! cookies they come in, and refresh tokens. The first byte chooses the door, the rest is presented.
//!
//! Nobody comes in but by the one token that the shop gave out, or by claims that the shop's own key
//! has signed and that are good now. A refusal is a refusal: never an error of the shop.
#![no_main]

use actix_web::http::header::{AUTHORIZATION, COOKIE, HeaderValue};
use actix_web::test::TestRequest;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use kernel::id::CustomerId;
use libfuzzer_sys::{Corpus, fuzz_target};
use serde_json::Value;

use stoa_fuzz::shop::{NOW_S, Shop};

fuzz_target!(|data: &[u8]| -> Corpus {
    let Some((door, given)) = data.split_first() else { return Corpus::Reject };
    Shop::visit(|shop| match door % 8 {
        0 => present(shop, &String::from_utf8_lossy(given)),
        1 => present(shop, &format!("{}.{}", shop.header, String::from_utf8_lossy(given))),
        2 => present(shop, &format!("stoa_{}", String::from_utf8_lossy(given))),
        3 => foreign(shop, given),
        4 => signed(shop, given),
        5 => header(shop, given),
        6 => cookies(shop, given),
        _ => refresh(shop, given),
    });
    Corpus::Keep
});

fn present(shop: &Shop, token: &str) {
    assert_eq!(shop.knows(token).is_some(), token == shop.token, "{token:?}");
}

/// A header and claims on a line each, as other issuers sign them; the shop trusts one that is never
/// there.
fn foreign(shop: &Shop, given: &[u8]) {
    let mut lines = given.split(|byte| *byte == b'\n');
    let mut part = || URL_SAFE_NO_PAD.encode(lines.next().unwrap_or_default());
    present(shop, &format!("{}.{}.c2ln", part(), part()));
}

/// Claims with a good signature: what a node with another version or a wrong clock might sign.
fn signed(shop: &Shop, claims: &[u8]) {
    let Some(caller) = shop.knows(&shop.sign(claims)) else { return };
    let claims: Value = serde_json::from_slice(claims).expect("claims that were taken");
    for (claim, wanted) in [("iss", "stoa"), ("aud", "stoa"), ("role", caller.role.as_str())] {
        assert_eq!(claims[claim], wanted, "{claims}");
    }
    let id = serde_json::from_value::<CustomerId>(claims["sub"].clone()).expect("an id");
    assert_eq!(id, caller.id);
    let second = |claim: &str| claims[claim].as_i64().expect("a second");
    assert!(second("exp") > NOW_S && second("nbf") <= NOW_S + 5, "{claims}");
    assert!((NOW_S - 900..=NOW_S + 5).contains(&second("iat")), "{claims}");
}

fn header(shop: &Shop, given: &[u8]) {
    let Ok(value) = HeaderValue::from_bytes(given) else { return };
    let is_ours = |value: &HeaderValue| {
        let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
        (scheme.eq_ignore_ascii_case("bearer") && token.trim() == shop.token).then_some(())
    };
    let is_ours = is_ours(&value).is_some();
    let request = TestRequest::get().insert_header((AUTHORIZATION, value));
    match shop.identify(request) {
        Ok(caller) => assert!(caller.is_some() && is_ours, "nobody is refused by name"),
        Err(status) => assert_eq!((status, is_ours), (401, false)),
    }
}

fn cookies(shop: &Shop, given: &[u8]) {
    let Ok(value) = HeaderValue::from_bytes(given) else { return };
    for (request, changes) in [(TestRequest::get(), false), (TestRequest::post(), true)] {
        let request = request.insert_header((COOKIE, value.clone()));
        match shop.identify(request) {
            Ok(None) => {}
            Ok(Some(_)) => {
                let text = value.to_str().unwrap_or_default();
                assert!(!changes && text.contains("stoa_session"), "{text}");
            }
            Err(status) => assert_eq!(status, 403, "a cookie alone changes nothing"),
        }
    }
}

/// The shop has given out no refresh token.
fn refresh(shop: &Shop, given: &[u8]) {
    let named = [b"__Host-stoa_refresh=", given].concat();
    let Ok(value) = HeaderValue::from_bytes(&named) else { return };
    let request = TestRequest::post().uri("/v1/auth/refresh").insert_header((COOKIE, value));
    assert_eq!(shop.ask(request).0, 401);
}
