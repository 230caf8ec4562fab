//! A shop with accounts only, and a browser for it.

use platform::audit::Actor;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::{Arc, Mutex};

use actix_web::body::BoxBody;
use actix_web::cookie::Cookie;
use actix_web::dev::ServiceRequest;
use actix_web::http::Method;
use actix_web::http::header::HeaderMap;
use actix_web::middleware::{Next, from_fn};
use actix_web::test::{self, TestRequest};
use actix_web::{App, HttpMessage};
use auth::{Accounts, SCHEMA, Settings};
use chrono::DateTime;
use kernel::Clock;
use kernel::clock::ClockHand;
use kernel::ports::{Mail, Mailer, Principal, Role, Unavailable};
use platform::bus::Bus;
use platform::sql::{Db, Engine};
use serde_json::{Value, json};

pub const EMAIL: &str = "ada@example.com";
pub const PASSWORD: &str = "correct horse battery";

/// In which no count of failures begins anew while a test runs: a window ends by the clock on the wall.
pub const WINDOW_WITHOUT_END: u32 = u32::MAX;

/// Settings whose passwords cost little.
pub fn cheap() -> Settings {
    Settings {
        argon2_memory_kib: 8,
        argon2_passes: 1,
        argon2_permits: 8,
        argon2_wait_ms: 20_000,
        ..Settings::default()
    }
}

pub fn keys() -> PathBuf {
    platform::testing::folder().join("keys")
}

pub async fn open(db: &Db, settings: Settings) -> Accounts {
    open_at(db, settings, &keys()).await
}

/// A node that shares its keys with others.
pub async fn open_at(db: &Db, settings: Settings, keys: &Path) -> Accounts {
    let mailer = Arc::new(LetterBox::default());
    Accounts::open(db.clone(), settings, keys, mailer).await.unwrap()
}

/// Accounts whose letters are kept.
pub async fn open_with_letters(db: &Db, settings: Settings) -> (Accounts, LetterBox) {
    let letters = LetterBox::default();
    let mailer = Arc::new(letters.clone());
    (Accounts::open(db.clone(), settings, &keys(), mailer).await.unwrap(), letters)
}

/// Where letters arrive.
#[derive(Clone, Default)]
pub struct LetterBox(Arc<Mutex<Vec<Mail>>>);

#[async_trait::async_trait]
impl Mailer for LetterBox {
    async fn send(&self, mail: &Mail) -> Result<(), Unavailable> {
        self.0.lock().unwrap().push(mail.clone());
        Ok(())
    }
}

impl LetterBox {
    /// Lets the bus deliver what was written, and takes it out.
    pub async fn collect(&self, accounts: &Accounts, db: &Db) -> Vec<Mail> {
        let settings = platform::bus::Settings {
            node: "one".to_owned(),
            effect_wait: std::time::Duration::from_mins(1),
            ..Default::default()
        };
        let bus = Bus::new(vec![db.clone()], accounts.subscriptions(), settings);
        bus.register().await.unwrap();
        bus.drain().await.unwrap();
        std::mem::take(&mut *self.0.lock().unwrap())
    }

    /// The one letter of a kind.
    pub async fn only(&self, accounts: &Accounts, db: &Db, kind: &str) -> Mail {
        let mut all = self.collect(accounts, db).await;
        all.retain(|mail| mail.kind == kind);
        assert_eq!(all.len(), 1, "letters of kind {kind}");
        all.remove(0)
    }
}

/// What the link of a letter holds.
pub fn token_of(mail: &Mail) -> String {
    let (_, rest) = mail.text.split_once("#token=").expect("a link");
    rest.split_whitespace().next().unwrap().to_owned()
}

/// A database on each engine that is there, with a clock that stands still.
pub async fn at_a_standstill() -> Vec<(Db, ClockHand)> {
    let mut all = Vec::new();
    for engine in [Engine::Sqlite, Engine::Postgres] {
        // The start of a window of login attempts.
        let (clock, hand) = Clock::fixed(DateTime::from_timestamp(1_800_000_000, 0).unwrap());
        if let Some(db) = platform::testing::database(engine, &SCHEMA, clock).await {
            all.push((db, hand));
        }
    }
    all
}

/// What came back.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: HeaderMap,
    pub json: Value,
}

impl Reply {
    pub fn code(&self) -> &str {
        self.json["code"].as_str().unwrap_or_default()
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).expect("the header").to_str().unwrap()
    }

    /// The cookie of a name that the answer sets.
    pub fn cookie(&self, name: &str) -> Cookie<'static> {
        let all = self.headers.get_all("set-cookie").map(|value| value.to_str().unwrap());
        let mut all = all.map(|value| Cookie::parse(value.to_owned()).unwrap());
        all.find(|cookie| cookie.name() == name).expect("the cookie")
    }

    pub fn refresh_token(&self) -> String {
        let cookie = self.cookie("__Host-stoa_refresh");
        cookie.value().to_owned()
    }

    pub fn access_token(&self) -> String {
        self.json["access_token"].as_str().expect("an access token").to_owned()
    }
}

