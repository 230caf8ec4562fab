//! A backup that is made while shoppers buy becomes a shop again, of one moment and with everything that was confirmed
//! before; what is no whole backup becomes none.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};
use tokio::sync::Mutex;

use crate::said::{refused, refuses, said};
use crate::support::{
    APPROVED, Customer, Engine, Shop, WAIT_MAX, id_of, on_both_engines, order_body, product,
};

on_both_engines![
    a_backup_under_load_is_a_shop_again,
    a_backup_or_a_restore_that_is_killed_is_none,
    what_is_not_what_it_was_is_refused,
    a_full_disk_leaves_nothing,
];

/// How many buy at once.
const BUYERS: usize = 4;

/// A name for a backup of a shop.
fn new_backup() -> PathBuf {
    platform::testing::folder().join("backup")
}

pub fn save(shop: &Shop) -> PathBuf {
    let backup = new_backup();
    said(shop, &["backup", "--to", backup.to_str().unwrap()]);
    backup
}

/// The restored shop, in a place of its own.
pub fn restored(shop: &Shop, backup: &Path, more: &[&str]) -> Shop {
    let place = shop.elsewhere();
    said(&place, &[&["restore", "--from", backup.to_str().unwrap()], more].concat());
    place
}

/// Whether nothing of a shop is in a place.
fn is_empty(place: &Shop) -> bool {
    let entries = std::fs::read_dir(&place.folder).unwrap();
    let mut names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.all(|name| ["keys", "serve.lock", "vault.lock"].contains(&&*name))
}

/// Who bought what: the orders that were confirmed, in their order.
type Confirmed = Arc<Mutex<Vec<(Customer, String)>>>;

/// Buys until it is told to stop.
async fn buy(buyer: Customer, lamp: String, confirmed: Confirmed, stops: Arc<AtomicBool>) {
    let card = buyer.card(APPROVED).await;
    for n in 0.. {
        if stops.load(Ordering::SeqCst) {
            return;
        }
        buyer.fill_cart(&lamp, 1).await;
        let (key, body) = (format!("key-{n}"), order_body(&card));
        let began = std::time::Instant::now();
        let mut order = buyer.command("/v1/orders", &key, &body).await;
        while order.status == 202 && began.elapsed() < WAIT_MAX {
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            order = buyer.command("/v1/orders", &key, &body).await;
        }
        if order.body["status"] == "CONFIRMED" {
            let id = order.body["id"].as_str().unwrap().to_owned();
            confirmed.lock().await.push((buyer.with(buyer.token()), id));
        } else {
            panic!("{order:?}");
        }
    }
}

