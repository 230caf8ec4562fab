//! A shop around the module: publishers with outboxes, orders and people made up, a letter box.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta};
use kernel::clock::ClockHand;
use kernel::events::{OrderConfirmed, PaymentActionRequired, SoldLine};
use kernel::id::{CustomerId, OrderId, PaymentId, ProductId};
use kernel::ports::{Contact, Mail, Mailer, Orders, People, ToldOrder, Unavailable, Vault};
use kernel::{Clock, Currency, Event, Money, Timestamp};
use messages::{Messages, Ports, SCHEMA, Settings};
use platform::bus::Bus;
use platform::module::Schema;
use platform::sql::{Db, Engine, Sql};
use tokio::sync::Notify;

/// What a letter box does with a letter.
#[derive(Clone, Copy, PartialEq)]
pub enum Mood {
    Takes,
    Refuses,
    /// It takes the letter, and the answer never comes.
    TakesAndHangs,
    /// It refuses the letter once the test says so.
    RefusesLate,
}

/// Everything that the module asks, in one.
pub struct Outside {
    pub orders: Mutex<HashMap<OrderId, ToldOrder>>,
    pub people: Mutex<HashMap<CustomerId, String>>,
    pub letters: Mutex<Vec<Mail>>,
    pub mood: Mutex<Mood>,
    pub refusing: Notify,
    pub late: Notify,
}

#[async_trait]
impl Orders for Outside {
    async fn told(&self, ids: &[OrderId]) -> Result<HashMap<OrderId, ToldOrder>, Unavailable> {
        let orders = self.orders.lock().unwrap();
        Ok(ids.iter().filter_map(|id| Some((*id, orders.get(id)?.clone()))).collect())
    }
}

#[async_trait]
impl People for Outside {
    async fn contacts(
        &self,
        ids: &[CustomerId],
    ) -> Result<HashMap<CustomerId, Contact>, Unavailable> {
        let people = self.people.lock().unwrap();
        let contact = |id| Some(Contact { email: people.get(id)?.clone() });
        Ok(ids.iter().filter_map(|id| Some((*id, contact(id)?))).collect())
    }
}

#[async_trait]
impl Mailer for Outside {
    async fn send(&self, mail: &Mail) -> Result<(), Unavailable> {
        let mood = *self.mood.lock().unwrap();
        if mood == Mood::RefusesLate {
            self.refusing.notify_one();
            self.late.notified().await;
        }
        if matches!(mood, Mood::Refuses | Mood::RefusesLate) {
            return Err(Unavailable::new("mail", format!("550 <{}> is unknown", mail.to)));
        }
        self.letters.lock().unwrap().push(mail.clone());
        if mood == Mood::TakesAndHangs {
            std::future::pending::<()>().await;
        }
        Ok(())
    }
}

/// Seals so that it is seen in a test: with the owner's name and another byte at each place.
impl Vault for Outside {
    fn seal(&self, owner: &[u8], value: &[u8]) -> Option<Vec<u8>> {
        let hidden: Vec<u8> = value.iter().map(|byte| !byte).collect();
        Some([owner, &hidden].concat())
    }

    fn unseal(&self, owner: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
        Some(sealed.strip_prefix(owner)?.iter().map(|byte| !byte).collect())
    }

    fn name(&self, _: &[u8], _: &[u8]) -> [u8; 32] {
        [0; 32]
    }
}

pub struct World {
    pub db: Db,
    pub order_db: Db,
    pub payment_db: Db,
    pub stock_db: Db,
    pub auth_db: Db,
    pub outside: Arc<Outside>,
    pub hand: ClockHand,
    /// Whether webhooks may be at the machine of the test.
    pub allow_private: bool,
}

impl World {
    pub async fn on(engine: Engine) -> Option<Self> {
        let (clock, hand) = Clock::fixed(DateTime::from_timestamp(1_800_000_000, 0).unwrap());
        let db = platform::testing::database(engine, &SCHEMA, clock.clone()).await?;
        let publisher = async |module| {
            let schema = Schema { module, migrations: &[], statements: &[], guards: &[] };
            platform::testing::database(engine, &schema, clock.clone()).await.unwrap()
        };
        let (order_db, payment_db) = (publisher("order").await, publisher("payment").await);
        let (stock_db, auth_db) = (publisher("inventory").await, publisher("auth").await);
        let outside = Arc::new(Outside {
            orders: Mutex::default(),
            people: Mutex::default(),
            letters: Mutex::default(),
            mood: Mutex::new(Mood::Takes),
            refusing: Notify::new(),
            late: Notify::new(),
        });
        let allow_private = true;
        Some(Self { db, order_db, payment_db, stock_db, auth_db, outside, hand, allow_private })
    }

