//! A shop of orders, stock and payments in this process: real modules over real databases, a clock
//! that is moved by hand, and ports that fail.

use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use actix_web::test::{TestRequest, call_service, init_service, read_body};
use actix_web::{App, HttpMessage};
use chrono::TimeDelta;
use futures_util::future::LocalBoxFuture;
use inventory::Inventory;
use kernel::clock::ClockHand;
use kernel::events::ProductCreated;
use kernel::id::{EventId, ProductId};
use kernel::ports::{Factor, Principal, Proof, Role};
use kernel::{Clock, Currency, Envelope, Event, Money, Timestamp};
use order::{CarrierFulfilment, ManualFulfilment, Orders, TaxTable};
use payment::{Payments, Sandbox};
use platform::bus::{Bus, Handler};
use platform::module::Schema;
use platform::saga::Policy;
use platform::sql::{Db, Sqlite};
use platform::tasks::Tasks;
use platform::verify::Check;
use serde_json::{Value, json};
use stoa::settings::Settings;

use crate::carrier::{Carrier, SECRET};
use crate::chaos::{Chaos, Nobody, Prices};
use crate::schedule::Schedule;

const SCHEMAS: [Schema; 4] =
    [inventory::SCHEMA, order::SCHEMA, payment::SCHEMA, payment::SANDBOX_SCHEMA];
/// How many units of each product there are at first.
const UNITS: [i64; 3] = [2, 5, 9];
/// Cards that are approved, declined, and ask for a challenge.
const CARDS: [&str; 3] = ["4242424242424242", "4000000000000002", "4000002760003184"];
/// Used once.
pub const COUPON: &str = "ONCE";
/// Longer than a seed takes: what waits for the machine's time never gives up here.
const NEVER: Duration = Duration::from_hours(1);

/// The beginning of every world, made once: products with units, cards that stand for tokens.
pub struct Beginning {
    folder: PathBuf,
    pub products: Vec<ProductId>,
    pub tokens: Vec<String>,
}

/// What an endpoint answered.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub body: Value,
}

/// One node of the shop. It dies with [`Node::kill`], and another one goes on over the same databases.
#[derive(Clone)]
pub struct Node {
    pub orders: Orders,
    pub inventory: Inventory,
    pub payments: Payments,
    pub bus: Bus,
    tasks: Tasks,
    door: Door,
}

/// Where requests come in.
type Door = Rc<dyn Fn(TestRequest, Principal) -> LocalBoxFuture<'static, Answer>>;

