//! `stoa torture`: a shop keeps its promises under it, one with a bug is found out, and a shop that is
//! worth keeping is left alone.

use std::process::Output;

use crate::support::{Engine, Shop, product};

fn test_shop(engine: Engine) -> Option<Shop> {
    let mut shop = Shop::new(engine, &[product("LAMP-1", "20.00", 5)])?;
    shop.set("STOA__SERVER__TEST_SHOP", "true");
    Some(shop)
}

fn torture(shop: &Shop, more: &[&str]) -> Output {
    let arguments = ["torture", "--base", &shop.base, "--ops", &shop.ops];
    shop.run(&[&arguments[..], more].concat())
}

fn told(output: &Output) -> String {
    String::from_utf8_lossy(&[&output.stdout[..], &output.stderr].concat()).into_owned()
}

fn keeps_its_promises(engine: Engine, seeds: &str) {
    let Some(mut shop) = test_shop(engine) else { return };
    shop.start(&[]);
    let tortured = torture(&shop, &["--seed", seeds, "--crowd", "12"]);
    let text = told(&tortured);
    assert!(tortured.status.success(), "{text}\n{}", shop.log());
    assert!(text.ends_with("every promise was kept\n"), "{text}");
    shop.stop();
    shop.assert_books();
}

macro_rules! seeds {
    ($($name:ident: $engine:ident $seeds:literal,)+) => {
        $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $name() { keeps_its_promises(Engine::$engine, $seeds); })+
    };
}
seeds! {
    promises_are_kept_on_sqlite_1_to_10: Sqlite "1..10",
    promises_are_kept_on_sqlite_11_to_20: Sqlite "11..20",
    promises_are_kept_on_postgres_1_to_10: Postgres "1..10",
    promises_are_kept_on_postgres_11_to_20: Postgres "11..20",
}

/// A seeded bug and the attack that a line beginning with `BROKEN` names.
const BUGS: &[(&str, &str)] = &[
    ("claim_is_not_looked_at", "refund against refund"),
    ("refund_is_not_bounded", "refund against refund"),
    ("cancel_leaves_the_money", "cancel against ship"),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bug_is_found() {
    let mut missed = Vec::new();
    for (bug, found_by) in BUGS {
        let Some(mut shop) = test_shop(Engine::Sqlite) else { return };
        shop.start(&[("STOA_BUG", bug)]);
        let tortured = torture(&shop, &["--crowd", "8", "--patience-s", "3"]);
        let text = told(&tortured);
        let named = |line: &str| line.starts_with("BROKEN") && line.contains(found_by);
        if tortured.status.code() != Some(1) || !text.lines().any(named) {
            missed.push(format!("{bug} by {found_by}: {text}"));
        }
    }
    assert!(missed.is_empty(), "{}", missed.join("\n\n"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shop_that_is_worth_keeping_is_left_alone() {
    for (running, told_by) in [("false", "the running shop"), ("true", "these settings")] {
        let Some(mut shop) = Shop::new(Engine::Sqlite, &[]) else { return };
        shop.start(&[("STOA__SERVER__TEST_SHOP", running)]);
        let refused = torture(&shop, &[]);
        assert_eq!(refused.status.code(), Some(2), "{refused:?}");
        assert!(told(&refused).contains(told_by), "{refused:?}");
        shop.stop();
        let events = shop.run(&["events", "order"]);
        assert!(events.stdout.is_empty(), "{events:?}");
    }
}
