//! What is kept about a person: sealed wherever it lies, shown to them, and gone when they are erased.

use std::process::Output;

use platform::sql::Sql;
use serde_json::{Value, json};

use crate::documents::paper;
use crate::support::{
    APPROVED, Answer, Customer, DECLINED, Engine, Shop, WAIT_MAX, id_of, on_both_engines,
    order_body, product,
};

on_both_engines![
    whoever_is_erased_is_nowhere_and_the_books_are_right,
    an_order_of_before_is_sealed_and_says_the_same,
    an_order_that_was_never_sealed_is_erased_too,
    a_command_that_is_killed_is_finished_by_the_shop,
];

const PASSWORD: &str = "correct horse battery";
/// What nobody else has: parts of her address, her name and her e-mail address. Digits alone are in many a hash.
const HERS: [&str; 5] =
    ["Wilhelmina", "Quendelgasse", "Niederwalluf", "\"65396\"", "quendel@example.com"];
/// Where her invoice goes.
const ON_THE_INVOICE: &str = "Rosmarinweg";

/// Every table of a schema as text, one by one.
const TABLES: Sql = Sql::split(
    "select name from sqlite_schema where type = 'table'",
    "select table_name from information_schema.tables
      where table_schema = current_schema() and table_type = 'BASE TABLE'",
);

