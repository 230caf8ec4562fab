//! Tokens of another issuer, which is asked for its keys over a real socket.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use actix_web::web::{self, Data};
use actix_web::{App, HttpResponse, HttpServer};
use auth::{Accounts, Issuer, SCHEMA, Settings};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use chrono::TimeDelta;
use futures_util::future::join_all;
use jsonwebtoken::crypto::sign;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey};
use kernel::Permission;
use kernel::ports::{Factor, Identity, Principal, Proof};
use platform::sql::Db;
use serde_json::{Value, json};

use crate::shop::{Browser, at_a_standstill, cheap, open};

platform::on_both_engines!(super::SCHEMA =>
    a_foreign_token_makes_somebody_of_the_shop,
    bad_foreign_tokens_are_refused,
);

/// A key of the issuer, and its name.
struct Key(&'static str, EncodingKey);

impl Key {
    fn new(name: &'static str, seed: u8) -> Self {
        let head = [0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];
        Self(name, EncodingKey::from_ed_der(&[head.as_slice(), &[seed; 32]].concat()))
    }

    fn public(&self) -> Value {
        let jwk = Jwk::from_encoding_key(&self.1, Algorithm::EdDSA).unwrap();
        let mut jwk = serde_json::to_value(jwk).unwrap();
        jwk["kid"] = json!(self.0);
        jwk
    }

    fn seal(&self, head: &Value, claims: &Value) -> String {
        let message =
            format!("{}.{}", BASE64.encode(head.to_string()), BASE64.encode(claims.to_string()));
        let signature = sign(message.as_bytes(), &self.1, Algorithm::EdDSA).unwrap();
        format!("{message}.{signature}")
    }

    fn token(&self, claims: &Value) -> String {
        self.seal(&json!({"alg": "EdDSA", "kid": self.0}), claims)
    }
}

/// What the issuer answers.
#[derive(Default)]
struct Said {
    keys: Vec<Value>,
    called: Option<String>,
    silent: bool,
    asked: usize,
}

/// An issuer that listens.
struct Provider {
    url: String,
    said: Arc<Mutex<Said>>,
    key: Key,
}

async fn discovery(said: Data<Mutex<Said>>, url: Data<String>) -> HttpResponse {
    let (called, silent) = {
        let mut said = said.lock().unwrap();
        said.asked += 1;
        (said.called.clone().unwrap_or_else(|| url.to_string()), said.silent)
    };
    if silent {
        tokio::time::sleep(Duration::from_mins(1)).await;
    }
    let keys = format!("{}/keys", url.as_str());
    HttpResponse::Ok().json(json!({"issuer": called, "jwks_uri": keys, "more": true}))
}

async fn keys(said: Data<Mutex<Said>>) -> HttpResponse {
    HttpResponse::Ok().json(json!({"keys": said.lock().unwrap().keys}))
}

impl Provider {
    fn listen() -> Self {
        let key = Key::new("first", 1);
        let strange = json!({"kty": "strange", "kid": "x"});
        let oct = json!({"kty": "oct", "kid": "shared", "k": "c2VjcmV0"});
        let said = Said { keys: vec![strange, oct, key.public()], ..Said::default() };
        let said = Arc::new(Mutex::new(said));
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (state, at) = (Data::from(said.clone()), Data::new(url.clone()));
        let server = HttpServer::new(move || {
            App::new()
                .app_data(state.clone())
                .app_data(at.clone())
                .route("/.well-known/openid-configuration", web::get().to(discovery))
                .route("/keys", web::get().to(keys))
        });
        let server = server.workers(1).disable_signals().listen(listener).unwrap().run();
        tokio::spawn(server);
        Self { url, said, key }
    }

    fn settings(&self) -> Settings {
        let pair = |word: &str, role: &str| (word.to_owned(), role.to_owned());
        let issuer = Issuer {
            issuer: self.url.clone(),
            audience: "shop".to_owned(),
            role_claim: "groups".to_owned(),
            roles: vec![pair("boss", "admin"), pair("stock", "warehouse"), pair("ghost", "nobody")],
        };
        Settings { issuers: vec![issuer], ..cheap() }
    }

    fn claims(&self, db: &Db) -> Value {
        let now = db.clock().now().timestamp();
        json!({
            "iss": self.url, "sub": "ada", "aud": ["shop", "other"], "exp": now + 300,
            "iat": now, "auth_time": now - 60, "amr": ["pwd", "mfa"], "groups": ["stock"],
        })
    }

    fn asked(&self) -> usize {
        self.said.lock().unwrap().asked
    }
}

async fn who(accounts: &Accounts, token: &str) -> Option<Principal> {
    accounts.authenticate(token).await.ok()
}

async fn a_foreign_token_makes_somebody_of_the_shop(db: Db) {
    let provider = Provider::listen();
    let accounts = open(&db, provider.settings()).await;
    let browser = Browser::new(&accounts).await;
    let claims = provider.claims(&db);
    let token = provider.key.token(&claims);
    let tokens = join_all((0..20).map(|_| who(&accounts, &token))).await;
    assert_eq!(provider.asked(), 1, "many at once ask once");
    let ada = tokens[0].clone().expect("somebody");
    assert!(tokens.iter().all(|one| one.as_ref() == Some(&ada)), "always the same");
    assert_eq!(ada.role, "warehouse");
    assert!(ada.may(Permission::StockWrite) && !ada.may(Permission::OrdersRefund));
    let Proof::Login { session, amr, auth_time } = &ada.proof else { panic!("{ada:?}") };
    assert_eq!((session, amr.as_slice()), (&None, [Factor::Pwd, Factor::Mfa].as_slice()));
    assert_eq!(json!(auth_time.timestamp()), claims["auth_time"]);

    let me = browser.me(&token).await;
    assert_eq!(me.status, 200, "{me:?}");
    assert_eq!(me.json, json!({"id": ada.id, "role": "warehouse"}));
    let body = json!({"password": "correct horse battery", "new_password": "another battery"});
    let path = "/v1/auth/password/change";
    let none = browser.ask(actix_web::http::Method::POST, path, &token, body).await;
    assert_eq!((none.status, none.code()), (403, "forbidden"), "it has no account here");

    let mut other = claims.clone();
    (other["sub"], other["groups"]) = (json!("bob"), json!(["stock", "boss"]));
    let bob = who(&accounts, &provider.key.token(&other)).await.unwrap();
    assert_ne!(bob.id, ada.id);
    assert_eq!(bob.role, "admin", "the first that fits counts");
    other["groups"] = json!([]);
    assert_eq!(who(&accounts, &provider.key.token(&other)).await.unwrap().role, "customer");
    other["groups"] = json!("ghost");
    assert!(who(&accounts, &provider.key.token(&other)).await.is_none(), "a role of nobody");
    other["groups"] = json!(null);
    other.as_object_mut().unwrap().remove("aud");
    other["client_id"] = json!("shop");
    assert!(who(&accounts, &provider.key.token(&other)).await.is_some());
    assert_eq!(provider.asked(), 1, "its keys are kept");
    let own = browser.enter().await.access_token();
    assert_eq!(browser.me(&own).await.status, 200, "own tokens are as they were");
}

async fn bad_foreign_tokens_are_refused(db: Db) {
    let provider = Provider::listen();
    let accounts = open(&db, provider.settings()).await;
    let browser = Browser::new(&accounts).await;
    let (claims, now) = (provider.claims(&db), db.clock().now().timestamp());
    let good = provider.key.token(&claims);
    assert!(who(&accounts, &good).await.is_some());
    let mut bad: Vec<(String, String)> = Vec::new();
    for (member, value) in [
        ("iss", json!("https://evil.example")),
        ("iss", json!(format!("{}/", provider.url))),
        ("iss", json!(null)),
        ("aud", json!("other")),
        ("aud", json!([])),
        ("aud", json!(null)),
        ("exp", json!(now)),
        ("exp", json!(now - 1)),
        ("exp", json!("never")),
        ("exp", json!(null)),
        ("nbf", json!(now + 600)),
        ("iat", json!(now + 600)),
        ("sub", json!(null)),
        ("sub", json!(1)),
        ("amr", json!("pwd")),
    ] {
        let mut changed = claims.clone();
        changed[member] = value.clone();
        if value.is_null() {
            changed.as_object_mut().unwrap().remove(member);
        }
        bad.push((format!("claim {member} {value}"), provider.key.token(&changed)));
    }
    let public = BASE64.decode(provider.key.public()["x"].as_str().unwrap()).unwrap();
    for (head, why) in [
        (json!({"alg": "none", "kid": "first"}), "none"),
        (json!({"alg": "ES256", "kid": "first"}), "an algorithm of other keys"),
        (json!({"alg": "RS256", "kid": "first"}), "an algorithm of other keys"),
        (json!({"alg": "eddsa", "kid": "first"}), "a word that is near"),
        (json!({"alg": "EdDSA"}), "no key"),
        (json!({"alg": "EdDSA", "kid": "second"}), "a strange key"),
        (json!({"alg": "EdDSA", "kid": "x"}), "a key of a strange kind"),
        (json!({"alg": "EdDSA", "kid": "shared"}), "a key that both sides know"),
        (json!({"alg": "EdDSA", "kid": "../first"}), "a path"),
        (json!({"alg": "EdDSA", "kid": "first", "crit": ["exp"]}), "crit"),
        (json!({"alg": "EdDSA", "kid": "first", "b64": false}), "b64"),
        (json!({"alg": "EdDSA", "kid": "evil", "jku": "https://evil.example"}), "jku"),
    ] {
        bad.push((why.to_owned(), provider.key.seal(&head, &claims)));
    }
    for (algorithm, secret) in [("HS256", public.as_slice()), ("HS256", b"secret")] {
        for kid in ["first", "shared"] {
            let head = BASE64.encode(json!({"alg": algorithm, "kid": kid}).to_string());
            let message = format!("{head}.{}", BASE64.encode(claims.to_string()));
            let key = EncodingKey::from_secret(secret);
            let mac = sign(message.as_bytes(), &key, Algorithm::HS256).unwrap();
            bad.push((format!("{algorithm} with {kid}"), format!("{message}.{mac}")));
        }
    }
    let parts: Vec<&str> = good.split('.').collect();
    bad.push(("no signature".to_owned(), format!("{}.{}.", parts[0], parts[1])));
    bad.push(("a part more".to_owned(), format!("{good}.{}", parts[2])));
    bad.push(("another's key".to_owned(), Key::new("first", 9).token(&claims)));
    let mut fat = claims.clone();
    fat["fat"] = json!("x".repeat(10_000));
    bad.push(("too long".to_owned(), provider.key.token(&fat)));
    for (why, token) in &bad {
        let reply = browser.me(token).await;
        assert_eq!((reply.status, reply.code()), (401, "unauthenticated"), "{why}");
    }
    assert_eq!(provider.asked(), 1, "strange keys do not make the shop ask again and again");
    assert!(who(&accounts, &good).await.is_some());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_issuer_may_change_its_keys_and_be_away() {
    for (db, hand) in at_a_standstill().await {
        let provider = Provider::listen();
        let accounts = open(&db, provider.settings()).await;
        let mut claims = provider.claims(&db);
        claims["exp"] = json!(db.clock().now().timestamp() + 100_000);
        let first = provider.key.token(&claims);
        assert!(who(&accounts, &first).await.is_some());

        let second = Key::new("second", 2);
        provider.said.lock().unwrap().keys = vec![second.public()];
        let newer = second.token(&claims);
        assert!(who(&accounts, &newer).await.is_none(), "it was asked just now");
        hand.advance(TimeDelta::seconds(60));
        assert!(who(&accounts, &newer).await.is_some());
        assert!(who(&accounts, &first).await.is_none(), "a key that was withdrawn");
        assert_eq!(provider.asked(), 2);

        provider.said.lock().unwrap().silent = true;
        hand.advance(TimeDelta::hours(2));
        assert!(who(&accounts, &newer).await.is_some(), "what it said holds while it is away");
        provider.said.lock().unwrap().silent = false;
        provider.said.lock().unwrap().called = Some("https://evil.example".to_owned());
        hand.advance(TimeDelta::hours(2));
        provider.said.lock().unwrap().keys = vec![Key::new("third", 3).public()];
        assert!(who(&accounts, &Key::new("third", 3).token(&claims)).await.is_none());
        assert!(who(&accounts, &newer).await.is_some(), "somebody else's keys are not taken");
    }
}

#[tokio::test]
async fn unusable_issuers_are_refused() {
    for (db, _) in at_a_standstill().await {
        let good = Issuer {
            issuer: "https://id.example".to_owned(),
            audience: "shop".to_owned(),
            role_claim: "groups".to_owned(),
            roles: Vec::new(),
        };
        for bad in [
            Issuer { issuer: "http://id.example".to_owned(), ..good.clone() },
            Issuer { issuer: "id.example".to_owned(), ..good.clone() },
            Issuer { issuer: "stoa".to_owned(), ..good.clone() },
            Issuer { audience: String::new(), ..good.clone() },
            Issuer { role_claim: String::new(), ..good.clone() },
        ] {
            let settings = Settings { issuers: vec![bad.clone()], ..cheap() };
            let mailer = Arc::new(crate::shop::LetterBox::default());
            let keys = crate::shop::keys();
            let opened = Accounts::open(db.clone(), settings, &keys, mailer).await;
            assert!(opened.is_err(), "{bad:?}");
        }
        let settings = Settings { issuers: vec![good], ..cheap() };
        open(&db, settings).await;
    }
}