/// Waits until this many orders are confirmed.
async fn until(confirmed: &Confirmed, count: usize) {
    while confirmed.lock().await.len() < count {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

async fn a_backup_under_load_is_a_shop_again(engine: Engine) {
    let Some(mut shop) = Shop::running(engine, &[product("LAMP-1", "20.00", 100_000)]) else {
        return;
    };
    let lamp = id_of(&Customer::guest(&shop).await, "LAMP-1").await;
    let picture = "media/0199aaaa-0000-7000-8000-000000000000/original.png";
    std::fs::create_dir_all(shop.folder.join(picture).parent().unwrap()).unwrap();
    std::fs::write(shop.folder.join(picture), b"a picture").unwrap();

    let (confirmed, stops) = (Confirmed::default(), Arc::new(AtomicBool::new(false)));
    let mut buyers = Vec::new();
    for _ in 0..BUYERS {
        let buyer = Customer::guest(&shop).await;
        let bought = buy(buyer, lamp.clone(), confirmed.clone(), stops.clone());
        buyers.push(tokio::spawn(bought));
    }
    until(&confirmed, 3 * BUYERS).await;
    let before = confirmed.lock().await.len();
    // What is one snapshot on PostgreSQL is many on SQLite.
    let several = if engine == Engine::Sqlite { 3 } else { 1 };
    let backups: Vec<PathBuf> = (0..several).map(|_| save(&shop)).collect();
    let meanwhile = confirmed.lock().await.len();
    until(&confirmed, meanwhile + BUYERS).await;
    stops.store(true, Ordering::SeqCst);
    for buyer in buyers {
        buyer.await.unwrap();
    }
    let confirmed = confirmed.lock().await;
    // The shop of the backups is no more when it is needed.
    shop.kill();

    let mut sold = Vec::new();
    for backup in &backups {
        said(&shop, &["restore", "--check", "--from", backup.to_str().unwrap()]);
        let mut place = restored(&shop, backup, &[]);
        assert_eq!(std::fs::read(place.folder.join(picture)).unwrap(), b"a picture");
        place.start(&[]);
        place.settle();
        let mut there = 0;
        for (n, (buyer, order)) in confirmed.iter().enumerate() {
            let found = buyer.at(&place).get(&format!("/v1/orders/{order}")).await;
            assert!(found.status == 200 || n >= before, "{order} is lost: {found:?}");
            there += usize::from(found.status == 200);
        }
        sold.push(there);
        // It sells on.
        let guest = Customer::guest(&place).await;
        guest.fill_cart(&lamp, 1).await;
        let order = guest.order("later", &guest.card(APPROVED).await).await;
        assert_eq!(order.body["status"], "CONFIRMED", "{order:?}");
        place.settle();
        let admin = place.admin().await;
        let log = admin.get("/v1/admin/audit?action=backup").await;
        let actions: Vec<&Value> =
            log.body["items"].as_array().unwrap().iter().map(|entry| &entry["action"]).collect();
        assert_eq!(actions[0], "backup.restore", "{log:?}");
        assert!(actions[1..].iter().all(|action| *action == "backup.make"), "{log:?}");
        assert_eq!(actions.len(), 1 + sold.len(), "a backup tells of itself: {log:?}");
        place.settle();
        place.stop();
        place.assert_books();

        // What is there is not restored over.
        let from = ["restore", "--from", backup.to_str().unwrap()];
        let why = refuses(&place, &from);
        assert!(why.contains("another --data-dir") || why.contains("empty"), "{why}");
        place.assert_books();
    }
    assert!(sold.is_sorted() && meanwhile <= confirmed.len(), "{sold:?}");
}

async fn a_backup_or_a_restore_that_is_killed_is_none(engine: Engine) {
    let Some(mut shop) = Shop::running(engine, &[product("LAMP-1", "20.00", 5)]) else { return };
    for point in ["within backup", "after databases of backup", "before name of backup"] {
        let backup = new_backup();
        shop.set("STOA_FAULT", &format!("kill:{point}"));
        let killed =
            tokio::task::block_in_place(|| shop.run(&["backup", "--to", backup.to_str().unwrap()]));
        assert_eq!(killed.status.code(), None, "{point}: {killed:?}");
        shop.set("STOA_FAULT", "");
        assert!(!backup.exists(), "{point}");
        let left = backup.with_added_extension("unfinished");
        assert!(left.exists(), "{point}");
        let place = shop.elsewhere();
        let from = left.to_str().unwrap();
        // It has all that it needs when it is killed at last, but for its name.
        if point != "before name of backup" {
            let why = refuses(&place, &["restore", "--from", from]);
            assert!(why.contains("is no backup"), "{point}: {why}");
            assert!(is_empty(&place), "{point}");
        }
        let why = refuses(&shop, &["backup", "--to", backup.to_str().unwrap()]);
        assert!(why.contains("remove it"), "{point}: {why}");
        std::fs::remove_dir_all(&left).unwrap();
        said(&shop, &["backup", "--to", backup.to_str().unwrap()]);
    }
    let backup = save(&shop);
    let again = refuses(&shop, &["backup", "--to", backup.to_str().unwrap()]);
    assert!(again.contains("is there already"), "{again}");

    for point in ["within restore", "before end of restore"] {
        let mut place = shop.elsewhere();
        let restore = ["restore", "--from", backup.to_str().unwrap()];
        place.set("STOA_FAULT", &format!("kill:{point}"));
        let killed = tokio::task::block_in_place(|| place.run(&restore));
        assert_eq!(killed.status.code(), None, "{point}: {killed:?}");
        place.set("STOA_FAULT", "");
        for command in [&["serve"][..], &["verify"], &["migrate"], &["backup", "--to", "x"]] {
            let why = refuses(&place, command);
            assert!(why.contains("half restored"), "{point}: {command:?}: {why}");
        }
        refuses(&place, &restore);
        let replace = [&restore[..], &["--replace"]].concat();
        if engine == Engine::Postgres {
            assert!(refuses(&place, &replace).contains("empty"), "{point}");
            continue;
        }
        said(&place, &replace);
        place.start(&[]);
        place.settle();
        place.stop();
        place.assert_books();
    }
    shop.stop();
}

/// What is done to `backup.json`; the other engine is named.
type Change = fn(&mut Value, &str);

async fn what_is_not_what_it_was_is_refused(engine: Engine) {
    let Some(shop) = Shop::running(engine, &[product("LAMP-1", "20.00", 5)]) else { return };
    let picture = "media/a/original.png";
    std::fs::create_dir_all(shop.folder.join("media/a")).unwrap();
    std::fs::write(shop.folder.join(picture), b"a picture").unwrap();
    let backup = save(&shop);
    let place = shop.elsewhere();
    let from = backup.to_str().unwrap();
    let refuses_it = |why: &str| {
        let told = refuses(&place, &["restore", "--from", from]);
        assert!(told.contains(why), "{why}: {told}");
        assert!(is_empty(&place), "{why}");
    };
    let manifest = backup.join("backup.json");
    let whole: Value = serde_json::from_slice(&std::fs::read(&manifest).unwrap()).unwrap();
    let files = whole["files"].as_array().unwrap().iter();
    let files: Vec<&str> = files.map(|file| file["path"].as_str().unwrap()).collect();
    assert!(files.contains(&picture), "{files:?}");
    assert!(!files.iter().any(|file| file.contains(".key") || file.contains(".pem")), "{files:?}");
    for file in files {
        let file = backup.join(file);
        let before = std::fs::read(&file).unwrap();
        // A file that is held as a lock.
        if before.is_empty() {
            continue;
        }
        let mut bytes = before.clone();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        std::fs::write(&file, &bytes).unwrap();
        refuses_it("is not what it was");
        std::fs::write(&file, &before[..middle]).unwrap();
        refuses_it("is not what it was");
        std::fs::remove_file(&file).unwrap();
        refuses_it(file.file_name().unwrap().to_str().unwrap());
        std::fs::write(&file, before).unwrap();
    }
    let other = match engine {
        Engine::Sqlite => "postgres",
        Engine::Postgres => "sqlite",
    };
    let changes: [(&str, Change); 4] = [
        ("newer version of Stoa", |it, _| it["format"] = json!(2)),
        ("9999_tomorrow", |it, _| {
            it["migrations"]["order"].as_array_mut().unwrap().push(json!("9999_tomorrow"));
        }),
        ("which is not in the backup", |it, _| it["files"][0]["path"] = json!("../auth.db")),
        ("database.engine", |it, other| it["engine"] = json!(other)),
    ];
    for (why, change) in changes {
        let mut changed = whole.clone();
        change(&mut changed, other);
        std::fs::write(&manifest, changed.to_string()).unwrap();
        refuses_it(why);
    }
    std::fs::remove_file(&manifest).unwrap();
    refuses_it("is no backup");
    let told = refuses(&place, &["restore", "--check", "--from", from]);
    assert!(told.contains("is no backup"), "{told}");
    std::fs::write(&manifest, whole.to_string()).unwrap();

    // Keys are put back first, and the right ones.
    let keys = place.folder.join("keys");
    for name in ["root.key", "people-0001.key", "ledger.key"] {
        let key = keys.join(name);
        let before = std::fs::read(&key).unwrap();
        std::fs::remove_file(&key).unwrap();
        let told = refuses(&place, &["restore", "--from", from]);
        assert!(told.contains("put back") && told.contains(name), "{told}");
        std::fs::write(&key, "another").unwrap();
        let told = refuses(&place, &["restore", "--from", from]);
        assert!(told.contains("another key") && is_empty(&place), "{told}");
        std::fs::write(&key, before).unwrap();
    }
    said(&place, &["restore", "--from", from]);
}

async fn a_full_disk_leaves_nothing(engine: Engine) {
    let Some(shop) = Shop::running(engine, &[product("LAMP-1", "20.00", 5)]) else { return };
    // Larger than any database of this shop, and than what is written to it meanwhile.
    std::fs::create_dir_all(shop.folder.join("media/a")).unwrap();
    std::fs::write(shop.folder.join("media/a/original.png"), vec![7; 8 << 20]).unwrap();
    let backup = new_backup();
    let to = ["backup", "--to", backup.to_str().unwrap()];
    // Of 512 bytes each. A write beyond it fails as one on a full disk does.
    for limit in [4, 12_000] {
        let limits = format!("trap '' XFSZ; ulimit -f {limit}");
        let why = refused(&tokio::task::block_in_place(|| shop.run_within(&limits, &to)));
        assert!(why.contains("stoa: "), "{why}");
        let left = std::fs::read_dir(backup.parent().unwrap()).unwrap().count();
        assert_eq!(left, 0, "{limit}: {why}");
    }
    said(&shop, &to);
    let place = shop.elsewhere();
    let from = ["restore", "--from", backup.to_str().unwrap()];
    let limits = "trap '' XFSZ; ulimit -f 12000";
    let why = refused(&tokio::task::block_in_place(|| place.run_within(limits, &from)));
    assert!(why.contains("original.png"), "{why}");
    let why = refuses(&place, &["verify"]);
    assert!(why.contains("half restored"), "{why}");
    said(&place, &[&from[..], &["--replace"]].concat());
    said(&place, &["verify", "--grace-s", "3600"]);
}
