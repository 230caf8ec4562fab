//! The figures' promises, on both engines.
#![cfg(test)]

mod searches;

use actix_web::App;
use actix_web::HttpMessage;
use actix_web::test::{TestRequest, call_service, init_service, read_body_json};
use analytics::{Analytics, SCHEMA};
use kernel::events::{
    OrderCancelled, OrderConfirmed, OrderExchanged, OrderRefunded, Refunded, RefundedLine, SoldLine,
};
use kernel::id::{ChangeId, CustomerId, OrderId, ProductId};
use kernel::ports::Role;
use kernel::{Clock, Currency, Money, Timestamp};
use platform::audit::Actor;
use platform::bus::{Bus, Settings, dead_letters, replay};
use platform::module::Schema;
use platform::sql::Db;
use serde_json::{Value, json};

platform::on_both_engines!(super::SCHEMA =>
    every_statement_prepares,
    figures_follow_the_orders,
    several_relays_count_once_and_a_replay_counts_the_same,
    what_was_never_sold_is_not_taken_back,
    what_is_given_back_counts_once_beside_what_was_sold,
    bad_input_names_the_field,
);

async fn every_statement_prepares(db: Db) {
    for (name, sql) in SCHEMA.statements.iter().copied().flatten() {
        let mut tx = db.begin("prepare").await.unwrap();
        if let Err(error) = tx.prepare(*sql).await {
            panic!("{name}: {error:?}");
        }
    }
}

struct Shop {
    analytics: Analytics,
    figures: Db,
    orders: Db,
    catalog: Db,
}

impl Shop {
    async fn new(db: &Db) -> Self {
        let publisher = async |module| {
            let schema = Schema { module, migrations: &[], statements: &[], guards: &[] };
            platform::testing::database(db.engine(), &schema, Clock::system()).await.unwrap()
        };
        let (orders, catalog) = (publisher("order").await, publisher("catalog").await);
        Self { analytics: Analytics::new(db.clone()), figures: db.clone(), orders, catalog }
    }

    fn bus(&self, node: &str) -> Bus {
        let settings = Settings {
            node: node.to_owned(),
            batch: 7,
            attempts_max: 2,
            effect_wait: std::time::Duration::from_mins(1),
            ..Settings::default()
        };
        Bus::new(
            vec![self.orders.clone(), self.catalog.clone()],
            self.analytics.subscriptions(),
            settings,
        )
    }

    async fn deliver(&self) {
        let bus = self.bus("a");
        bus.register().await.unwrap();
        bus.drain().await.unwrap();
    }

    /// Confirms an order, and returns what would cancel it.
    async fn confirm(&self, lines: &[SoldLine], total: Money) -> OrderCancelled {
        let (order_id, customer_id) = (OrderId::new(), CustomerId::new());
        let lines = lines.to_vec();
        let mut tx = self.orders.begin("confirm").await.unwrap();
        let confirmed_at = tx.now();
        let number = "S-1".to_owned();
        let event = OrderConfirmed {
            order_id,
            number,
            customer_id,
            lines: lines.clone(),
            total,
            breakdown: None,
            account_id: None,
        };
        tx.emit(&event, 1).unwrap();
        tx.commit().await.unwrap();
        let reason = "changed my mind".to_owned();
        OrderCancelled {
            order_id,
            customer_id,
            lines,
            total,
            confirmed_at,
            reason,
            was_confirmed: true,
            refunded: None,
            replaces: None,
        }
    }

    /// Gives money of an order back: its event of this number.
    async fn refund(&self, of: &OrderCancelled, amount: Money, lines: &[RefundedLine], n: i64) {
        let mut tx = self.orders.begin("refund").await.unwrap();
        tx.emit(&refunded(of, amount, lines), n).unwrap();
        tx.commit().await.unwrap();
    }

    async fn cancel(&self, event: &OrderCancelled) {
        let mut tx = self.orders.begin("cancel").await.unwrap();
        tx.emit(event, 2).unwrap();
        tx.commit().await.unwrap();
    }

    async fn get_as(&self, role: Role, path: &str) -> (u16, Value) {
        let app = App::new().configure(|config| self.analytics.routes(config));
        let app = init_service(app).await;
        let request = TestRequest::get().uri(&format!("/v1/admin/analytics/{path}")).to_request();
        request.extensions_mut().insert(platform::testing::principal(role));
        let response = call_service(&app, request).await;
        (response.status().as_u16(), read_body_json(response).await)
    }

    async fn get(&self, path: &str) -> Value {
        let (status, body) = self.get_as(Role::Staff, path).await;
        assert_eq!(status, 200, "{body}");
        body
    }

