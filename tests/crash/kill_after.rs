//! SIGKILL after every durable step of what happens to an order after it was placed: the list of steps is
//! what each command really passes.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};

use crate::kill::{FAULT, LEASE_MS, dies_at, leaves_something_new, read};
use crate::support::{APPROVED, Answer, Customer, Engine, Shop, id_of, product};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_confirmed_order_is_called_off() {
    let expected = [
        "before commit of order.advance",
        "after commit of order.advance",
        "before call of sandbox.refund",
        "after call of sandbox.refund",
    ];
    kill_at_each(Command::Cancel, &expected).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_parcel_leaves() {
    let expected = ["before commit of order.advance", "after commit of order.advance"];
    kill_at_each(Command::Ship, &expected).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn money_is_given_back() {
    let expected = [
        "before commit of payment.command",
        "after commit of payment.command",
        "before call of sandbox.refund",
        "after call of sandbox.refund",
    ];
    kill_at_each(Command::Refund, &expected).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_gives_money_back() {
    let expected = [
        "before commit of order.refund",
        "after commit of order.refund",
        "before commit of payment.order_refund",
        "after commit of payment.order_refund",
        "before call of sandbox.refund",
        "after call of sandbox.refund",
        "before commit of give_money_back",
        "after commit of give_money_back",
    ];
    kill_at_each(Command::RefundOrder, &expected).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_is_edited() {
    let expected = [
        "before commit of order.edit",
        "after commit of order.edit",
        "before commit of inventory.reserve_more",
        "after commit of inventory.reserve_more",
        "before call of sandbox.authorize",
        "after call of sandbox.authorize",
        "before commit of charge_more",
        "after commit of charge_more",
    ];
    kill_at_each(Command::Edit, &expected).await;
}

/// What the shop dies of.
#[derive(Clone, Copy)]
enum Command {
    /// The customer calls a confirmed order off.
    Cancel,
    /// One of two units leaves.
    Ship,
    /// A part of the money is given back.
    Refund,
    /// The same, asked of the order.
    RefundOrder,
    /// A third unit comes to the order and is paid.
    Edit,
}

/// An order, and who may do what with it.
struct Scene {
    ada: Customer,
    staff: Customer,
    order: Value,
    /// What more is paid with.
    token: String,
}

impl Scene {
    async fn new(shop: &Shop, staff: &Customer) -> Self {
        let ada = Customer::guest(shop).await;
        ada.fill_cart(&id_of(&ada, "LAMP-1").await, 2).await;
        let order = ada.order("order", &ada.card(APPROVED).await).await;
        let order = ada.until(order.body["id"].as_str().unwrap(), &["CONFIRMED"]).await.body;
        shop.settle();
        let order = ada.get(&format!("/v1/orders/{}", order["id"].as_str().unwrap())).await.body;
        let token = ada.card(APPROVED).await;
        Self { ada, staff: staff.at(shop), order, token }
    }
}

impl Command {
    /// Asks for it once. An error when the shop died before it answered.
    async fn ask(self, shop: &Shop, scene: &Scene) -> Result<Answer, reqwest::Error> {
        let (ada, staff) = (scene.ada.at(shop), scene.staff.at(shop));
        let id = |value: &Value| value["id"].as_str().unwrap().to_owned();
        let order = id(&scene.order);
        let (who, path, body) = match self {
            Self::Cancel => (ada, format!("/v1/orders/{order}/cancel"), json!({})),
            Self::Ship => {
                let lines = json!([{"line_id": id(&scene.order["lines"][0]), "quantity": 1}]);
                let path = format!("/v1/admin/orders/{order}/shipments");
                (staff, path, json!({"lines": lines}))
            }
            Self::Refund => {
                let path = format!("/v1/admin/payments/{}/refund", id(&scene.order["payment"]));
                (staff, path, json!({"amount": {"amount": "10.00", "currency": "EUR"}}))
            }
            Self::RefundOrder => {
                let back = json!({"amount": "10.00", "currency": "EUR"});
                let path = format!("/v1/admin/orders/{order}/refund");
                (staff, path, json!({"amount": back, "reason": "it came late"}))
            }
            Self::Edit => {
                let change = json!([{"line_id": id(&scene.order["lines"][0]), "quantity": 3}]);
                let path = format!("/v1/admin/orders/{order}/edit");
                let body = json!({
                    "change": change, "reason": "one more", "payment_token": scene.token,
                });
                (staff, path, body)
            }
        };
        who.try_command(&path, "command", &body).await
    }

    /// Whether an order is as it must be then; the rest is in the books.
    fn is_done(self, order: &Value) -> bool {
        match self {
            Self::Cancel => order["status"] == "CANCELLED",
            Self::Ship => {
                let parcels = order["shipments"].as_array().unwrap();
                order["fulfilment"] == "partial" && parcels.len() == 1
            }
            Self::Refund | Self::RefundOrder => order["payment"]["status"] == "partially_refunded",
            Self::Edit => order["lines"][0]["quantity"] == 3 && order["status"] == "CONFIRMED",
        }
    }
}

async fn kill_at_each(command: Command, expected: &[&str]) {
    let lamps = [product("LAMP-1", "20.00", 10_000)];
    let Some(mut shop) = Shop::new(Engine::Sqlite, &lamps) else { return };
    shop.set("STOA__SAGA__LEASE_MS", LEASE_MS);
    shop.set("STOA__ORDER__ANSWER_WAIT_MS", "5000");
    shop.set("STOA_FAULT", &format!("from:{}", shop.folder.join(FAULT).display()));
    shop.start(&[]);
    let staff = shop.staff().await;
    let points = points(&shop, &staff, command).await;
    for point in expected {
        assert!(points.contains(*point), "{point} is not among {points:#?}");
    }
    for point in points.iter().filter(|point| leaves_something_new(point)) {
        kill_at(&mut shop, &staff, command, point).await;
    }
    shop.stop();
    shop.assert_books();
}

/// The fault points that a command passes, to the last event.
async fn points(shop: &Shop, staff: &Customer, command: Command) -> BTreeSet<String> {
    let scene = Scene::new(shop, staff).await;
    let (fault, list) = (shop.folder.join(FAULT), shop.folder.join("points"));
    std::fs::write(&fault, format!("record:{}", list.display())).unwrap();
    tokio::time::sleep(Duration::from_millis(500)).await;
    // What an idle shop passes is no step of it, nor what proves its books.
    shop.settle();
    let idle = read(&list);
    finally(shop, command, &scene).await;
    shop.settle();
    std::fs::remove_file(fault).unwrap();
    read(&list).difference(&idle).cloned().collect()
}

/// Asks until there is a final answer, as a client with a key does.
async fn finally(shop: &Shop, command: Command, scene: &Scene) -> Answer {
    loop {
        let answer = command.ask(shop, scene).await.unwrap();
        if answer.body["code"] != "idempotency_in_progress" && answer.status != 202 {
            assert_eq!(answer.status, 200, "{answer:?}");
            return answer;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

async fn kill_at(shop: &mut Shop, staff: &Customer, command: Command, point: &str) {
    let scene = Scene::new(shop, staff).await;
    let fault = shop.folder.join(FAULT);
    std::fs::write(&fault, format!("kill:{point}")).unwrap();
    let first = command.ask(shop, &scene).await.ok().filter(|answer| answer.status == 200);
    dies_at(shop, point).await;
    std::fs::remove_file(fault).unwrap();
    shop.start(&[]);
    let again = finally(shop, command, &scene).await;
    if let Some(first) = first {
        assert_eq!(first.text, again.text, "{point}: the answer changed");
    }
    shop.settle();
    let path = format!("/v1/orders/{}", scene.order["id"].as_str().unwrap());
    let order = scene.ada.at(shop).get(&path).await.body;
    assert!(command.is_done(&order), "{point}: {order}");
}
