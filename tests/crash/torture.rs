//! `stoa torture`: a shop keeps its promises under it, one with a bug is found out, and a shop that is
//! worth keeping is left alone.

use std::process::Output;

use crate::support::{Engine, Shop, product};

/// A test shop whose parcels go by hand (`manual`) or by the built-in carrier (`sandbox`).
fn test_shop(engine: Engine, carrier: &str) -> Option<Shop> {
    let mut shop = Shop::new(engine, &[product("LAMP-1", "20.00", 5)])?;
    shop.set("STOA__SERVER__TEST_SHOP", "true");
    shop.set("STOA__ORDER__CARRIER", carrier);
    // Nothing dies here that another one would take over from.
    shop.set("STOA__BUS__LEASE_MS", "30000");
    Some(shop)
}

fn torture(shop: &Shop, more: &[&str]) -> Output {
    let arguments = ["torture", "--base", &shop.base, "--ops", &shop.ops];
    shop.run(&[&arguments[..], more].concat())
}

fn told(output: &Output) -> String {
    String::from_utf8_lossy(&[&output.stdout[..], &output.stderr].concat()).into_owned()
}

fn keeps_its_promises(engine: Engine, seeds: &str, carrier: &str) {
    let Some(mut shop) = test_shop(engine, carrier) else { return };
    shop.start(&[]);
    let tortured = torture(&shop, &["--seed", seeds, "--crowd", "12", "--patience-s", "90"]);
    let text = told(&tortured);
    assert!(tortured.status.success(), "{text}\n{}", shop.log());
    assert!(text.ends_with("every promise was kept\n"), "{text}");
    shop.stop();
    shop.assert_books();
}

macro_rules! seeds {
    ($($name:ident: $engine:ident $seeds:literal $carrier:literal,)+) => {
        $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $name() { keeps_its_promises(Engine::$engine, $seeds, $carrier); })+
    };
}
seeds! {
    promises_are_kept_on_sqlite_1_to_10: Sqlite "1..10" "manual",
    promises_are_kept_on_sqlite_11_to_20: Sqlite "11..20" "sandbox",
    promises_are_kept_on_postgres_1_to_10: Postgres "1..10" "sandbox",
    promises_are_kept_on_postgres_11_to_20: Postgres "11..20" "manual",
}

/// Shops, each with seeded bugs, and what finds them, attacks or books: a line for each begins with `BROKEN`. A
/// shop may have several bugs that no attack takes for one another.
const BUGS: &[(&str, &[&str])] = &[
    (
        "claim_is_not_looked_at,cancel_leaves_the_money",
        &["refund against refund", "cancel against ship"],
    ),
    ("refund_is_not_bounded,credit_is_not_given_back", &["refund against refund", "one gift card"]),
    (
        "balance_is_not_looked_at,called_off_units_stay_promised,refund_is_not_counted,\
         return_is_asked_for_twice,webhook_is_not_signed",
        &[
            "refunds of an order",
            "packed and called off",
            "books: shop: the sales of every day",
            "returns",
            "webhooks of the carrier",
        ],
    ),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bug_is_found() {
    let mut missed = Vec::new();
    for (bugs, found_by) in BUGS {
        let Some(mut shop) = test_shop(Engine::Sqlite, "sandbox") else { return };
        shop.start(&[("STOA_BUG", bugs)]);
        let tortured = torture(&shop, &["--crowd", "8", "--patience-s", "5"]);
        let text = told(&tortured);
        for attack in *found_by {
            let told = format!("BROKEN {attack}");
            let is_named = text.lines().any(|line| line.starts_with(&told));
            if tortured.status.code() != Some(1) || !is_named {
                missed.push(format!("{bugs} by {attack}: {text}"));
            }
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