    async fn books_are_right(&self) {
        for check in self.analytics.verify().await.unwrap() {
            assert!(check.holds() && check.rows > 0, "{check:?}");
        }
    }
}

fn line(product_id: ProductId, quantity: i64, total: Money) -> SoldLine {
    SoldLine { product_id, sku: "sku".to_owned(), name: "name".to_owned(), quantity, total }
}

fn refunded(of: &OrderCancelled, amount: Money, lines: &[RefundedLine]) -> OrderRefunded {
    OrderRefunded {
        order_id: of.order_id,
        change_id: ChangeId::new(),
        customer_id: of.customer_id,
        amount,
        tax: None,
        account_id: None,
        confirmed_at: of.confirmed_at,
        is_sold: true,
        is_difference: false,
        lines: lines.to_vec(),
    }
}

fn exchanged(of: &OrderCancelled, credit: Money, charged: Money) -> OrderExchanged {
    OrderExchanged {
        order_id: of.order_id,
        change_id: ChangeId::new(),
        customer_id: of.customer_id,
        replacement_id: OrderId::new(),
        account_id: of.order_id,
        credit,
        credit_tax: None,
        charged,
        refund: euro(0),
        confirmed_at: of.confirmed_at,
    }
}

fn euro(minor: i64) -> Money {
    Money::from_minor(minor, Currency::EUR)
}

fn yen(minor: i64) -> Money {
    Money::from_minor(minor, Currency::JPY)
}

async fn figures_follow_the_orders(db: Db) {
    let shop = Shop::new(&db).await;
    let (lamp, vase) = (ProductId::new(), ProductId::new());
    shop.confirm(&[line(lamp, 2, euro(2_000)), line(vase, 1, euro(500))], euro(2_900)).await;
    let second = shop.confirm(&[line(vase, 4, euro(2_000))], euro(2_490)).await;
    shop.confirm(&[line(lamp, 1, yen(1_500))], yen(1_700)).await;
    shop.deliver().await;
    let sales = shop.get("sales").await;
    let items = sales["items"].as_array().unwrap();
    assert_eq!(items.len(), 2, "{sales}");
    assert_eq!((&items[0]["orders"], &items[0]["units"]), (&json!(2), &json!(7)));
    assert_eq!(items[0]["goods"], json!({"amount": "45.00", "currency": "EUR"}));
    assert_eq!(items[0]["revenue"], json!({"amount": "53.90", "currency": "EUR"}));
    assert_eq!(items[1]["revenue"], json!({"amount": "1700", "currency": "JPY"}));
    let top = shop.get("top-products?limit=1").await;
    assert_eq!(top["items"].as_array().unwrap().len(), 1);
    assert_eq!(top["items"][0]["product_id"], json!(vase));
    assert_eq!(top["items"][0]["units"], 5);

    shop.cancel(&second).await;
    shop.deliver().await;
    let sales = shop.get("sales").await;
    assert_eq!(sales["items"][0]["orders"], 1);
    assert_eq!(sales["items"][0]["revenue"]["amount"], "29.00");
    let top = shop.get("top-products").await;
    assert_eq!(top["items"][0]["product_id"], json!(lamp));
    shop.books_are_right().await;
}

async fn several_relays_count_once_and_a_replay_counts_the_same(db: Db) {
    let shop = Shop::new(&db).await;
    let product = ProductId::new();
    for n in 1..=30 {
        let placed = shop.confirm(&[line(product, n, euro(n * 100))], euro(n * 119)).await;
        if n % 3 == 0 {
            shop.cancel(&placed).await;
        }
    }
    let relays = ["a", "b", "c"].map(|node| shop.bus(node));
    relays[0].register().await.unwrap();
    // A relay that lost a race may say so; what counts is that the work is done once.
    let (a, b, c) = tokio::join!(relays[0].drain(), relays[1].drain(), relays[2].drain());
    drop((a, b, c));
    shop.deliver().await;
    let units: i64 = (1..=30).filter(|n| n % 3 != 0).sum();
    let before = shop.get("sales").await;
    assert_eq!(before["items"][0]["orders"], 20);
    assert_eq!(before["items"][0]["units"], units);
    assert_eq!(before["items"][0]["revenue"], json!(euro(units * 119)));
    let top = shop.get("top-products").await;

    replay(&shop.analytics.subscriptions()[0], &Actor::OPERATOR).await.unwrap();
    assert_eq!(shop.get("sales").await["items"], json!([]));
    shop.deliver().await;
    assert_eq!(shop.get("sales").await, before);
    assert_eq!(shop.get("top-products").await, top);
    assert!(dead_letters(&shop.figures, None, 10).await.unwrap().is_empty());
    shop.books_are_right().await;
}

