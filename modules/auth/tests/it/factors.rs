//! Codes of devices, of letters, and in place of a lost device.

use actix_web::http::Method;
use auth::{Accounts, Settings};
use chrono::TimeDelta;
use futures_util::future::join_all;
use kernel::Timestamp;
use kernel::clock::ClockHand;
use kernel::ports::{Factor, Identity, Proof};
use platform::sql::{Db, Sql};
use serde_json::{Value, json};
use totp_rs::{Algorithm, Builder, Secret, Totp};

use crate::shop::{
    Browser, EMAIL, LetterBox, PASSWORD, Reply, assert_books, at_a_standstill, cheap,
    open_with_letters,
};

const POST: Method = Method::POST;
const TOTP: &str = "/v1/auth/mfa/totp";
const CONFIRM: &str = "/v1/auth/mfa/totp/confirm";
const VERIFY: &str = "/v1/auth/mfa/verify";

/// A shop at a time that stands still, with an account whose device shows codes.
pub struct Scene {
    pub db: Db,
    pub hand: ClockHand,
    pub accounts: Accounts,
    pub letters: LetterBox,
    pub browser: Browser,
    pub device: Totp,
    pub recovery: Vec<String>,
}

impl Scene {
    /// On each engine that is there.
    pub async fn all(settings: Settings) -> Vec<Self> {
        let mut scenes = Vec::new();
        for (db, hand) in at_a_standstill().await {
            let (accounts, letters) = open_with_letters(&db, settings.clone()).await;
            let browser = Browser::new(&accounts).await;
            let token = browser.enter().await.access_token();
            let setup = browser.ask(POST, TOTP, &token, Value::Null).await;
            assert_eq!(setup.status, 201, "{setup:?}");
            let device = device(setup.json["secret"].as_str().unwrap());
            let code = json!({"code": code(&device, db.clock().now())});
            let confirmed = browser.ask(POST, CONFIRM, &token, code).await;
            assert_eq!(confirmed.status, 200, "{confirmed:?}");
            let recovery = confirmed.json["recovery_codes"].as_array().unwrap().iter();
            let recovery = recovery.map(|code| code.as_str().unwrap().to_owned()).collect();
            letters.collect(&accounts, &db).await;
            hand.advance(TimeDelta::seconds(30));
            scenes.push(Self { db, hand, accounts, letters, browser, device, recovery });
        }
        scenes
    }

    pub fn code(&self) -> String {
        code(&self.device, self.db.clock().now())
    }

    /// A code that is not one of now or beside.
    fn wrong(&self) -> String {
        code(&self.device, self.db.clock().now() + TimeDelta::hours(5))
    }

    pub async fn login(&self) -> String {
        self.browser.login(PASSWORD).await.access_token()
    }

    pub async fn verify(&self, token: &str, code: &str) -> Reply {
        self.browser.ask(POST, VERIFY, token, json!({"code": code})).await
    }

    async fn amr(&self, token: &str) -> (Vec<Factor>, Timestamp) {
        match self.accounts.authenticate(token).await.unwrap().proof {
            Proof::Login { amr, auth_time, .. } => (amr, auth_time),
            Proof::Key { .. } => panic!("no key"),
        }
    }
}

fn device(secret: &str) -> Totp {
    let built = Builder::new()
        .with_algorithm(Algorithm::SHA1)
        .with_secret(Secret::try_from_base32(secret).unwrap())
        .with_account_name("ada")
        .build();
    built.unwrap()
}

