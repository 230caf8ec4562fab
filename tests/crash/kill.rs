//! SIGKILL at every durable step: the list of steps is what a checkout really passes.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use crate::support::{APPROVED, Customer, Engine, Shop, id_of, on_both_engines, product};

/// How long a slow machine may take for the orders that a shop is killed after.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long it may take until a shop passes a point.
const PASSES_IN: Duration = Duration::from_mins(1);

/// What a shop passes now and then, or when it was held up: no step of a command.
const NOW_AND_THEN: [&str; 9] = [
    "analytics.trim",
    "auth.prune",
    "bus.park",
    "credit.expire",
    "fraud.trim",
    "idempotency.forget",
    "payment.look",
    "saga.leave",
    "vault.forget",
];

/// More lamps than all orders of a test want.
const STOCK: i64 = 10_000;

/// The file in the shop's folder that says where it dies.
pub const FAULT: &str = "fault";

/// A killed shop's effects, and on PostgreSQL its checkouts, go on when their lease has ended.
pub const LEASE_MS: &str = "2000";

on_both_engines![
    a_kill_at_any_step_leaves_one_order_and_one_charge_1,
    a_kill_at_any_step_leaves_one_order_and_one_charge_2,
    a_kill_at_any_step_leaves_one_order_and_one_charge_3,
    a_kill_under_load_loses_nothing
];

async fn a_kill_at_any_step_leaves_one_order_and_one_charge_1(engine: Engine) {
    kill_at_each(engine, 0).await;
}

async fn a_kill_at_any_step_leaves_one_order_and_one_charge_2(engine: Engine) {
    kill_at_each(engine, 1).await;
}

async fn a_kill_at_any_step_leaves_one_order_and_one_charge_3(engine: Engine) {
    kill_at_each(engine, 2).await;
}

/// Whether a death at a point leaves on disk what one at no other point leaves: before a step there is
/// what is there after the one before it.
pub fn leaves_something_new(point: &str) -> bool {
    !point.starts_with("before ")
}

/// Kills at a third of the steps; on PostgreSQL at those that leave something new, for their time. Which third a step is in is told by its name alone, so that none
/// is left out when two recordings differ.
async fn kill_at_each(engine: Engine, third: usize) {
    let points = points_of_a_checkout(engine).await;
    let Some(points) = points else { return };
    // Before and after each of: the order, the steps of its saga, what they do, the capture.
    for expected in [
        "before commit of order.place",
        "after commit of order.place",
        "after commit of inventory.reserve",
        "after run of reserve_stock",
        "after commit of payment.authorize",
        "after commit of payment.record",
        "after run of authorize_payment",
        "after commit of fulfilment.book",
        "after run of book_shipment",
        "after commit of inventory.commit",
        "before commit of confirm",
        "after commit of confirm",
        "before call of sandbox.authorize",
        "after call of sandbox.authorize",
        "before call of sandbox.capture",
        "after call of sandbox.capture",
    ] {
        assert!(points.contains(expected), "{expected} is not among {points:#?}");
    }
    let Some(mut shop) = Shop::new(engine, &[product("LAMP-1", "20.00", STOCK)]) else { return };
    shop.set("STOA__SAGA__LEASE_MS", LEASE_MS);
    shop.set("STOA__BUS__LEASE_MS", LEASE_MS);
    shop.set("STOA_FAULT", &format!("from:{}", shop.folder.join(FAULT).display()));
    shop.start(&[]);
    let of_third = |point: &&String| point.bytes().map(usize::from).sum::<usize>() % 3 == third;
    let mut buyer = Buyer::comes(&shop).await;
    shop.settle();
    let mut left = STOCK;
    let of_engine = |point: &&String| engine == Engine::Sqlite || leaves_something_new(point);
    for point in points.iter().filter(of_third).filter(of_engine) {
        left -= 2;
        buyer = kill_at(&mut shop, point, buyer, left).await;
    }
    shop.stop();
    shop.assert_books();
}

/// The fault points that a checkout passes from the order to the last event, in no order.
async fn points_of_a_checkout(engine: Engine) -> Option<BTreeSet<String>> {
    let mut shop = Shop::new(engine, &[product("LAMP-1", "20.00", 5)])?;
    shop.start(&[]);
    let Buyer { ada, token } = Buyer::comes(&shop).await;
    shop.settle();
    shop.stop();
    let list = shop.folder.join("points");
    shop.start(&[("STOA_FAULT", &format!("record:{}", list.display()))]);
    tokio::time::sleep(Duration::from_millis(500)).await;
    shop.settle();
    // What an idle shop passes is no step of a checkout.
    let idle = read(&list);
    let order = ada.at(&shop).order("key", &token).await;
    assert_eq!(order.status, 201, "{order:?}");
    shop.settle();
    Some(steps(&list, &idle))
}

/// The steps among the fault points in a list, of which an idle shop passes some.
pub fn steps(list: &std::path::Path, idle: &BTreeSet<String>) -> BTreeSet<String> {
    let is_step = |point: &String| {
        !idle.contains(point) && !NOW_AND_THEN.iter().any(|unit| point.ends_with(unit))
    };
    read(list).into_iter().filter(is_step).collect()
}

