//! What strangers cannot tell: who has an account, neither by what they are answered nor by the work
//! that was done for the answer.

use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, Once};

use auth::{SCHEMA, Settings};
use kernel::ports::Role;
use platform::audit::Actor;
use platform::sql::{Db, Sql};
use serde_json::{Value, json};
use tracing::field::{Field, Visit};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

use crate::shop::{Browser, EMAIL, PASSWORD, Reply, WINDOW_WITHOUT_END, cheap, keys, open_at};

platform::on_both_engines!(super::SCHEMA =>
    every_refused_login_is_the_same_work_and_the_same_answer,
    a_locked_address_is_answered_alike_and_without_work,
    a_stranger_costs_what_passwords_cost_today,
    whoever_asks_for_a_letter_is_answered_alike_and_without_work,
);

const STRANGER: &str = "nobody@example.com";
/// An account whose owner has no password, but a passkey.
const KEYHOLDER: &str = "bob@example.com";

/// What was computed: memory in KiB, passes and lanes of each.
static COMPUTED: Mutex<Vec<[u64; 3]>> = Mutex::new(Vec::new());

struct Ledger;

#[derive(Default)]
struct Entry([Option<u64>; 3]);

impl Visit for Entry {
    fn record_u64(&mut self, field: &Field, value: u64) {
        let names = ["memory_kib", "passes", "lanes"];
        if let Some(at) = names.iter().position(|name| *name == field.name()) {
            self.0[at] = Some(value);
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn std::fmt::Debug) {}
}

impl<S: tracing::Subscriber> Layer<S> for Ledger {
    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        let mut entry = Entry::default();
        event.record(&mut entry);
        if let [Some(memory_kib), Some(passes), Some(lanes)] = entry.0 {
            COMPUTED.lock().unwrap().push([memory_kib, passes, lanes]);
        }
    }
}

/// Settings with a memory of their own, by which the work of one test is told from that of others.
fn marked() -> Settings {
    static WRITTEN_DOWN: Once = Once::new();
    static NEXT: AtomicU32 = AtomicU32::new(64);
    WRITTEN_DOWN.call_once(|| {
        let ledger = tracing_subscriber::registry().with(Ledger);
        tracing::subscriber::set_global_default(ledger).unwrap();
    });
    Settings { argon2_memory_kib: NEXT.fetch_add(1, Ordering::Relaxed), ..cheap() }
}

/// What was computed since it was asked last, as passes.
fn computed(settings: &Settings) -> Vec<u64> {
    let ours = |entry: &&mut [u64; 3]| entry[0] == u64::from(settings.argon2_memory_kib);
    let mut ledger = COMPUTED.lock().unwrap();
    let passes = ledger.iter_mut().filter(ours).map(|entry| entry[1]).collect();
    ledger.retain(|entry| entry[0] != u64::from(settings.argon2_memory_kib));
    passes
}

/// All that a client sees of an answer.
fn seen(reply: &Reply) -> (u16, Value, Vec<String>) {
    let mut headers: Vec<String> = reply.headers.iter().map(|it| format!("{it:?}")).collect();
    headers.sort_unstable();
    (reply.status, reply.json.clone(), headers)
}

async fn guess(browser: &Browser, email: &str) -> Reply {
    browser.post("/v1/auth/login", json!({"email": email, "password": "a wrong password"})).await
}

async fn settled(db: &Db, settings: &Settings) -> Browser {
    settled_at(db, settings, &keys()).await
}

async fn settled_at(db: &Db, settings: &Settings, folder: &Path) -> Browser {
    let accounts = open_at(db, settings.clone(), folder).await;
    let ensure =
        |email, name| accounts.ensure(email, PASSWORD.into(), name, Role::Customer, &Actor::SYSTEM);
    ensure(EMAIL, "Ada").await.unwrap();
    let keyholder = ensure(KEYHOLDER, "Bob").await.unwrap();
    let mut tx = db.begin("test.no_password").await.unwrap();
    let gone = Sql::new("update customer set password_hash = null where id = $1");
    tx.query(gone).bind(keyholder.uuid()).execute().await.unwrap();
    tx.commit().await.unwrap();
    computed(settings);
    Browser::new(&accounts).await
}

async fn every_refused_login_is_the_same_work_and_the_same_answer(db: Db) {
    let settings = marked();
    let browser = settled(&db, &settings).await;
    let wrong = guess(&browser, EMAIL).await;
    assert_eq!((wrong.status, computed(&settings)), (401, vec![1]));
    for email in [STRANGER, KEYHOLDER, "Nobody.Else+tag@example.com"] {
        let refused = guess(&browser, email).await;
        assert_eq!(seen(&refused), seen(&wrong), "{email}");
        assert_eq!(computed(&settings), [1], "{email}");
    }
    assert_eq!(browser.login(PASSWORD).await.status, 200);
    assert_eq!(computed(&settings), [1], "a right one is no other work either");
}

async fn a_locked_address_is_answered_alike_and_without_work(db: Db) {
    let settings =
        Settings { account_failures_max: 2, failure_window_s: WINDOW_WITHOUT_END, ..marked() };
    let browser = settled(&db, &settings).await;
    let mut locked = Vec::new();
    for email in [EMAIL, STRANGER, KEYHOLDER] {
        for _ in 0..2 {
            assert_eq!(guess(&browser, email).await.status, 401, "{email}");
        }
        assert_eq!(computed(&settings), [1, 1], "{email}");
        let mut reply = guess(&browser, email).await;
        assert_eq!((reply.status, computed(&settings)), (429, vec![]), "{email}");
        // The seconds that are left tell the time of day and nothing else.
        assert!(reply.header("retry-after").parse::<u32>().is_ok());
        reply.headers.remove("retry-after");
        reply.json.as_object_mut().unwrap().remove("retry_after_s");
        reply.json.as_object_mut().unwrap().remove("detail");
        locked.push(seen(&reply));
    }
    assert!(locked.iter().all(|one| *one == locked[0]), "{locked:?}");
}

async fn a_stranger_costs_what_passwords_cost_today(db: Db) {
    let (before, folder) = (marked(), keys());
    settled_at(&db, &before, &folder).await;
    let after = Settings { argon2_passes: 3, ..before.clone() };
    let browser = settled_at(&db, &after, &folder).await;
    for email in [STRANGER, KEYHOLDER] {
        assert_eq!((guess(&browser, email).await.status, computed(&after)), (401, vec![3]));
    }
    // Only the password can make a hash of another cost, so this one is as dear as before until its
    // owner comes.
    assert_eq!((guess(&browser, EMAIL).await.status, computed(&after)), (401, vec![1]));
    assert_eq!((browser.login(PASSWORD).await.status, computed(&after)), (200, vec![1, 3]));
    assert_eq!((guess(&browser, EMAIL).await.status, computed(&after)), (401, vec![3]));
}

async fn whoever_asks_for_a_letter_is_answered_alike_and_without_work(db: Db) {
    let settings = marked();
    let browser = settled(&db, &settings).await;
    let mut replies = Vec::new();
    for email in [EMAIL, STRANGER, KEYHOLDER] {
        let reply = browser.post("/v1/auth/password/reset", json!({"email": email})).await;
        assert_eq!((reply.status, computed(&settings)), (202, vec![]), "{email}");
        replies.push(seen(&reply));
    }
    assert!(replies.iter().all(|one| *one == replies[0]), "{replies:?}");
}
