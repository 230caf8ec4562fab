//! The audit log as it is read: searched, exported, and with what commands and people of the staff did
//! to their own accounts.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::support::{APPROVED, Answer, Customer, Engine, Shop, id_of, on_both_engines, product};

on_both_engines![
    the_log_of_all_modules_is_one_list,
    what_the_operator_does_is_in_the_log,
    what_the_staff_does_to_its_accounts_is_in_the_log,
];

const LOG: &str = "/v1/admin/audit";

fn items(answer: &Answer) -> Vec<Value> {
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.body["items"].as_array().unwrap().clone()
}

/// All pages of what is sought.
async fn all(staff: &Customer, query: &str, limit: usize) -> Vec<Value> {
    let (mut found, mut more) = (Vec::new(), String::new());
    loop {
        let page = staff.get(&format!("{LOG}?limit={limit}&{query}{more}")).await;
        found.extend(items(&page));
        let Some(next) = page.body["next_cursor"].as_str() else { return found };
        more = format!("&cursor={next}");
    }
}

/// What is sought, exported.
async fn exported(staff: &Customer, query: &str) -> Vec<Value> {
    let file = staff.get(&format!("{LOG}/export?format=jsonl&{query}")).await;
    assert_eq!(file.status, 200, "{file:?}");
    assert_eq!(file.headers["content-type"], "application/x-ndjson");
    file.text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Whether an entry is sought.
type Sought<'a> = Box<dyn Fn(&Value) -> bool + 'a>;

fn actions(entries: &[Value]) -> Vec<&str> {
    entries.iter().map(|entry| entry["action"].as_str().unwrap()).collect()
}

async fn the_log_of_all_modules_is_one_list(engine: Engine) {
    let Some(shop) = Shop::running(engine, &[product("LAMP-1", "20.00", 5)]) else { return };
    let (staff, guest) = (shop.staff().await, Customer::guest(&shop).await);
    let lamp = id_of(&staff, "LAMP-1").await;
    for n in 0..8 {
        let (path, name) = (format!("/v1/admin/products/{lamp}"), json!({"name": n.to_string()}));
        assert_eq!(staff.edit(&path, &name).await.status, 200);
        let (path, more) =
            (format!("/v1/admin/stock/{lamp}/adjust"), json!({"delta": 1, "reason": "n"}));
        assert_eq!(staff.command(&path, &n.to_string(), &more).await.status, 200);
    }
    let list = all(&staff, "", 5).await;
    assert_eq!(all(&staff, "", 100).await, list, "pages are of one order");
    let at = |entry: &Value| entry["at"].as_str().unwrap().parse::<kernel::Timestamp>().unwrap();
    assert!(list.is_sorted_by_key(|entry| std::cmp::Reverse(at(entry))));
    assert!(
        ["auth", "catalog", "inventory"]
            .iter()
            .all(|module| { list.iter().any(|entry| entry["module"] == *module) })
    );

    let me = staff.get("/v1/auth/me").await.body["id"].as_str().unwrap().to_owned();
    let middle = list[5]["at"].as_str().unwrap();
    let seeks: Vec<(String, Sought<'_>)> = vec![
        (format!("actor={me}"), Box::new(|entry| entry["actor"] == json!(me))),
        (format!("subject={lamp}"), Box::new(|entry| entry["subject"] == json!(lamp))),
        ("action=product.update".to_owned(), Box::new(|entry| entry["action"] == "product.update")),
        (
            "action=account".to_owned(),
            Box::new(|entry| entry["action"].as_str().unwrap().starts_with("account.")),
        ),
        ("module=inventory".to_owned(), Box::new(|entry| entry["module"] == "inventory")),
        (format!("from={middle}"), Box::new(|entry| at(entry) >= at(&list[5]))),
        (
            format!("to={middle}&actor={me}&action=stock."),
            Box::new(|entry| at(entry) < at(&list[5]) && entry["action"] == "stock.adjust"),
        ),
    ];
    for (query, is_sought) in seeks {
        let expected: Vec<Value> = list.iter().filter(|entry| is_sought(entry)).cloned().collect();
        assert!(!expected.is_empty(), "{query}");
        assert_eq!(all(&staff, &query, 3).await, expected, "{query}");
        let mut file = exported(&staff, &query).await;
        file.reverse();
        assert_eq!(file, expected, "{query}");
    }
    let mut file = exported(&staff, "").await;
    file.reverse();
    assert_eq!(file, list, "the whole log");

    for wrong in ["module=moon", "actor=me", "from=yesterday", "limit=0", "cursor=zz", "colour=red"]
    {
        let refused = staff.get(&format!("{LOG}?{wrong}")).await;
        assert_eq!(refused.status, 422, "{wrong}: {refused:?}");
    }
    assert_eq!(staff.get("/v1/admin/audit/export?format=xml").await.status, 422);
    for path in [LOG.to_owned(), format!("{LOG}/export?format=jsonl")] {
        let refused = guest.get(&path).await;
        assert_eq!((refused.status, &refused.body["code"]), (403, &json!("forbidden")));
    }
}

/// Every command of the program, with those below it.
fn commands(shop: &Shop, above: &[&str]) -> Vec<String> {
    let help = shop.run(&[above, &["--help"]].concat());
    let help = String::from_utf8(help.stdout).unwrap();
    let listed = help.split("Commands:\n").nth(1).unwrap_or_default();
    let names = listed.lines().map_while(|line| line.strip_prefix("  "));
    let names = names.filter_map(|line| line.split(' ').next()).filter(|name| !name.is_empty());
    names
        .filter(|name| *name != "help")
        .flat_map(|name| {
            let path = [above, &[name]].concat();
            let below = commands(shop, &path);
            if below.is_empty() { vec![path.join(" ")] } else { below }
        })
        .collect()
}

/// What each command is called in the log; one that only reads, or that has a log of its own, is not.
const COMMANDS: [(&str, &str); 46] = [
    ("admin create", "account.create"),
    ("backup", "backup.make"),
    ("chaos key", ""),
    ("chaos sign", ""),
    ("config", ""),
    ("customer erase", "customer.erase"),
    ("customer erasures", ""),
    ("customer export", ""),
    ("customer rotate-keys", "privacy.rotate"),
    ("dead-letters list", ""),
    ("dead-letters redrive", "dead_letter.redrive"),
    ("doctor", ""),
    ("events", ""),
    ("export products", ""),
    ("fraud measure", ""),
    ("fraud simulate", ""),
    ("fraud train", ""),
    ("grants", ""),
    ("import products", "product.create"),
    ("import taxes", "tax_rate.import"),
    ("keys rotate", "signing_key.rotate"),
    ("ledger adopt", "ledger.adopt"),
    ("ledger export", ""),
    ("ledger forget", "ledger.forget"),
    ("ledger key", ""),
    ("ledger settle", "settlement.import"),
    ("ledger verify", ""),
    ("ledger verify-receipt", ""),
    ("migrate", ""),
    ("move", "shop.move"),
    ("openapi", ""),
    ("replay", "projection.replay"),
    ("restore", "backup.restore"),
    ("routes", ""),
    ("sagas compensate", "saga.compensate"),
    ("sagas history", ""),
    ("sagas list", ""),
    ("sagas retry", "saga.retry"),
    ("sandbox settlement", ""),
    ("sandbox-processor", ""),
    ("serve", ""),
    ("torture", ""),
    ("vault rotate", "vault.rotate"),
    ("verify", ""),
    ("witness", ""),
    ("replay search", "search.rebuild"),
];

async fn what_the_operator_does_is_in_the_log(engine: Engine) {
    let Some(shop) = Shop::running(engine, &[product("LAMP-1", "20.00", 5)]) else { return };
    let mut known: Vec<&str> = COMMANDS.iter().map(|(command, _)| *command).collect();
    known.retain(|command| *command != "replay search");
    let mut commands = commands(&shop, &[]);
    commands.sort_unstable();
    assert_eq!(commands, known, "a new command is decided on here");

    let staff = shop.staff().await;
    crate::ledger::newest_receipt(&staff).await;
    let me = staff.get("/v1/auth/me").await.body["id"].as_str().unwrap().to_owned();
    let guest = Customer::guest(&shop).await.get("/v1/auth/me").await;
    let guest = guest.body["id"].as_str().unwrap().to_owned();
    let taxes = shop.folder.join("taxes.csv").display().to_string();
    let rates =
        "country,region,category,percent,valid_from,valid_until\nDE,,standard,19,2021-01-01,\n";
    std::fs::write(&taxes, rates).unwrap();
    let backup = shop.folder.join("backup").display().to_string();
    let settled = shop.folder.join("settled.csv").display().to_string();
    for arguments in [
        &["keys", "rotate"][..],
        &["vault", "rotate", "--wrapping-key"],
        &["customer", "rotate-keys", "--wrapping-key"],
        &["replay", "search"],
        &["replay", "analytics.sales"],
        &["import", "taxes", &taxes],
        &["sandbox", "settlement", "--out", &settled],
        &["ledger", "settle", &settled],
        &["ledger", "forget", &me],
        &["customer", "erase", &guest, "--for-good"],
        &["backup", "--to", &backup],
    ] {
        assert!(shop.run(arguments).status.success(), "{arguments:?}");
    }
    let list = all(&staff, "", 100).await;
    let by_operator: BTreeMap<&str, &Value> = list
        .iter()
        .filter(|entry| entry["actor_kind"] == "operator")
        .map(|entry| (entry["action"].as_str().unwrap(), entry))
        .collect();
    // The others need something that went wrong, and are tried where it does.
    let elsewhere = [
        "backup.restore",
        "dead_letter.redrive",
        "ledger.adopt",
        "saga.compensate",
        "saga.retry",
        "shop.move",
    ];
    for (command, action) in COMMANDS {
        if action.is_empty() || elsewhere.contains(&action) {
            continue;
        }
        let entry = by_operator.get(action).unwrap_or_else(|| panic!("{command}: {list:#?}"));
        assert!(entry["actor"].is_null() && entry["address"].is_null(), "{entry}");
        assert_eq!(entry["trace"].as_str().unwrap().len(), 36, "{entry}: a run is known by an id");
    }
    let made = by_operator["account.create"];
    assert_eq!(made["after"], json!({"role": "staff"}), "nothing that would have to be erased");
    assert_eq!(by_operator["projection.replay"]["module"], "analytics");
}

async fn what_the_staff_does_to_its_accounts_is_in_the_log(engine: Engine) {
    const OLD: &str = "correct horse battery";
    const NEW: &str = "a longer horse battery";
    let Some(shop) = Shop::running(engine, &[product("LAMP-1", "20.00", 5)]) else { return };
    let staff = shop.staff().await;
    let me = staff.get("/v1/auth/me").await.body["id"].as_str().unwrap().to_owned();
    let change = json!({"password": OLD, "new_password": NEW});
    assert_eq!(staff.post("/v1/auth/password/change", &change).await.status, 204);
    let letter = shop.letter("Confirm");
    let token = letter.split("token=").nth(1).unwrap().split_whitespace().next().unwrap();
    let verified = staff.post("/v1/auth/email/verify", &json!({"token": token})).await;
    assert_eq!(verified.status, 204, "{verified:?} {letter}");
    let other = Customer::anyone(&shop)
        .log_in(&json!({"email": "staff@test.example", "password": NEW}))
        .await
        .unwrap();
    let sessions = staff.get("/v1/auth/sessions").await;
    let session = sessions.body["items"].as_array().unwrap().iter();
    let session = session.clone().find(|session| session["current"] == false).unwrap();
    let path = format!("/v1/auth/sessions/{}", session["id"].as_str().unwrap());
    for _ in 0..2 {
        assert_eq!(staff.call("DELETE", &path).await.status, 204);
    }
    assert_eq!(other.get("/v1/auth/me").await.status, 401);
    let reader = shop.admin().await;
    assert_eq!(staff.call("DELETE", "/v1/auth/mfa/totp").await.status, 204);
    assert_eq!(staff.call("DELETE", "/v1/auth/sessions").await.status, 204);

    // A shopper does the same, and buys something.
    let ada = json!({"email": "ada@example.com", "password": OLD, "name": "Ada"});
    let anyone = Customer::anyone(&shop);
    assert_eq!(anyone.post("/v1/auth/register", &ada).await.status, 201);
    let ada = anyone.log_in(&json!({"email": "ada@example.com", "password": OLD})).await.unwrap();
    ada.fill_cart(&id_of(&ada, "LAMP-1").await, 1).await;
    let order = ada.order("first", &ada.card(APPROVED).await).await;
    let order = order.body["id"].as_str().unwrap();
    ada.until(order, &["CONFIRMED"]).await;
    let cancel = format!("/v1/orders/{order}/cancel");
    assert_eq!(ada.post(&cancel, &json!({})).await.status, 200);
    assert_eq!(ada.post("/v1/auth/password/change", &change).await.status, 204);
    shop.settle();

    let mut told = all(&reader, &format!("subject={me}"), 100).await;
    told.reverse();
    let expected = [
        "account.create",
        "account.factor_add",
        "account.password",
        "account.verify",
        "account.session_end",
        "account.factor_remove",
        "account.sessions_end",
    ];
    assert_eq!(actions(&told), expected);
    for entry in &told[1..] {
        assert_eq!((&entry["actor"], &entry["actor_kind"]), (&json!(me), &json!("person")));
    }
    assert_eq!(told[4]["after"]["session"], session["id"]);
    let admin = reader.get("/v1/auth/me").await.body["id"].clone();
    let others: Vec<Value> = all(&reader, "", 100)
        .await
        .into_iter()
        .filter(|entry| entry["subject"] != json!(me) && entry["subject"] != admin)
        .filter(|entry| entry["actor_kind"] != "operator")
        .collect();
    assert_eq!(others, [] as [Value; 0], "what shoppers do is not in the log");
    let whole = json!(all(&reader, "", 100).await).to_string();
    for secret in [OLD, NEW, APPROVED, "$argon2", token] {
        assert!(!whole.contains(secret), "{secret} is in the log");
    }
}