async fn door(orders: &Orders, payments: &Payments, inventory: &Inventory) -> Door {
    let app = App::new()
        .configure(|config| orders.routes(config))
        .configure(|config| payments.routes(config))
        .configure(|config| inventory.routes(config));
    let app = Rc::new(init_service(app).await);
    Rc::new(move |request, who| {
        let (app, request) = (app.clone(), request.to_request());
        Box::pin(async move {
            // As the gate would let it through.
            request.extensions_mut().insert(who);
            let response = call_service(&*app, request).await;
            let status = response.status().as_u16();
            let body = serde_json::from_slice(&read_body(response).await).unwrap_or_default();
            Answer { status, body }
        })
    })
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
    let mut databases = Vec::new();
    for Schema { module, .. } in &SCHEMAS {
        let at = Sqlite { file: folder.join(format!("{module}.db")), readers: 1 };
        databases.push(Db::sqlite(module, &at, clock.clone()).await.unwrap());
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
        let world = World {
            databases,
            folder: folder.clone(),
            hand,
            clock,
            prices,
            schedule,
            carrier: None,
            settings,
        };
        let node = world.node("first").await;
        node.inventory.prepare().await.unwrap();
        for (product, units) in products.iter().zip(UNITS) {
            open_stock(&node.inventory, *product, units).await;
        }
        let (ada, staff) = (principal(Role::Customer), principal(Role::Admin));
        let mut tokens = Vec::new();
        for number in CARDS {
            let card = json!({"number": number, "exp_month": 12, "exp_year": 2044, "cvc": "123",
                "name": "Ada"});
            let answer = node.ask(&ada, "POST", "/v1/payment-tokens", "", card).await;
            tokens.push(answer.body["token"].as_str().expect("a token").to_owned());
        }
        let coupon = json!({"code": COUPON, "percent": "10", "uses_max": 1});
        let answer = node.ask(&staff, "POST", "/v1/admin/promotions", "coupon", coupon).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        world.close().await;
        Self { folder, products, tokens }
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
        World { databases, folder, hand, clock, prices, schedule, carrier, settings: settings() }
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

async fn open_stock(inventory: &Inventory, product_id: ProductId, units: i64) {
    let price = Money::from_minor(2_000, Currency::EUR);
    let sku = product_id.to_string();
    let event = ProductCreated { product_id, sku, price, opening_stock: Some(units) };
    let subscriptions = inventory.subscriptions();
    let heard = subscriptions.iter().find(|one| one.name == "inventory.products").unwrap();
    let envelope = Envelope {
        id: EventId::new(),
        source: ProductCreated::SOURCE.to_owned(),
        kind: ProductCreated::TYPE.to_owned(),
        version: 1,
        time: heard.db.clock().now(),
        subject: event.subject(),
        trace: String::new(),
        data: serde_json::to_value(event).unwrap(),
    };
    let Handler::Reaction(reaction) = &heard.handler else { panic!("not a reaction") };
    let mut tx = heard.db.begin("opening").await.unwrap();
    reaction.apply(&mut tx, &envelope).await.unwrap();
    tx.commit().await.unwrap();
}

impl World {
    /// A node that starts now.
    pub async fn node(&self, name: &str) -> Node {
        let [inventory, order, payment, sandbox] = self.databases.as_slice() else {
            panic!("four databases")
        };
        let (settings, schedule, tasks) = (&self.settings, &self.schedule, Tasks::default());
        let inventory = Inventory::new(inventory.clone(), settings.inventory.clone());
        let sandbox = Arc::new(Sandbox::new(sandbox.clone(), &settings.payment.sandbox));
        let payments = Payments::new(payment.clone(), sandbox.clone(), settings.payment.clone())
            .behind(Chaos::around((*sandbox).clone(), schedule));
        let taxes = TaxTable::new(order.clone(), settings.order.tax_percent.clone());
        let ports = order::Ports {
            catalog: Chaos::around(self.prices.clone(), schedule),
            stock: Chaos::around(inventory.clone(), schedule),
            payments: Chaos::around(payments.clone(), schedule),
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
            batch: settings.bus.batch,
            lease: Duration::from_secs(20),
            effect_wait: NEVER,
            attempts_max: 1_000,
            retry_max: Duration::from_mins(1),
        };
        let publishers = self.databases[..3].to_vec();
        let known = ["stoa.inventory", "stoa.order", "stoa.payment"];
        let all = [inventory.subscriptions(), orders.subscriptions(), payments.subscriptions()];
        let heard = |one: &platform::bus::Subscription| {
            one.sources().iter().all(|source| known.contains(source))
        };
        let subscriptions = all.concat().into_iter().filter(heard).collect();
        let bus = Bus::new(publishers, subscriptions, bus);
        bus.register().await.unwrap();
        let door = door(&orders, &payments, &inventory).await;
        Node { orders, inventory, payments, bus, tasks, door }
    }

    /// What is broken in the books of this world.
    pub async fn broken(&self, node: &Node) -> Vec<String> {
        let young = self.clock.now() + TimeDelta::seconds(1);
        let Node { orders, inventory, payments, bus, .. } = node;
        let checks: Vec<Check> = [
            inventory.verify().await.unwrap(),
            orders.verify().await.unwrap(),
            payments.verify().await.unwrap(),
            stoa::books::across(orders, inventory, payments, young).await.unwrap(),
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

impl Node {
    /// Asks an endpoint.
    pub async fn ask(
        &self,
        who: &Principal,
        method: &str,
        path: &str,
        key: &str,
        body: Value,
    ) -> Answer {
        let request = TestRequest::with_uri(path).method(method.parse().unwrap());
        let request = match key {
            "" => request,
            key => request.insert_header(("idempotency-key", key)),
        };
        let request = if body.is_null() { request } else { request.set_json(body) };
        (self.door)(request, who.clone()).await
    }

    /// Tells what a carrier tells, at this moment.
    pub async fn told(&self, id: &str, event: &Value, now: Timestamp) -> Answer {
        let (at, body) = (now.timestamp(), event.to_string().into_bytes());
        let signature = platform::webhook::sign(&SECRET, id, at, &body).unwrap();
        let request = TestRequest::with_uri("/v1/webhooks/carrier")
            .method("POST".parse().unwrap())
            .insert_header(("content-type", "application/json"))
            .insert_header(("webhook-id", id))
            .insert_header(("webhook-timestamp", at.to_string()))
            .insert_header(("webhook-signature", signature))
            .set_payload(body);
        (self.door)(request, principal(Role::Customer)).await
    }

    /// Ends at once what the node was at, wherever it stood.
    pub async fn kill(&self) {
        self.tasks.stop(Duration::ZERO).await;
    }
}
