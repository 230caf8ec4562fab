//! A shop of orders, stock and payments in this process: real modules over real databases, a clock
//! that is moved by hand, and ports that fail.

mod node;
mod settled;

use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::TimeDelta;
use credit::Credits;
use inventory::Inventory;
use kernel::card::Card;
use kernel::clock::ClockHand;
use kernel::events::ProductCreated;
use kernel::id::{EventId, ProductId};
use kernel::ports::{CardAcceptor as _, Factor, GiftCode, Principal, Proof, Role};
use kernel::{Clock, Currency, Money, Timestamp};
use ledger::Ledger;
use order::{CarrierFulfilment, ManualFulfilment, Orders, TaxTable};
use payment::{Payments, Sandbox};
use platform::audit::Actor;
use platform::bus::{Bus, Handler};
use platform::module::Schema;
use platform::personal::People;
use platform::saga::Policy;
use platform::sql::{Db, Sqlite};
use platform::tasks::Tasks;
use platform::testing::TestKeys;
use platform::verify::Check;
use serde_json::json;
use stoa::settings::Settings;
use tokio::sync::OnceCell;

use crate::carrier::{Carrier, SECRET};
use crate::chaos::{Chaos, Nobody, Prices};
use crate::schedule::Schedule;

pub use node::{Answer, Node};
use node::{Asked, Door, door};

const SCHEMAS: [Schema; 6] = [
    inventory::SCHEMA,
    order::SCHEMA,
    payment::SCHEMA,
    credit::SCHEMA,
    payment::SANDBOX_SCHEMA,
    ledger::SCHEMA,
];
/// How many units of each product there are at first.
const UNITS: [i64; 3] = [2, 5, 9];
/// Cards that are approved, declined, and ask for a challenge.
const CARDS: [&str; 3] = ["4242424242424242", "4000000000000002", "4000002760003184"];
/// What is on the gift card at first, in cents.
const GIFT: i64 = 5_000;
/// Used once.
pub const COUPON: &str = "ONCE";
/// Longer than a seed takes: what waits for the machine's time never gives up here.
const NEVER: Duration = Duration::from_hours(1);

/// The beginning of every world, made once: products with units, cards that stand for tokens.
pub struct Beginning {
    folder: PathBuf,
    pub products: Vec<ProductId>,
    pub tokens: Vec<String>,
    /// A card that many pay with.
    pub gift: GiftCode,
    settings: Settings,
    door: Rc<OnceCell<Door>>,
}

/// A world: databases, time, and whatever moves in it.
pub struct World {
    databases: Vec<Db>,
    folder: PathBuf,
    pub hand: ClockHand,
    pub clock: Clock,
    pub prices: Arc<Prices>,
    pub schedule: Schedule,
    /// Who carries parcels, where the staff does not send them by hand.
    pub carrier: Option<Carrier>,
    settings: Settings,
    /// Made by the first node.
    door: Rc<OnceCell<Door>>,
}

/// Later than every id that is made, so that nothing in the books is young.
fn first_day() -> Timestamp {
    "2040-01-01T00:00:00Z".parse().unwrap()
}