type Answering = Pin<Box<dyn Future<Output = Reply>>>;

/// Asks one shop.
pub struct Browser(Box<dyn Fn(TestRequest) -> Answering>);

impl Browser {
    /// The routes behind what the edge does: a good access token becomes a `Principal`.
    pub async fn new(accounts: &Accounts) -> Self {
        let (routes, identity) = (accounts.clone(), accounts.clone());
        let gate = from_fn(move |request: ServiceRequest, next: Next<BoxBody>| {
            let identity = identity.clone();
            async move {
                match platform::http::identify(&identity, request.request()).await {
                    Ok(Some(who)) => drop(request.extensions_mut().insert::<Principal>(who)),
                    Ok(None) => {}
                    Err(failure) => return Ok(request.error_response(failure)),
                }
                next.call(request).await
            }
        });
        let app = App::new().configure(move |config| routes.routes(config)).wrap(gate);
        let service = Rc::new(test::init_service(app).await);
        Self(Box::new(move |request| {
            let service = service.clone();
            Box::pin(async move {
                let response = test::call_service(&*service, request.to_request()).await;
                let status = response.status().as_u16();
                let headers = response.headers().clone();
                let body = test::read_body(response).await;
                let json = serde_json::from_slice(&body).unwrap_or_default();
                Reply { status, headers, json }
            })
        }))
    }

    pub async fn send(&self, request: TestRequest) -> Reply {
        (self.0)(request).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Reply {
        self.send(TestRequest::post().uri(path).set_json(body)).await
    }

    pub async fn register(&self) -> Reply {
        let body = json!({"email": EMAIL, "password": PASSWORD, "name": "Ada"});
        self.post("/v1/auth/register", body).await
    }

    pub async fn login(&self, password: &str) -> Reply {
        self.post("/v1/auth/login", json!({"email": EMAIL, "password": password})).await
    }

    /// Registers and logs in.
    pub async fn enter(&self) -> Reply {
        assert_eq!(self.register().await.status, 201);
        let reply = self.login(PASSWORD).await;
        assert_eq!(reply.status, 200, "{reply:?}");
        reply
    }

    /// Asks with an access token or an API key.
    pub async fn ask(&self, method: Method, path: &str, token: &str, body: Value) -> Reply {
        let request = TestRequest::default().method(method).uri(path);
        let request = request.insert_header(("authorization", format!("Bearer {token}")));
        self.send(if body.is_null() { request } else { request.set_json(body) }).await
    }

    /// The same with the version that was read.
    pub async fn edit(
        &self,
        method: Method,
        path: &str,
        token: &str,
        version: &str,
        body: Value,
    ) -> Reply {
        let request = TestRequest::default().method(method).uri(path);
        let request = request.insert_header(("authorization", format!("Bearer {token}")));
        self.send(request.insert_header(("if-match", version)).set_json(body)).await
    }

    /// Makes an account with a role and logs in: its id and its access token.
    pub async fn enter_as(&self, accounts: &Accounts, email: &str, role: Role) -> (String, String) {
        let id =
            accounts.create(email, PASSWORD.into(), "Sam", role, &Actor::SYSTEM).await.unwrap();
        let login = self.post("/v1/auth/login", json!({"email": email, "password": PASSWORD}));
        (id.to_string(), login.await.access_token())
    }

    pub async fn me(&self, access_token: &str) -> Reply {
        let bearer = ("authorization", format!("Bearer {access_token}"));
        self.send(TestRequest::get().uri("/v1/auth/me").insert_header(bearer)).await
    }

    pub async fn refresh(&self, refresh_token: &str) -> Reply {
        let cookie = Cookie::new("__Host-stoa_refresh", refresh_token.to_owned());
        self.send(TestRequest::post().uri("/v1/auth/refresh").cookie(cookie)).await
    }

    pub async fn logout(&self, access_token: &str) -> Reply {
        let bearer = ("authorization", format!("Bearer {access_token}"));
        self.send(TestRequest::post().uri("/v1/auth/logout").insert_header(bearer)).await
    }
}

/// The module's invariants hold.
pub async fn assert_books(accounts: &Accounts) {
    for check in accounts.verify().await.unwrap() {
        assert!(check.holds(), "{check:?}");
    }
}

/// The types of all events so far but letters, with their subjects' versions.
pub async fn events(db: &Db) -> Vec<(String, i64)> {
    platform::outbox::sequence(db).await.unwrap();
    let read = platform::outbox::read_after(db, 0, 1_000).await.unwrap();
    let told = read.into_iter().map(|event| (event.envelope.kind, event.envelope.version));
    told.filter(|(kind, _)| kind != "letter.written").collect()
}