/// Waits until the server has died at the fault point that it was told.
pub async fn dies_at(shop: &mut Shop, point: &str) {
    let began = Instant::now();
    while !shop.has_died() {
        assert!(began.elapsed() < PASSES_IN, "{point}: the shop did not pass it");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// The fault points in a list that was recorded.
pub fn read(list: &std::path::Path) -> BTreeSet<String> {
    let text = std::fs::read_to_string(list).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

/// A guest with two lamps in the cart.
struct Buyer {
    ada: Customer,
    token: String,
}

impl Buyer {
    async fn comes(shop: &Shop) -> Self {
        let ada = Customer::guest(shop).await;
        ada.fill_cart(&id_of(&ada, "LAMP-1").await, 2).await;
        let token = ada.card(APPROVED).await;
        Self { ada, token }
    }
}

/// Kills a shop while it sells to a buyer. The order outlives it, so many lamps are left
/// then, and the shop has settled with another buyer in it.
async fn kill_at(shop: &mut Shop, point: &str, buyer: Buyer, left: i64) -> Buyer {
    let Buyer { ada, token } = buyer;
    let fault = shop.folder.join(FAULT);
    std::fs::write(&fault, format!("kill:{point}")).unwrap();
    // The connection breaks, or the answer comes and the shop dies of what follows it.
    let body = crate::support::order_body(&token);
    let first = ada.at(shop).try_command("/v1/orders", "key", &body).await;
    let first = first.ok().filter(|answer| answer.status == 201);
    dies_at(shop, point).await;
    std::fs::remove_file(fault).unwrap();
    shop.start(&[]);
    let ada = ada.at(shop);
    // The client does what clients do: it asks again with the same key.
    let again = loop {
        let again = ada.order("key", &token).await;
        if again.status != 409 && again.status != 202 {
            break again;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    assert_eq!(
        (again.status, &again.body["status"]),
        (201, &"CONFIRMED".into()),
        "{point}: {again:?}"
    );
    if let Some(first) = first {
        assert_eq!(first.text, again.text, "{point}: the answer changed");
    }
    let next = Buyer::comes(shop).await;
    shop.settle();
    let orders = ada.get("/v1/orders").await;
    let orders = orders.body["items"].as_array().unwrap();
    assert_eq!(orders.len(), 1, "{point}: {orders:?}");
    assert_eq!(orders[0]["payment"]["status"], "captured", "{point}");
    assert_eq!(ada.get("/v1/products/LAMP-1").await.body["available"], left, "{point}");
    next
}

async fn a_kill_under_load_loses_nothing(engine: Engine) {
    let Some(mut shop) = Shop::new(engine, &[product("LAMP-1", "20.00", 10_000)]) else { return };
    shop.set("STOA__SAGA__LEASE_MS", LEASE_MS);
    shop.set("STOA__BUS__LEASE_MS", LEASE_MS);
    shop.start(&[]);
    let mut buyers = Vec::new();
    let lamp = id_of(&Customer::guest(&shop).await, "LAMP-1").await;
    for _ in 0..16 {
        let buyer = Customer::guest(&shop).await;
        let token = buyer.card(APPROVED).await;
        buyers.push((buyer, token));
    }
    let mut acknowledged = Vec::new();
    let confirmed = Arc::new(AtomicUsize::new(0));
    for round in 0..5 {
        let tasks: Vec<_> = buyers
            .iter()
            .map(|(buyer, token)| {
                let (buyer, token, lamp) = (buyer.at(&shop), token.clone(), lamp.clone());
                let confirmed = confirmed.clone();
                tokio::spawn(async move {
                    buy_until_it_dies(&buyer, &token, &lamp, round, &confirmed).await
                })
            })
            .collect();
        let enough = confirmed.load(Relaxed) + 3 + 3 * round;
        let began = Instant::now();
        while confirmed.load(Relaxed) < enough && began.elapsed() < PATIENCE {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        shop.kill();
        for (task, (buyer, _)) in tasks.into_iter().zip(&buyers) {
            acknowledged.extend(task.await.unwrap().into_iter().map(|id| (buyer.clone(), id)));
        }
        shop.start(&[]);
    }
    assert!(!acknowledged.is_empty());
    shop.settle();
    for (buyer, id) in acknowledged {
        let order = buyer.at(&shop).get(&format!("/v1/orders/{id}")).await;
        assert_eq!(order.body["status"], "CONFIRMED", "{order:?}");
    }
}

/// Orders one lamp after the other; the ids of those that were confirmed.
async fn buy_until_it_dies(
    buyer: &Customer,
    token: &str,
    lamp: &str,
    round: usize,
    count: &AtomicUsize,
) -> Vec<String> {
    let mut confirmed = Vec::new();
    for n in 0.. {
        let line = serde_json::json!({"product_id": lamp, "quantity": 1});
        if buyer.try_post("/v1/cart/lines", &line).await.is_err() {
            break;
        }
        let body = crate::support::order_body(token);
        match buyer.try_command("/v1/orders", &format!("{round}/{n}"), &body).await {
            Err(_) => break,
            Ok(answer) if answer.body["status"] == "CONFIRMED" => {
                count.fetch_add(1, Relaxed);
                confirmed.push(answer.body["id"].as_str().unwrap().to_owned());
            }
            Ok(_) => {}
        }
    }
    confirmed
}
