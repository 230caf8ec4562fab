//! `stoa doctor` says what is wrong with a place, and leaves it as it was.

use crate::support::{Engine, Shop, on_both_engines, product};

on_both_engines![a_place_is_looked_at_and_left_alone,];

async fn a_place_is_looked_at_and_left_alone(engine: Engine) {
    let Some(mut shop) = Shop::new(engine, &[product("LAMP-1", "20.00", 5)]) else { return };
    let (said, code) = examined(&shop);
    let has = |text: &str| said.lines().any(|line| line.contains(text));
    assert!(has("ok        database: every module is up to date"), "{said}");
    assert!(has("doubtful  settings: payment.processor is the sandbox"), "{said}");
    assert!(has("a flush takes"), "{said}");
    match engine {
        Engine::Sqlite => assert_eq!(code, Some(0), "{said}"),
        // The server for tests forgets what it has not written when the power fails.
        Engine::Postgres => {
            assert!(has("BAD       database: fsync is off"), "{said}");
            assert!(has("database: PostgreSQL 1"), "{said}");
            assert!(has("database: its clock is"), "{said}");
            assert_eq!(code, Some(1), "{said}");
            shop.set("STOA__DATABASE__CONNECTIONS", "4000");
            assert!(examined(&shop).0.contains("BAD       database: this node has up to"));
            shop.set("STOA__DATABASE__URL", "postgres://shop@127.0.0.1:1/shop");
            let (said, code) = examined(&shop);
            assert!(said.contains("BAD       database: ") && code == Some(1), "{said}");
        }
    }
    let nowhere = shop.folder.join("nowhere");
    shop.set("STOA__DATABASE__ENGINE", "sqlite");
    shop.set("STOA__SERVER__DATA_DIR", &nowhere.display().to_string());
    let (said, code) = examined(&shop);
    assert!(said.contains("migrations have not run") && code == Some(0), "{said}");
    assert!(!nowhere.exists(), "it makes nothing");
}

/// What it says, and how it ends.
fn examined(shop: &Shop) -> (String, Option<i32>) {
    let output = shop.run(&["doctor"]);
    (String::from_utf8(output.stdout).unwrap(), output.status.code())
}