    /// Sends what is due in a process that ends as soon as the server has taken a letter.
    pub async fn die_sending(&self) {
        let taken = self.outside.letters.lock().unwrap().len();
        let messages = self.messages();
        let dies = tokio::spawn(async move { messages.send_letters().await });
        while !dies.is_finished() && self.outside.letters.lock().unwrap().len() == taken {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        dies.abort();
        let _ = dies.await;
    }

    /// The module, as each process has it.
    pub fn messages(&self) -> Messages {
        let settings = Settings {
            shop_name: "Lamps".to_owned(),
            locale: "en".to_owned(),
            templates: std::path::PathBuf::new(),
            poll_ms: 1_000,
            private_webhooks: self.allow_private,
        };
        let ports = Ports {
            mailer: self.outside.clone(),
            orders: self.outside.clone(),
            people: self.outside.clone(),
            vault: self.outside.clone(),
        };
        Messages::open(self.db.clone(), &settings, "https://shop.example/", ports).unwrap()
    }

    /// The bus of one node.
    pub async fn bus(&self, node: &str) -> Bus {
        let settings = platform::bus::Settings {
            node: node.to_owned(),
            effect_wait: Duration::from_mins(1),
            ..Default::default()
        };
        let publishers = [&self.order_db, &self.payment_db, &self.stock_db, &self.auth_db];
        let publishers = publishers.into_iter().cloned().collect();
        let bus = Bus::new(publishers, self.messages().subscriptions(), settings);
        bus.register().await.unwrap();
        bus
    }

    /// Lets the bus deliver everything, as a node that has just begun.
    pub async fn deliver(&self, node: &str) {
        self.bus(node).await.drain().await.unwrap();
    }

    /// Sends all that is due.
    pub async fn send(&self) {
        while self.messages().send_letters().await.unwrap() {}
    }

    /// A letter box that is in this mood from now on.
    pub fn mood(&self, mood: Mood) {
        *self.outside.mood.lock().unwrap() = mood;
    }

    pub fn advance(&self, by: TimeDelta) {
        self.hand.advance(by);
    }

    /// The letters that came, taken out.
    pub fn collect(&self) -> Vec<Mail> {
        std::mem::take(&mut *self.outside.letters.lock().unwrap())
    }

    /// An order that is there, changed as a test likes it.
    pub fn order(&self, change: impl FnOnce(&mut ToldOrder)) -> ToldOrder {
        let euros = |minor| Money::from_minor(minor, Currency::EUR);
        let line = SoldLine {
            product_id: ProductId::new(),
            sku: "LAMP-1".to_owned(),
            name: "Lamp".to_owned(),
            quantity: 1,
            total: euros(2_000),
        };
        let mut order = ToldOrder {
            id: OrderId::new(),
            number: "ORD-1".to_owned(),
            customer_id: CustomerId::new(),
            email: None,
            locale: None,
            name: "Ada".to_owned(),
            lines: vec![line],
            items: euros(2_000),
            discount: euros(0),
            shipping: euros(490),
            tax: euros(473),
            included_tax: euros(0),
            total: euros(2_963),
            placed_at: self.db.clock().now(),
            awaits_payment: false,
        };
        change(&mut order);
        self.outside.orders.lock().unwrap().insert(order.id, order.clone());
        order
    }

    /// An order of somebody with this address in their account.
    pub fn order_of(&self, email: &str) -> ToldOrder {
        let order = self.order(|_| ());
        self.outside.people.lock().unwrap().insert(order.customer_id, email.to_owned());
        order
    }

    /// Publishes an event.
    pub async fn publish<E: Event>(&self, event: &E, version: i64) {
        let db = match E::SOURCE {
            "stoa.payment" => &self.payment_db,
            "stoa.auth" => &self.auth_db,
            _ => &self.order_db,
        };
        let mut tx = db.begin("publish").await.unwrap();
        tx.emit(event, version).unwrap();
        tx.commit().await.unwrap();
    }

    /// Tells that an order is confirmed.
    pub async fn confirm(&self, order: &ToldOrder) {
        self.publish(&confirmed(order), 1).await;
    }

    /// Tells that a payment of the order waits for the shopper; the letter is not due yet, and the event names nobody.
    pub async fn asks_for_action(&self, order: &ToldOrder) {
        let event = PaymentActionRequired {
            payment_id: PaymentId::new(),
            order_id: order.id,
            amount: order.total,
            reason: None,
            change_id: None,
            charge: None,
            by_staff: false,
        };
        self.publish(&event, 1).await;
    }

    /// When each message is due, and what was noted of it.
    pub async fn kept(&self) -> Vec<(Timestamp, Option<String>)> {
        let all = Sql::new("select due_at, last_error from message order by id");
        self.db.query(all).all().await.unwrap()
    }

    /// The states of all messages, and how often each was tried.
    pub async fn states(&self) -> Vec<(String, i64)> {
        let all = Sql::new("select state, attempts from message order by id");
        self.db.query(all).all().await.unwrap()
    }
}

pub fn confirmed(order: &ToldOrder) -> OrderConfirmed {
    OrderConfirmed {
        order_id: order.id,
        number: order.number.clone(),
        customer_id: order.customer_id,
        lines: order.lines.clone(),
        total: order.total,
        breakdown: None,
        account_id: None,
    }
}

/// Runs each test once per engine, in a world of its own.
macro_rules! in_both_worlds {
    ($($case:ident),+ $(,)?) => {
        mod on_sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                let engine = platform::sql::Engine::Sqlite;
                if let Some(world) = crate::world::World::on(engine).await {
                    super::$case(world).await;
                }
            })+
        }
        mod on_postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                let engine = platform::sql::Engine::Postgres;
                if let Some(world) = crate::world::World::on(engine).await {
                    super::$case(world).await;
                }
            })+
        }
    };
}
pub(crate) use in_both_worlds;