pub fn code(device: &Totp, now: Timestamp) -> String {
    device.generate(u64::try_from(now.timestamp()).unwrap()).to_string()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_device_proves_a_session() {
    for scene in Scene::all(cheap()).await {
        let login = scene.browser.login(PASSWORD).await;
        let token = login.access_token();
        assert_eq!(scene.amr(&token).await.0, [Factor::Pwd]);
        scene.hand.advance(TimeDelta::seconds(100));
        let proved = scene.verify(&token, &scene.code()).await;
        assert_eq!(proved.status, 200, "{proved:?}");
        assert_eq!(proved.header("cache-control"), "no-store");
        let now = scene.db.clock().now();
        let expected = (vec![Factor::Pwd, Factor::Otp], now);
        assert_eq!(scene.amr(&proved.access_token()).await, expected);
        assert_eq!(proved.cookie("__Host-stoa_session").value(), proved.access_token());
        assert_eq!(proved.json["csrf_token"], login.json["csrf_token"], "the session is the same");
        let who = scene.accounts.authenticate(&proved.access_token()).await.unwrap();
        assert!(who.is_second_factor() && who.has_stepped_up(now));
        // The session remembers it, and a refresh proves nothing new.
        scene.hand.advance(TimeDelta::minutes(16));
        let refreshed = scene.browser.refresh(&login.refresh_token()).await.access_token();
        assert_eq!(scene.amr(&refreshed).await, expected);
        let who = scene.accounts.authenticate(&refreshed).await.unwrap();
        assert!(who.is_second_factor() && !who.has_stepped_up(scene.db.clock().now()));
        let list = scene.browser.ask(Method::GET, "/v1/auth/sessions", &refreshed, Value::Null);
        assert_eq!(list.await.json["items"][0]["amr"], json!(["pwd", "otp"]));
        assert_books(&scene.accounts).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_code_works_twice() {
    for scene in Scene::all(Settings { code_failures_max: 100, ..loose() }).await {
        let mut tokens = Vec::new();
        for _ in 0..5 {
            tokens.push(scene.login().await);
        }
        let right = scene.code();
        let tries = (0..50).map(|n| scene.verify(&tokens[n % 5], &right));
        let replies = join_all(tries).await;
        let count = |status| replies.iter().filter(|reply| reply.status == status).count();
        assert_eq!((count(200), count(401)), (1, 49), "{replies:?}");
        let refused = replies.iter().find(|reply| reply.status == 401).unwrap();
        assert_eq!(refused.code(), "invalid_code");
        // Nor one of a step before, which a device that is slow would show.
        scene.hand.advance(TimeDelta::seconds(30));
        let before = code(&scene.device, scene.db.clock().now() - TimeDelta::seconds(30));
        assert_eq!(scene.verify(&tokens[0], &before).await.code(), "invalid_code");
        assert_eq!(scene.verify(&tokens[0], &scene.code()).await.status, 200);
        let late = code(&scene.device, scene.db.clock().now() - TimeDelta::seconds(60));
        assert_eq!(scene.verify(&tokens[0], &late).await.code(), "invalid_code");
    }
}

pub fn loose() -> Settings {
    Settings { code_failures_a_day_max: 1_000, ..cheap() }
}

/// Failures are counted by account: a new login gives no new tries.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn wrong_codes_are_limited_across_sessions() {
    for scene in Scene::all(cheap()).await {
        let mut tokens = Vec::new();
        for _ in 0..10 {
            tokens.push(scene.login().await);
        }
        let wrong = scene.wrong();
        let replies = join_all((0..50).map(|n| scene.verify(&tokens[n % 10], &wrong))).await;
        let count = |status| replies.iter().filter(|reply| reply.status == status).count();
        assert_eq!((count(401), count(429)), (5, 45), "{replies:?}");
        let held = scene.verify(&tokens[0], &scene.code()).await;
        assert_eq!((held.status, held.code()), (429, "too_many_attempts"), "the right one too");
        assert_eq!(held.header("retry-after"), "870");
        let told = scene.letters.collect(&scene.accounts, &scene.db).await;
        let told: Vec<&str> = told.iter().map(|mail| mail.kind.as_str()).collect();
        assert_eq!(told, ["codes_refused"], "their owner is told once");

        // Twenty failures are enough for a day, however they are spread.
        for _ in 0..3 {
            scene.hand.advance(TimeDelta::minutes(15));
            let token = scene.login().await;
            for _ in 0..5 {
                assert_eq!(scene.verify(&token, &scene.wrong()).await.status, 401);
            }
        }
        scene.hand.advance(TimeDelta::minutes(15));
        let token = scene.login().await;
        assert_eq!(scene.verify(&token, &scene.code()).await.status, 429);
        scene.hand.advance(TimeDelta::hours(24));
        let token = scene.login().await;
        assert_eq!(scene.verify(&token, &scene.code()).await.status, 200);
        assert_books(&scene.accounts).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn recovery_codes_work_once_each() {
    for scene in Scene::all(Settings { code_failures_max: 100, ..loose() }).await {
        assert_eq!(scene.recovery.len(), 10);
        let stored: Vec<(String,)> =
            scene.db.query(Sql::new("select hash from recovery_code")).all().await.unwrap();
        assert!(stored.iter().all(|(hash,)| hash.len() == 64 && !scene.recovery.contains(hash)));
        let token = scene.login().await;
        let first = scene.recovery[0].to_uppercase().replace('-', " ");
        let replies = join_all((0..20).map(|_| scene.verify(&token, &first))).await;
        let count = |status| replies.iter().filter(|reply| reply.status == status).count();
        assert_eq!((count(200), count(401)), (1, 19), "{replies:?}");
        let left = scene.browser.ask(Method::GET, "/v1/auth/mfa", &token, Value::Null).await;
        assert_eq!(left.json["recovery_codes"], 9);
        assert_eq!(scene.verify(&token, &scene.recovery[1]).await.status, 200);

        // They belong to one account.
        let body = json!({"email": "bob@example.com", "password": PASSWORD, "name": "Bob"});
        scene.browser.post("/v1/auth/register", body).await;
        let login = json!({"email": "bob@example.com", "password": PASSWORD});
        let bob = scene.browser.post("/v1/auth/login", login).await.access_token();
        assert_eq!(scene.verify(&bob, &scene.recovery[2]).await.code(), "invalid_code");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_device_is_set_up_confirmed_and_removed() {
    for scene in Scene::all(cheap()).await {
        let (browser, token) = (&scene.browser, scene.login().await);
        let again = browser.ask(POST, TOTP, &token, Value::Null).await;
        assert_eq!((again.status, again.code()), (403, "mfa_required"));
        let weak = browser.ask(Method::DELETE, TOTP, &token, Value::Null).await;
        assert_eq!((weak.status, weak.code()), (403, "mfa_required"), "a password is not enough");
        let body = json!({"password": PASSWORD, "new_password": "another horse battery"});
        let weak = browser.ask(POST, "/v1/auth/password/change", &token, body).await;
        assert_eq!((weak.status, weak.code()), (403, "mfa_required"));
        let strong = scene.verify(&token, &scene.code()).await.access_token();
        let again = browser.ask(POST, TOTP, &strong, Value::Null).await;
        assert_eq!((again.status, again.code()), (409, "conflict"));
        let twice = browser.ask(POST, CONFIRM, &strong, json!({"code": "123456"})).await;
        assert_eq!((twice.status, twice.code()), (409, "conflict"));
        assert_eq!(browser.ask(Method::DELETE, TOTP, &strong, Value::Null).await.status, 204);
        let told = scene.letters.collect(&scene.accounts, &scene.db).await;
        assert_eq!(told.last().unwrap().kind, "factor_removed");
        let gone = browser.ask(Method::DELETE, TOTP, &strong, Value::Null).await;
        assert_eq!((gone.status, gone.code()), (404, "not_found"));
        let none = browser.ask(POST, CONFIRM, &strong, json!({"code": "123456"})).await;
        assert_eq!((none.status, none.code()), (404, "not_found"));
        assert_eq!(scene.verify(&token, &scene.recovery[0]).await.code(), "invalid_code");

        // A seed that was never confirmed is no factor, and is replaced by the next one.
        let first = browser.ask(POST, TOTP, &token, Value::Null).await;
        let second = browser.ask(POST, TOTP, &token, Value::Null).await;
        assert_ne!(first.json["secret"], second.json["secret"]);
        let uri = second.json["otpauth_uri"].as_str().unwrap();
        assert!(uri.starts_with("otpauth://totp/stoa:ada%40example.com?"), "{uri}");
        assert!(second.json["qr_svg"].as_str().unwrap().contains("<svg"));
        let now = scene.db.clock().now();
        let old = code(&device(first.json["secret"].as_str().unwrap()), now);
        let refused = browser.ask(POST, CONFIRM, &token, json!({"code": old})).await;
        assert_eq!((refused.status, refused.code()), (401, "invalid_code"));
        let secret = second.json["secret"].as_str().unwrap();
        let stored: Vec<(Vec<u8>,)> =
            scene.db.query(Sql::new("select seed from totp")).all().await.unwrap();
        let seed = Secret::try_from_base32(secret).unwrap();
        let seed = seed.as_bytes();
        assert!(stored[0].0.windows(seed.len()).all(|window| window != seed), "it is sealed");
        let right = json!({"code": code(&device(secret), now)});
        let replies =
            join_all((0..5).map(|_| browser.ask(POST, CONFIRM, &token, right.clone()))).await;
        let confirmed = replies.iter().filter(|reply| reply.status == 200).count();
        assert_eq!(confirmed, 1, "{replies:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_is_no_code_is_refused_and_not_counted() {
    for scene in Scene::all(cheap()).await {
        let token = scene.login().await;
        for code in ["", "12345", "1234567", "abcdef", "' or 1", "0x1234", &"1".repeat(100_000)] {
            let refused = scene.verify(&token, code).await;
            assert_eq!((refused.status, refused.code()), (401, "invalid_code"), "{code}");
        }
        for (body, field) in
            [(json!({}), "code"), (json!({"code": 123_456}), "code"), (json!({"c": "1"}), "c")]
        {
            let refused = scene.browser.ask(POST, VERIFY, &token, body).await;
            assert_eq!((refused.status, refused.code()), (422, "invalid_value"), "{field}");
            assert_eq!(refused.json["errors"][0]["field"], field);
        }
        assert_eq!(scene.verify(&token, &scene.code()).await.status, 200);
        let nobody = scene.browser.post(VERIFY, json!({"code": "123456"})).await;
        assert_eq!((nobody.status, nobody.code()), (401, "unauthenticated"));
        let guest = scene.browser.post("/v1/auth/guest", Value::Null).await.access_token();
        assert_eq!(scene.verify(&guest, "123456").await.code(), "forbidden");
        let ended = scene.login().await;
        scene.browser.logout(&ended).await;
        assert_eq!(scene.verify(&ended, &scene.code()).await.code(), "unauthenticated");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_letter_is_the_weakest_factor() {
    for scene in Scene::all(Settings { code_failures_max: 100, ..loose() }).await {
        let token = scene.login().await;
        let better = scene.browser.ask(POST, "/v1/auth/mfa/email", &token, Value::Null).await;
        assert_eq!((better.status, better.code()), (409, "conflict"));

        let body = json!({"email": "bob@example.com", "password": PASSWORD, "name": "Bob"});
        scene.browser.post("/v1/auth/register", body).await;
        let login = json!({"email": "bob@example.com", "password": PASSWORD});
        let bob = scene.browser.post("/v1/auth/login", login).await.access_token();
        let early = scene.verify(&bob, "123456").await;
        assert_eq!((early.status, early.code()), (401, "invalid_code"), "no letter was written");
        let asked = scene.browser.ask(POST, "/v1/auth/mfa/email", &bob, Value::Null).await;
        assert_eq!(asked.status, 202);
        let letter = scene.letters.only(&scene.accounts, &scene.db, "login_code").await;
        assert_ne!(letter.to, EMAIL);
        let code = letter.text.split_whitespace().last().unwrap().to_owned();
        let wrong = if code == "123456" { "654321" } else { "123456" };
        assert_eq!(scene.verify(&bob, wrong).await.code(), "invalid_code");
        let replies = join_all((0..20).map(|_| scene.verify(&bob, &code))).await;
        let proved: Vec<&Reply> = replies.iter().filter(|reply| reply.status == 200).collect();
        assert_eq!(proved.len(), 1, "{replies:?}");
        let who = scene.accounts.authenticate(&proved[0].access_token()).await.unwrap();
        assert!(who.is_second_factor());
        assert!(!who.has_stepped_up(scene.db.clock().now()), "not for refunds, keys and roles");

        scene.browser.ask(POST, "/v1/auth/mfa/email", &bob, Value::Null).await;
        let letter = scene.letters.only(&scene.accounts, &scene.db, "login_code").await;
        let code = letter.text.split_whitespace().last().unwrap().to_owned();
        scene.hand.advance(TimeDelta::minutes(10));
        assert_eq!(scene.verify(&bob, &code).await.code(), "invalid_code", "too old");
    }
}