async fn what_was_never_sold_is_not_taken_back(db: Db) {
    let shop = Shop::new(&db).await;
    let product = ProductId::new();
    let sold = shop.confirm(&[line(product, 1, euro(100))], euro(100)).await;
    let confirmed_at: Timestamp = "2020-02-02T00:00:00Z".parse().unwrap();
    shop.cancel(&OrderCancelled { confirmed_at, ..sold }).await;
    shop.deliver().await;
    assert_eq!(shop.get("sales").await["items"][0]["orders"], 1);
    let parked = dead_letters(&shop.figures, None, 10).await.unwrap();
    assert_eq!(parked.len(), 1);
    shop.books_are_right().await;
}

async fn what_is_given_back_counts_once_beside_what_was_sold(db: Db) {
    let shop = Shop::new(&db).await;
    let (lamp, vase) = (ProductId::new(), ProductId::new());
    let lines = [line(lamp, 2, euro(2_000)), line(vase, 1, euro(500))];
    let first = shop.confirm(&lines, euro(2_900)).await;
    let second = shop.confirm(&[line(lamp, 1, euro(1_000))], euro(1_490)).await;
    let of_lamp = [RefundedLine { product_id: lamp, quantity: 1, amount: euro(950) }];
    shop.refund(&first, euro(950), &of_lamp, 2).await;
    shop.refund(&first, euro(100), &[], 3).await;
    shop.refund(&second, euro(950), &of_lamp, 2).await;
    // Neither is a refund of what counts as sold.
    let mut tx = shop.orders.begin("refund").await.unwrap();
    let difference = OrderRefunded { is_difference: true, ..refunded(&first, euro(40), &[]) };
    tx.emit(&difference, 4).unwrap();
    let called_off = OrderRefunded { is_sold: false, ..refunded(&second, euro(40), &[]) };
    tx.emit(&called_off, 3).unwrap();
    // Goods that paid others count as given back; what was charged beside is of the other order.
    tx.emit(&exchanged(&first, euro(300), euro(70)), 5).unwrap();
    tx.commit().await.unwrap();
    shop.deliver().await;
    let sales = shop.get("sales").await;
    assert_eq!(sales["items"][0]["revenue"], json!(euro(4_390)), "{sales}");
    assert_eq!(sales["items"][0]["refunds"], json!(euro(2_300)), "{sales}");
    let top = shop.get("top-products").await;
    assert_eq!(
        (&top["items"][0]["units"], &top["items"][0]["refunded_units"]),
        (&json!(3), &json!(2))
    );
    assert_eq!(top["items"][0]["refunds"], json!(euro(1_900)));
    assert_eq!(top["items"][1]["refunds"], json!(euro(0)));
    shop.books_are_right().await;

    // An order that is called off takes what it gave back along.
    let back = Refunded { amount: euro(950), lines: of_lamp.to_vec() };
    let mut tx = shop.orders.begin("cancel").await.unwrap();
    tx.emit(&OrderCancelled { refunded: Some(back), ..second }, 4).unwrap();
    tx.commit().await.unwrap();
    shop.deliver().await;
    let sales = shop.get("sales").await;
    assert_eq!(sales["items"][0]["revenue"], json!(euro(2_900)), "{sales}");
    assert_eq!(sales["items"][0]["refunds"], json!(euro(1_350)), "{sales}");
    let top = shop.get("top-products").await;

    replay(&shop.analytics.subscriptions()[0], &Actor::OPERATOR).await.unwrap();
    shop.deliver().await;
    assert_eq!(shop.get("sales").await, sales);
    assert_eq!(shop.get("top-products").await, top);
    assert!(dead_letters(&shop.figures, None, 10).await.unwrap().is_empty());
    shop.books_are_right().await;
}

async fn bad_input_names_the_field(db: Db) {
    let shop = Shop::new(&db).await;
    for (path, field) in [
        ("sales?from=2024-01-01&to=2025-06-01", "from"),
        ("sales?from=2025-01-02&to=2025-01-01", "from"),
        ("sales?to=soon", "to"),
        ("sales?colour=red", "colour"),
        ("top-products?limit=0", "limit"),
        ("top-products?limit=101", "limit"),
    ] {
        let (status, problem) = shop.get_as(Role::Staff, path).await;
        assert_eq!((status, &problem["errors"][0]["field"]), (422, &json!(field)), "{path}");
    }
    assert_eq!(shop.get_as(Role::Customer, "sales").await.0, 403);
    assert_eq!(shop.get_as(Role::Customer, "top-products").await.0, 403);
}
