use actix_web::App;
use actix_web::HttpMessage;
use actix_web::test::{TestRequest, call_service, init_service, read_body_json};
use kernel::events::{Breakdown, CategoryGoods, OrderConfirmed, PaymentCaptured};
use kernel::id::{CustomerId, OrderId, PaymentId};
use kernel::ports::Role;
use kernel::{Clock, Currency, Event, Money, Timestamp};
use ledger::{Ledger, Terms};
use platform::bus::{Bus, Settings};
use platform::module::Schema;
use platform::sql::Db;
use serde_json::Value;

pub const TERMS: Terms = Terms { fee_ppm: 14_000, fee_fixed_minor: 25, payout_days: 2 };

pub fn euros(minor: i64) -> Money {
    Money::from_minor(minor, Currency::EUR)
}

/// A ledger, and who tells it of orders and payments.
pub struct Shop {
    pub ledger: Ledger,
    orders: Db,
    payments: Db,
    credits: Db,
}

/// An order that was confirmed and paid.
#[derive(Debug, Clone)]
pub struct Sale {
    pub order_id: OrderId,
    pub customer_id: CustomerId,
    pub payment_id: PaymentId,
    pub confirmed_at: Timestamp,
    pub minor: i64,
}

impl Sale {
    pub fn charge(&self) -> String {
        format!("ch_{}", self.payment_id)
    }
}

impl Shop {
    pub async fn new(db: &Db) -> Self {
        let publisher = async |module| {
            let schema = Schema { module, migrations: &[], statements: &[], guards: &[] };
            platform::testing::database(db.engine(), &schema, Clock::system()).await.unwrap()
        };
        Self {
            ledger: Ledger::new(db.clone(), TERMS),
            orders: publisher("order").await,
            payments: publisher("payment").await,
            credits: publisher("credit").await,
        }
    }

    pub fn bus(&self, node: &str) -> Bus {
        let settings = Settings {
            node: node.to_owned(),
            batch: 7,
            attempts_max: 2,
            effect_wait: std::time::Duration::from_mins(1),
            ..Settings::default()
        };
        let publishers = vec![self.orders.clone(), self.payments.clone(), self.credits.clone()];
        Bus::new(publishers, self.ledger.subscriptions(), settings)
    }

    pub async fn deliver(&self) {
        let bus = self.bus("a");
        bus.register().await.unwrap();
        bus.drain().await.unwrap();
    }

    pub async fn tell_order(&self, event: &impl Event, version: i64) {
        tell(&self.orders, event, version).await;
    }

    pub async fn tell_payment(&self, event: &impl Event, version: i64) {
        tell(&self.payments, event, version).await;
    }

    /// An order of so many cents is confirmed.
    pub async fn confirmed(&self, order_id: OrderId, minor: i64) -> OrderId {
        let (tax, shipping) = (minor / 6, minor / 10);
        let goods = CategoryGoods {
            category: Some("Home".to_owned()),
            amount: euros(minor - tax - shipping),
        };
        let breakdown =
            Breakdown { goods: vec![goods], shipping: euros(shipping), tax: euros(tax) };
        let confirmed = OrderConfirmed {
            order_id,
            number: "S-1".to_owned(),
            customer_id: CustomerId::new(),
            lines: vec![],
            total: euros(minor),
            breakdown: Some(breakdown),
            account_id: None,
        };
        self.tell_order(&confirmed, 1).await;
        order_id
    }

    /// Sells something for so many cents, and has them captured.
    pub async fn sold(&self, minor: i64) -> Sale {
        let sale = Sale {
            order_id: OrderId::new(),
            customer_id: CustomerId::new(),
            payment_id: PaymentId::new(),
            confirmed_at: self.orders.clock().now(),
            minor,
        };
        let captured = PaymentCaptured {
            payment_id: sale.payment_id,
            order_id: sale.order_id,
            change_id: None,
            amount: euros(minor),
            reason: None,
            charge: Some(sale.charge()),
            by_staff: false,
        };
        self.confirmed(sale.order_id, minor).await;
        self.tell_payment(&captured, 1).await;
        sale
    }

    pub async fn send(&self, request: TestRequest) -> (u16, Value) {
        let app = App::new().configure(|config| self.ledger.routes(config));
        let app = init_service(app).await;
        let request = request.to_request();
        request.extensions_mut().insert(platform::testing::principal(Role::Admin));
        let response = call_service(&app, request).await;
        (response.status().as_u16(), read_body_json(response).await)
    }

    pub async fn ask(&self, path: &str) -> (u16, Value) {
        self.send(TestRequest::get().uri(&format!("/v1/admin/ledger/{path}"))).await
    }

    pub async fn get(&self, path: &str) -> Value {
        let (status, body) = self.ask(path).await;
        assert_eq!(status, 200, "{body}");
        body
    }

    /// The sum of all accounts of a kind, on their normal side.
    pub async fn balance(&self, kind: &str) -> i64 {
        let page = self.get(&format!("accounts?kind={kind}&open=true&limit=100")).await;
        let balances = page["items"].as_array().unwrap().iter().map(|it| &it["balance"]["amount"]);
        let cents = |amount: &Value| amount.as_str().unwrap().replace('.', "").parse::<i64>();
        balances.map(|amount| cents(amount).unwrap()).sum()
    }

    pub async fn books_are_right(&self) {
        for check in self.ledger.verify().await.unwrap() {
            assert!(check.holds() && check.rows > 0, "{check:?}");
        }
    }
}

async fn tell(db: &Db, event: &impl Event, version: i64) {
    let mut tx = db.begin("tell").await.unwrap();
    tx.emit(event, version).unwrap();
    tx.commit().await.unwrap();
}
