//! SIGKILL after every durable step of what happens to an order after it was placed: the list of steps is
//! what each command really passes.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};

use crate::kill::{FAULT, LEASE_MS, dies_at, leaves_something_new, read, steps};
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

/// How the money goes then is that of a refund.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn goods_come_back_for_money_or_for_others() {
    let deaths = [
        (Command::Inspect, "after commit of order.return"),
        (Command::Approve, "after commit of order.exchange_approve"),
        (Command::Approve, "after commit of inventory.reserve"),
        (Command::Pay, "after call of sandbox.authorize"),
        (Command::Pay, "after commit of inventory.commit"),
    ];
    kill_at_these(Engine::Sqlite, &deaths).await;
}

/// Two servers' time is another thing than one file's: what a killed one had begun goes on when its lease has
/// ended. The steps are those of the other engine, so that a few of them are enough.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_follows_a_sale_survives_a_kill_on_postgresql() {
    let deaths = [
        (Command::RefundOrder, "after call of sandbox.refund"),
        (Command::Edit, "after commit of inventory.reserve_more"),
        (Command::Pay, "after commit of inventory.commit"),
    ];
    kill_at_these(Engine::Postgres, &deaths).await;
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
    /// One of two units came back, and is paid back.
    Inspect,
    /// One of two units is to be exchanged for two.
    Approve,
    /// It came back, and the second one is paid.
    Pay,
}

/// An order, and who may do what with it.
struct Scene {
    ada: Customer,
    staff: Customer,
    order: Value,
    /// What more is paid with.
    token: String,
    /// The return of one of its units, where there is one.
    back: Value,
}

impl Scene {
    async fn new(shop: &Shop, staff: &Customer, command: Command) -> Self {
        let ada = Customer::guest(shop).await;
        let lamp = id_of(&ada, "LAMP-1").await;
        ada.fill_cart(&lamp, 2).await;
        let order = ada.order("order", &ada.card(APPROVED).await).await;
        let order = ada.until(order.body["id"].as_str().unwrap(), &["CONFIRMED"]).await.body;
        let token = ada.card(APPROVED).await;
        let mut scene = Self { ada, staff: staff.at(shop), order, token, back: Value::Null };
        let steps: &[&str] = match command {
            Command::Inspect | Command::Pay => &["approve", "receive"],
            _ => &[],
        };
        let wanted = match command {
            Command::Approve | Command::Pay => json!([{"product_id": lamp, "quantity": 2}]),
            _ => json!([]),
        };
        if let Command::Inspect | Command::Approve | Command::Pay = command {
            scene.comes_back(&wanted, steps).await;
        }
        if let Command::Pay = command {
            scene.does(&scene.at_return("inspect"), &scene.found()).await;
        }
        shop.settle();
        let path = format!("/v1/orders/{}", id(&scene.order));
        scene.order = scene.ada.get(&path).await.body;
        scene
    }

    async fn does(&self, path: &str, body: &Value) {
        let done = self.staff.command(path, path, body).await;
        assert_eq!(done.status, 200, "{done:?}");
    }

    /// The order arrives and a unit of it goes back, for others or for money.
    async fn comes_back(&mut self, wanted: &Value, steps: &[&str]) {
        let order = id(&self.order);
        for step in ["ship", "deliver"] {
            self.does(&format!("/v1/admin/orders/{order}/{step}"), &json!({})).await;
        }
        let line =
            json!({"line_id": self.order["lines"][0]["id"], "quantity": 1, "reason": "other"});
        let body = json!({"lines": [line], "exchange_for": wanted});
        let asked = self.ada.command(&format!("/v1/orders/{order}/returns"), "back", &body).await;
        assert_eq!(asked.status, 201, "{asked:?}");
        self.back = asked.body;
        for step in steps {
            self.does(&self.at_return(step), &json!({})).await;
        }
    }

    fn at_return(&self, step: &str) -> String {
        format!("/v1/admin/returns/{}/{step}", id(&self.back))
    }

