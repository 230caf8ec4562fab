//! The accounts of a shop, with one guest who has come in.

use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;

use actix_web::rt::{System, SystemRunner};
use actix_web::test::{self, TestRequest};
use actix_web::{App, ResponseError};
use async_trait::async_trait;
use auth::{Accounts, Issuer, SCHEMA, Settings};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, crypto};
use kernel::ports::{Identity, IdentityError, Mail, Mailer, Principal, Unavailable};
use kernel::{Clock, Timestamp};
use platform::sql::Engine;
use serde_json::Value;

/// The second at which the clock of the shop stands.
pub const NOW_S: i64 = 1_800_000_000;
/// An issuer that the shop trusts and that never answers: nothing listens on this port.
const NEVER_THERE: &str = "http://127.0.0.1:9";

type Answering = Pin<Box<dyn Future<Output = (u16, Value)>>>;

/// The shop.
pub struct Shop {
    runner: SystemRunner,
    accounts: Accounts,
    pages: Box<dyn Fn(TestRequest) -> Answering>,
    key: EncodingKey,
    /// The access token of the guest.
    pub token: String,
    /// The first part of each of the shop's access tokens.
    pub header: String,
}

thread_local! {
    static SHOP: Shop = Shop::open();
}

struct NoMail;

#[async_trait]
impl Mailer for NoMail {
    async fn send(&self, _: &Mail) -> Result<(), Unavailable> {
        Ok(())
    }
}

impl Shop {
    /// The shop of this thread.
    pub fn visit(work: impl FnOnce(&Self)) {
        SHOP.with(work);
    }

    fn open() -> Self {
        let runner = System::new();
        let keys = platform::testing::folder();
        let accounts = runner.block_on(accounts(&keys));
        let routes = accounts.clone();
        let app = App::new().configure(move |config| routes.routes(config));
        let service = Rc::new(runner.block_on(test::init_service(app)));
        let pages = move |request: TestRequest| -> Answering {
            let service = Rc::clone(&service);
            Box::pin(async move {
                let response = test::call_service(&*service, request.to_request()).await;
                let status = response.status().as_u16();
                let body = test::read_body(response).await;
                (status, serde_json::from_slice(&body).unwrap_or_default())
            })
        };
        let guest = TestRequest::post().uri("/v1/auth/guest");
        let (status, guest) = runner.block_on(pages(guest));
        assert_eq!(status, 201, "{guest}");
        let token = guest["access_token"].as_str().expect("a token").to_owned();
        let header = token.split('.').next().expect("a header").to_owned();
        let pem = std::fs::read(keys.join("signing-0.pem")).expect("the shop's key");
        let key = EncodingKey::from_ed_pem(&pem).expect("an Ed25519 key");
        Self { runner, accounts, pages: Box::new(pages), key, token, header }
    }

    /// Who a token is, to the shop.
    pub fn knows(&self, token: &str) -> Option<Principal> {
        match self.runner.block_on(self.accounts.authenticate(token)) {
            Ok(caller) => Some(caller),
            Err(IdentityError::Refused) => None,
            Err(error) => panic!("{token:?}: {error}"),
        }
    }

    /// Who sends a request, or the status with which it is refused.
    pub fn identify(&self, request: TestRequest) -> Result<Option<Principal>, u16> {
        let request = request.to_http_request();
        let told = self.runner.block_on(platform::http::identify(&self.accounts, &request));
        told.map_err(|failure| failure.status_code().as_u16())
    }

    /// What the shop's endpoints answer: the status and the body.
    pub fn ask(&self, request: TestRequest) -> (u16, Value) {
        self.runner.block_on((self.pages)(request))
    }

    /// A token of these claims, as the shop signs its own.
    pub fn sign(&self, claims: &[u8]) -> String {
        let message = format!("{}.{}", self.header, URL_SAFE_NO_PAD.encode(claims));
        let signature = crypto::sign(message.as_bytes(), &self.key, Algorithm::EdDSA);
        format!("{message}.{}", signature.expect("a signature"))
    }
}

async fn accounts(keys: &std::path::Path) -> Accounts {
    let (clock, _) = Clock::fixed(Timestamp::from_timestamp(NOW_S, 0).expect("a time"));
    let db = platform::testing::database(Engine::Sqlite, &SCHEMA, clock).await;
    let issuer = Issuer {
        issuer: NEVER_THERE.to_owned(),
        audience: "stoa".to_owned(),
        role_claim: "role".to_owned(),
        roles: vec![("boss".to_owned(), "admin".to_owned())],
    };
    let settings = Settings { issuers: vec![issuer], ..Settings::default() };
    let db = db.expect("SQLite is there always");
    Accounts::open(db, settings, keys, Arc::new(NoMail)).await.expect("the accounts")
}