/// Where nothing is written to a disk.
fn folder() -> PathBuf {
    let memory = Path::new("/dev/shm");
    let below = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
    let folder = below.join(format!("stoa-simulation-{}", EventId::new()));
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

async fn open(folder: &Path, clock: &Clock) -> Vec<Db> {
    let people = People::new(Arc::new(TestKeys::default()));
    let mut databases = Vec::new();
    for Schema { module, .. } in &SCHEMAS {
        let at = Sqlite { file: folder.join(format!("{module}.db")), readers: 1 };
        let db = Db::sqlite(module, &at, clock.clone()).await.unwrap();
        db.keep_people(people.clone());
        databases.push(db);
    }
    databases
}

fn settings() -> Settings {
    let mut settings = Settings::read(None).unwrap();
    settings.order.answer_wait_ms = 0;
    settings.payment.processor_wait_ms = 3_600_000;
    settings.payment.sandbox.latency_ms = 0;
    settings
}

impl Beginning {
    pub async fn new() -> Self {
        let (folder, (clock, hand)) = (folder(), Clock::fixed(first_day()));
        let databases = open(&folder, &clock).await;
        for (schema, db) in SCHEMAS.iter().zip(&databases) {
            schema.migrate(db).await.unwrap();
        }
        let schedule = Schedule::none();
        let products: Vec<_> = UNITS.iter().map(|_| ProductId::new()).collect();
        let (prices, settings) = (Arc::new(Prices(Mutex::default())), settings());
        let door = Rc::default();
        let world = World {
            databases,
            folder: folder.clone(),
            hand,
            clock,
            prices,
            schedule,
            carrier: None,
            settings: settings.clone(),
            door: Rc::clone(&door),
        };
        let node = world.node("first").await;
        node.inventory.prepare().await.unwrap();
        for (product, units) in products.iter().zip(UNITS) {
            open_stock(&node.inventory, *product, units).await;
        }
        let staff = principal(Role::Admin);
        let mut tokens = Vec::new();
        for number in CARDS {
            let Ok(card) = Card::new(number, 12, 2044, "123", first_day()) else {
                panic!("a card")
            };
            let token = format!("tok_{}", tokens.len());
            node.sandbox.accept(&token, &token, &card).await.unwrap();
            tokens.push(token);
        }
        let coupon = json!({"code": COUPON, "percent": "10", "uses_max": 1});
        let answer = node.ask(&staff, "POST", "/v1/admin/promotions", "coupon", coupon).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        let issued = node.credits.issue(euros(GIFT), None, None, "gift", &Actor::SYSTEM).await;
        let gift = issued.unwrap().1.expect("a code");
        world.close().await;
        Self { folder, products, tokens, gift, settings, door }
    }

    /// A world that begins like this.
    pub async fn world(&self, schedule: Schedule, carrier: Option<Carrier>) -> World {
        let folder = folder();
        for file in std::fs::read_dir(&self.folder).unwrap() {
            let file = file.unwrap();
            std::fs::copy(file.path(), folder.join(file.file_name())).unwrap();
        }
        let (clock, hand) = Clock::fixed(first_day());
        let databases = open(&folder, &clock).await;
        let prices = self.products.iter().map(|product| (*product, 2_000)).collect();
        let prices = Arc::new(Prices(Mutex::new(prices)));
        let (settings, door) = (self.settings.clone(), self.door.clone());
        World { databases, folder, hand, clock, prices, schedule, carrier, settings, door }
    }
}

impl Drop for Beginning {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// Somebody who has just shown a second factor, however long the world goes on.
pub fn principal(role: Role) -> Principal {
    let amr = vec![Factor::Pwd, Factor::Otp];
    let proof = Proof::Login { session: None, amr, auth_time: first_day() + TimeDelta::days(365) };
    Principal { proof, ..platform::testing::principal(role) }
}

fn euros(minor: i64) -> Money {
    Money::from_minor(minor, Currency::EUR)
}

async fn open_stock(inventory: &Inventory, product_id: ProductId, units: i64) {
    let price = euros(2_000);
    let sku = product_id.to_string();
    let event = ProductCreated { product_id, sku, price, opening_stock: Some(units) };
    let subscriptions = inventory.subscriptions();
    let heard = subscriptions.iter().find(|one| one.name == "inventory.products").unwrap();
    let envelope = platform::testing::told(&event, heard.db.clock().now());
    let Handler::Reaction(reaction) = &heard.handler else { panic!("not a reaction") };
    let mut tx = heard.db.begin("opening").await.unwrap();
    reaction.apply(&mut tx, &envelope).await.unwrap();
    tx.commit().await.unwrap();
}

impl World {
    /// A node that starts now.
    pub async fn node(&self, name: &str) -> Node {
        let [inventory, order, payment, credit, sandbox, ledger] = self.databases.as_slice() else {
            panic!("six databases")
        };
        let (settings, schedule, tasks) = (&self.settings, &self.schedule, Tasks::default());
        let inventory = Inventory::new(inventory.clone(), settings.inventory.clone());
        let sandbox = Sandbox::new(sandbox.clone(), &settings.payment.sandbox).unwrap();
        let agreed = settings.ledger;
        let fee = Arc::new(move |charged| agreed.fee(charged));
        let payout = chrono::TimeDelta::days(1);
        let sandbox = Arc::new(sandbox.settling(payment::sandbox::Terms { fee, payout }));
        let payments = Payments::new(payment.clone(), sandbox.clone(), settings.payment.clone())
            .behind(Chaos::around((*sandbox).clone(), schedule));
        let credits = Credits::new(credit.clone(), settings.credit, Arc::new(Nobody));
        let taxes = TaxTable::new(order.clone(), settings.order.tax_percent.clone());
        let ports = order::Ports {
            catalog: Chaos::around(self.prices.clone(), schedule),
            stock: Chaos::around(inventory.clone(), schedule),
            payments: Chaos::around(payments.clone(), schedule),
            credit: Chaos::around(credits.clone(), schedule),
            logistics: match &self.carrier {
                None => Chaos::around(ManualFulfilment::new(order.clone()), schedule),
                Some(carrier) => {
                    let carrier = Chaos::around(carrier.clone(), schedule);
                    Arc::new(CarrierFulfilment::new(order.clone(), carrier, NEVER))
                }
            },
            carrier_secret: self.carrier.is_some().then(|| SECRET.to_vec()),
            history: vec![],
            people: Arc::new(Nobody),
            tax: Arc::new(taxes.clone()),
            taxes,
        };
        let sagas = platform::saga::Settings {
            node: name.to_owned(),
            lease: Duration::from_secs(20),
            poll: NEVER,
            policy: Policy {
                attempts_max: settings.saga.attempts_max,
                undo_attempts_max: 1_000,
                pause: TimeDelta::milliseconds(settings.saga.pause_ms),
                pause_max: TimeDelta::milliseconds(settings.saga.pause_max_ms),
            },
        };
        let orders =
            Orders::new(order.clone(), settings.order.clone(), ports, sagas, tasks.clone());
        let bus = platform::bus::Settings {
            node: name.to_owned(),
            poll: Duration::ZERO,
            linger: Duration::ZERO,
            rest: Duration::ZERO,
            batch: settings.bus.batch,
            lease: Duration::from_secs(20),
            effect_wait: NEVER,
            effects_at_once: 8,
            attempts_max: 1_000,
            retry_max: Duration::from_mins(1),
        };
        let publishers = self.databases[..4].to_vec();
        let known = ["stoa.inventory", "stoa.order", "stoa.payment", "stoa.credit"];
        let ledger = Ledger::new(ledger.clone(), settings.ledger);
        let all = [
            inventory.subscriptions(),
            orders.subscriptions(),
            payments.subscriptions(),
            credits.subscriptions(),
            ledger.subscriptions(),
        ];
        let heard = |one: &platform::bus::Subscription| {
            one.sources().iter().all(|source| known.contains(source))
        };
        let subscriptions = all.concat().into_iter().filter(heard).collect();
        let bus = Bus::new(publishers, subscriptions, bus);
        bus.register().await.unwrap();
        let asked = Asked::new(&orders, &payments, &inventory, &ledger);
        let door = self.door.get_or_init(|| door(&orders, &payments, &inventory, &ledger));
        let door = door.await.clone();
        Node { orders, inventory, payments, credits, bus, ledger, sandbox, tasks, door, asked }
    }

    /// What is broken in the books of this world.
    pub async fn broken(&self, node: &Node) -> Vec<String> {
        let young = self.clock.now() + TimeDelta::seconds(1);
        let Node { orders, inventory, payments, credits, bus, ledger, .. } = node;
        let books = stoa::books::Books { orders, inventory, payments, credits };
        let checks: Vec<Check> = [
            inventory.verify().await.unwrap(),
            orders.verify().await.unwrap(),
            payments.verify().await.unwrap(),
            credits.verify().await.unwrap(),
            stoa::books::across(books, young).await.unwrap(),
            ledger.verify().await.unwrap(),
            stoa::books::journal(books, ledger, young).await.unwrap(),
            vec![stoa::books::held(credits, ledger, young).await.unwrap()],
            platform::bus::verify(bus, Duration::ZERO).await.unwrap(),
        ]
        .concat();
        checks
            .into_iter()
            .filter(|check| !check.holds())
            .map(|check| format!("{}: {:?}", check.invariant, check.broken))
            .collect()
    }

    async fn close(self) {
        for db in &self.databases {
            db.close().await;
        }
    }

    /// Ends the world.
    pub async fn end(self) {
        let folder = self.folder.clone();
        self.close().await;
        // A folder that is left behind harms nobody.
        let _ = std::fs::remove_dir_all(folder);
    }
}