    /// What was found of the unit that came back.
    fn found(&self) -> Value {
        let line = &self.order["lines"][0]["id"];
        json!({"lines": [{"line_id": line, "accepted": 1, "condition": "sellable", "restock": true}]})
    }
}

fn id(value: &Value) -> String {
    value["id"].as_str().unwrap().to_owned()
}

impl Command {
    /// Asks for it once. An error when the shop died before it answered.
    async fn ask(self, shop: &Shop, scene: &Scene) -> Result<Answer, reqwest::Error> {
        let (ada, staff) = (scene.ada.at(shop), scene.staff.at(shop));
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
            Self::Inspect => (staff, scene.at_return("inspect"), scene.found()),
            Self::Approve => (staff, scene.at_return("approve"), json!({})),
            Self::Pay => {
                let path = format!("/v1/orders/{order}/returns/{}/pay", id(&scene.back));
                (ada, path, json!({"payment": {"token": scene.token}}))
            }
        };
        who.try_command(&path, "command", &body).await
    }

    /// Whether an order and its return are as they must be then; the rest is in the books.
    fn is_done(self, order: &Value, back: &Value) -> bool {
        match self {
            Self::Cancel => order["status"] == "CANCELLED",
            Self::Ship => {
                let parcels = order["shipments"].as_array().unwrap();
                order["fulfilment"] == "partial" && parcels.len() == 1
            }
            Self::Refund | Self::RefundOrder => order["payment"]["status"] == "partially_refunded",
            Self::Edit => order["lines"][0]["quantity"] == 3 && order["status"] == "CONFIRMED",
            Self::Inspect => {
                let is_back = order["lines"][0]["returned"] == 1 && back["state"] == "done";
                is_back && order["payment"]["status"] == "partially_refunded"
            }
            Self::Approve => back["state"] == "approved" && back["exchange"]["price"].is_object(),
            Self::Pay => {
                let exchange = &back["exchange"];
                back["state"] == "done" && exchange["credit"] == exchange["charged"]
            }
        }
    }
}

/// A shop that dies where a file says it.
fn armed(engine: Engine) -> Option<Shop> {
    let mut shop = Shop::new(engine, &[product("LAMP-1", "20.00", 10_000)])?;
    shop.set("STOA__SAGA__LEASE_MS", LEASE_MS);
    shop.set("STOA__BUS__LEASE_MS", LEASE_MS);
    shop.set("STOA_FAULT", &format!("from:{}", shop.folder.join(FAULT).display()));
    shop.start(&[]);
    Some(shop)
}

/// Kills where a death leaves what no other death in this file leaves.
async fn kill_at_these(engine: Engine, deaths: &[(Command, &str)]) {
    let Some(mut shop) = armed(engine) else { return };
    let staff = shop.staff().await;
    for (command, point) in deaths {
        kill_at(&mut shop, &staff, *command, point).await;
    }
    shop.stop();
    shop.assert_books();
}

async fn kill_at_each(command: Command, expected: &[&str]) {
    let Some(mut shop) = armed(Engine::Sqlite) else { return };
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
    let scene = Scene::new(shop, staff, command).await;
    let (fault, list) = (shop.folder.join(FAULT), shop.folder.join("points"));
    std::fs::write(&fault, format!("record:{}", list.display())).unwrap();
    tokio::time::sleep(Duration::from_millis(500)).await;
    // What an idle shop passes is no step of it, nor what proves its books.
    shop.settle();
    let idle = read(&list);
    finally(shop, command, &scene).await;
    shop.settle();
    std::fs::remove_file(fault).unwrap();
    steps(&list, &idle)
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
    let scene = Scene::new(shop, staff, command).await;
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
    let ada = scene.ada.at(shop);
    let order = ada.get(&path).await.body;
    let back = ada.get(&format!("{path}/returns")).await.body[0].clone();
    assert!(command.is_done(&order, &back), "{point}: {order} {back}");
}