fn output(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

/// Her account, and herself.
async fn registered(shop: &Shop) -> Customer {
    let who = json!({"email": HERS[4], "password": PASSWORD});
    let mut body = who.clone();
    body["name"] = json!("Wilhelmina Quendel");
    assert_eq!(Customer::anyone(shop).post("/v1/auth/register", &body).await.status, 201);
    Customer::anyone(shop).log_in(&who).await.unwrap()
}

/// An order of hers that has arrived, with its invoice, and one that failed.
async fn bought(shop: &Shop, her: &Customer, staff: &Customer) -> String {
    her.fill_cart(&id_of(her, "LAMP-1").await, 2).await;
    let mut body = order_body(&her.card(APPROVED).await);
    body["shipping_address"] = json!({
        "name": "Wilhelmina Quendel", "line1": "Quendelgasse 7", "city": "Niederwalluf",
        "postal_code": "65396", "country": "DE",
    });
    body["billing_address"] = json!({
        "name": "Wilhelmina Quendel", "line1": "Rosmarinweg 3", "city": "Wien",
        "postal_code": "1010", "country": "AT",
    });
    body["email"] = json!(HERS[4]);
    let order = her.command("/v1/orders", "first", &body).await;
    let id = order.body["id"].as_str().unwrap_or_else(|| panic!("{order:?}")).to_owned();
    her.until(&id, &["CONFIRMED"]).await;
    let (shop_says, why) = erase(shop, &["--for-good"]);
    assert!(!shop_says && why.contains("has not ended"), "{why}");
    let shipped = staff.post(&format!("/v1/admin/orders/{id}/ship"), &json!({})).await;
    assert_eq!(shipped.status, 200, "{shipped:?}");
    let arrived = staff.post(&format!("/v1/admin/orders/{id}/deliver"), &json!({})).await;
    assert_eq!(arrived.status, 200, "{arrived:?}");
    let invoice = paper(her, &format!("/v1/orders/{id}/invoice.pdf")).await;
    assert!(invoice.contains(ON_THE_INVOICE), "{invoice}");
    id
}

fn erase(shop: &Shop, more: &[&str]) -> (bool, String) {
    let told = shop.run(&[&["customer", "erase", HERS[4]], more].concat());
    (told.status.success(), output(&told))
}

/// The wrapped keys of whoever has an invoice.
async fn wrapped_keys(shop: &Shop) -> Vec<Vec<u8>> {
    let db = shop.database("privacy").await;
    let sql = "select wrapped from person_key where wrapped is not null and made_for in
                   (select made_for from person_key where purpose = 'records')";
    let keys: Vec<(Vec<u8>,)> = db.query(Sql::new(sql)).all().await.unwrap();
    db.close().await;
    keys.into_iter().map(|(key,)| key).collect()
}

/// How many of these keys are in the file of a shop that was stopped; none where there is no file.
fn in_the_file(shop: &Shop, keys: &[Vec<u8>]) -> Option<usize> {
    let file = std::fs::read(shop.folder.join("privacy.db")).ok()?;
    let has = |key: &&Vec<u8>| file.windows(key.len()).any(|bytes| bytes == key.as_slice());
    Some(keys.iter().filter(has).count())
}

fn in_a_file(engine: Engine) -> bool {
    matches!(engine, Engine::Sqlite)
}

/// How many keys somebody has who was served.
async fn wrapped_keys_of(shop: &Shop, person: &str) -> i64 {
    let db = shop.database("privacy").await;
    let sql = "select count(*) from person_key where made_for = $1 and wrapped is not null";
    let person: uuid::Uuid = person.parse().unwrap();
    let (keys,): (i64,) = db.query(Sql::new(sql)).bind(person).one().await.unwrap();
    db.close().await;
    keys
}

/// Every place in the databases where a text stands, as `module.table: what is around it`.
async fn places(shop: &Shop, sought: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    for schema in &stoa::app::SCHEMAS {
        let db = shop.database(schema.module).await;
        let tables: Vec<(String,)> = db.query(TABLES).all().await.unwrap();
        for (table,) in tables {
            let rows = rows(&db, &table).await;
            for text in sought {
                if let Some(at) = rows.find(text) {
                    let around = rows.get(at.saturating_sub(80)..at + 40).unwrap_or(text);
                    found.push(format!("{}.{table}: {around}", schema.module));
                }
            }
        }
        db.close().await;
    }
    found
}

/// A table as text: all columns of all rows, what is binary in hexadecimal.
async fn rows(db: &platform::sql::Db, table: &str) -> String {
    let columns: Vec<(String,)> = match db.engine() {
        platform::sql::Engine::Sqlite => {
            let sql = format!("select name from pragma_table_info('{table}')").leak();
            db.query(Sql::new(sql)).all().await.unwrap()
        }
        platform::sql::Engine::Postgres => {
            let sql = "select cast(query_to_xml(format('select * from %I', cast($1 as text)), true, false, '') as text)";
            let (text,): (String,) = db.query(Sql::new(sql)).bind(table).one().await.unwrap();
            return text;
        }
    };
    let all = columns.iter().map(|(name,)| format!("quote(\"{name}\")"));
    let all = all.collect::<Vec<_>>().join(" || ' ' || ");
    let sql = format!("select coalesce(group_concat({all}, char(10)), '') from \"{table}\"").leak();
    let (text,): (String,) = db.query(Sql::new(sql)).one().await.unwrap();
    text
}

async fn until_nowhere(shop: &Shop, sought: &[&str]) {
    let began = std::time::Instant::now();
    loop {
        let found = places(shop, sought).await;
        if found.is_empty() {
            return;
        }
        assert!(began.elapsed() < WAIT_MAX, "{found:#?}\n{}", shop.log());
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    }
}

/// The order, once it names nobody: the shop has the key at hand until it hears what a command has done.
async fn until_erased(shop: &Shop, admin: &Customer, order: &str) -> Answer {
    let began = std::time::Instant::now();
    loop {
        let shown = admin.get(&format!("/v1/admin/orders/{order}")).await;
        if shown.body["shipping_address"]["name"] == "erased" {
            return shown;
        }
        assert!(began.elapsed() < WAIT_MAX, "{shown:?}\n{}", shop.log());
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}

async fn whoever_is_erased_is_nowhere_and_the_books_are_right(engine: Engine) {
    let Some(mut shop) = Shop::new(engine, &[product("LAMP-1", "20.00", 5)]) else { return };
    shop.start(&[]);
    let (her, staff, admin) = (registered(&shop).await, shop.staff().await, shop.admin().await);
    let id = bought(&shop, &her, &staff).await;

    // While she is a customer it is sealed wherever it lies.
    let found = places(&shop, &HERS).await;
    assert!(found.is_empty(), "{found:#?}");
    assert!(!places(&shop, &["LAMP-1"]).await.is_empty(), "what is there is seen");

    let kept = shop.run(&["customer", "export", HERS[4]]);
    let kept: Value =
        serde_json::from_slice(&kept.stdout).unwrap_or_else(|_| panic!("{}", output(&kept)));
    let text = kept.to_string();
    assert!(HERS.iter().all(|hers| text.contains(hers)), "{kept:#}");
    assert_eq!(kept["kept"]["orders"]["orders"][0]["id"], json!(id));

    let mistyped = shop.run(&["customer", "erase", &id.replace('0', "1"), "--for-good"]);
    assert!(!mistyped.status.success() && output(&mistyped).contains("of anybody"), "{mistyped:?}");

    // Said first, done then.
    let (would, told) = erase(&shop, &[]);
    assert!(would && told.contains("--for-good"), "{told}");
    assert_eq!(her.get("/v1/cart").await.status, 200);
    // Stopped once, so that her keys are in the file and not only in its log.
    let keys = wrapped_keys(&shop).await;
    shop.stop();
    assert_eq!(in_the_file(&shop, &keys), in_a_file(engine).then_some(keys.len()));
    shop.start(&[]);
    let (her, admin) = (her.at(&shop), admin.at(&shop));
    assert_eq!(her.get("/v1/cart").await.status, 200);
    assert!(!keys.is_empty());
    let (done, told) = erase(&shop, &["--for-good"]);
    assert!(done && told.contains("is erased"), "{told}");
    let person = kept["person"].as_str().unwrap();
    let again = shop.run(&["customer", "erase", person, "--for-good"]);
    assert!(again.status.success() && output(&again).contains("erased before"), "{again:?}");

    until_nowhere(&shop, &HERS).await;
    let who = json!({"email": HERS[4], "password": PASSWORD});
    let refused = Customer::anyone(&shop).log_in(&who).await.err().unwrap();
    assert_eq!(refused.status, 401, "{refused:?}");
    let order = until_erased(&shop, &admin, &id).await;
    assert_eq!(order.body["shipping_address"]["country"], "DE");

    // The law wants invoices kept, until it does not.
    let invoice = format!("/v1/admin/orders/{id}/invoice.pdf");
    assert!(paper(&admin, &invoice).await.contains(ON_THE_INVOICE));
    let again = shop.run(&["customer", "erase", person, "--with-records", "--for-good"]);
    assert!(again.status.success(), "{again:?}");
    shop.stop();
    assert_eq!(
        in_the_file(&shop, &keys),
        in_a_file(engine).then_some(0),
        "her keys are overwritten"
    );
    shop.start(&[]);
    let admin = shop.admin().await;
    assert_eq!(admin.get(&invoice).await.status, 410);

    // The address is free again, and the books and the log are what they were.
    let new = registered(&shop).await;
    assert_eq!(new.get("/v1/orders").await.body["items"], json!([]));
    shop.settle();
    let to = shop.folder.join("log");
    let export = shop.run(&["ledger", "export", to.to_str().unwrap()]);
    assert!(export.status.success(), "{export:?}");
    let verified = shop.run(&["ledger", "verify", to.to_str().unwrap()]);
    assert!(verified.status.success(), "{verified:?}");
}

/// What an order looked like before the house sealed.
const AS_BEFORE: Sql = Sql::new(
    "update orders set personal = null, email = 'quendel@example.com',
            shipping_address = '{\"name\": \"Wilhelmina\", \"line1\": \"Quendelgasse 7\", \"city\": \"Niederwalluf\",
                                 \"postal_code\": \"65396\", \"region\": \"HE\", \"country\": \"DE\"}'",
);

fn her_address() -> Value {
    json!({"name": "Wilhelmina", "line1": "Quendelgasse 7", "city": "Niederwalluf",
           "postal_code": "65396", "region": "HE", "country": "DE"})
}

/// Makes the only order one of before, and gives it an invoice of before.
async fn as_before(shop: &Shop, invoice: Option<&Value>) {
    let db = shop.database("order").await;
    let mut tx = db.begin("test").await.unwrap();
    assert_eq!(tx.query(AS_BEFORE).execute().await.unwrap(), 1);
    if let Some(content) = invoice {
        let sql = "insert into invoice (number, order_id, content, issued_at)
                       select 1, id, $1, created_at from orders";
        tx.query(Sql::new(sql)).bind(platform::sql::Json(content)).execute().await.unwrap();
        let last = Sql::new("update invoice_series set last = 1");
        tx.query(last).execute().await.unwrap();
    }
    tx.commit().await.unwrap();
    db.close().await;
}

/// What stood on an invoice before the house sealed.
async fn invoice_of_before(her: &Customer, path: &str) -> Value {
    let order = her.get(path).await.body;
    json!({
        "seller": ["Stoa"], "order": order["number"], "ordered_at": order["created_at"],
        "billing": her_address(), "shipping": her_address(), "lines": [],
        "totals": order["totals"], "taxes": [],
    })
}

async fn an_order_that_was_never_sealed_is_erased_too(engine: Engine) {
    let Some(mut shop) = Shop::new(engine, &[product("LAMP-1", "20.00", 5)]) else { return };
    shop.start(&[]);
    let her = registered(&shop).await;
    her.fill_cart(&id_of(&her, "LAMP-1").await, 1).await;
    let declined = her.order("first", &her.card(DECLINED).await).await;
    assert_eq!(declined.status, 402, "{declined:?}");
    shop.stop();
    as_before(&shop, None).await;
    let (done, told) = erase(&shop, &["--for-good"]);
    assert!(done, "{told}");
    assert!(!places(&shop, &HERS[..1]).await.is_empty(), "no worker has heard of it");
    shop.start(&[]);
    until_nowhere(&shop, &HERS).await;
    shop.settle();
}

async fn an_order_of_before_is_sealed_and_says_the_same(engine: Engine) {
    let Some(mut shop) = Shop::new(engine, &[product("LAMP-1", "20.00", 5)]) else { return };
    shop.start(&[]);
    let her = registered(&shop).await;
    her.fill_cart(&id_of(&her, "LAMP-1").await, 1).await;
    let order = her.order("first", &her.card(APPROVED).await).await;
    let path = format!("/v1/orders/{}", order.body["id"].as_str().unwrap());
    her.until(order.body["id"].as_str().unwrap(), &["CONFIRMED"]).await;
    let invoice = invoice_of_before(&her, &path).await;
    shop.stop();
    as_before(&shop, Some(&invoice)).await;

    shop.start(&[]);
    let her = her.at(&shop);
    let plain: Vec<&str> = HERS.iter().copied().filter(|hers| *hers != HERS[4]).collect();
    until_nowhere(&shop, &plain).await;
    let after = her.get(&path).await;
    assert_eq!(after.body["shipping_address"], her_address(), "{after:?}");
    assert!(paper(&her, &format!("{path}/invoice.pdf")).await.contains("Quendelgasse"));
    assert_eq!(after.body["email"], HERS[4]);
    shop.settle();
}

async fn a_command_that_is_killed_is_finished_by_the_shop(engine: Engine) {
    let Some(mut shop) = Shop::new(engine, &[product("LAMP-1", "20.00", 5)]) else { return };
    shop.start(&[]);
    let her = registered(&shop).await;
    her.fill_cart(&id_of(&her, "LAMP-1").await, 1).await;
    let mut body = order_body(&her.card(DECLINED).await);
    body["shipping_address"]["line1"] = json!("Quendelgasse 7");
    assert_eq!(her.command("/v1/orders", "first", &body).await.status, 402);
    let before = shop.run(&["customer", "export", HERS[4]]);
    assert!(String::from_utf8_lossy(&before.stdout).contains("Quendelgasse"), "{before:?}");
    let person: Value = serde_json::from_slice(&before.stdout).unwrap();

    shop.set("STOA_FAULT", "kill:after commit of auth.erase");
    let (done, told) = erase(&shop, &["--for-good"]);
    assert!(!done, "{told}");
    shop.set("STOA_FAULT", "");
    // It is sealed, and so the shop alone can say whether it is gone.
    let person = person["person"].as_str().unwrap();
    let began = std::time::Instant::now();
    loop {
        let after = shop.run(&["customer", "export", person]);
        let after = String::from_utf8_lossy(&after.stdout).into_owned();
        if after.contains("erased") && !after.contains("Quendelgasse") {
            break;
        }
        assert!(began.elapsed() < WAIT_MAX, "{after}\n{}", shop.log());
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    }
    until_nowhere(&shop, &HERS).await;
    assert_eq!(wrapped_keys_of(&shop, person).await, 0);
    shop.settle();
}
