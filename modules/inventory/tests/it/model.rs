//! Any history of commands, against a model without storage.

use std::collections::BTreeMap;

use inventory::{AdjustError, Adjustment, HoldState, Inventory, SCHEMA};
use kernel::events::OrderShipped;
use kernel::id::{CustomerId, OrderId, ProductId};
use kernel::ports::{Stock, StockLine};
use platform::audit::Actor;
use platform::idempotency::Key;
use platform::sql::Db;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use crate::shop::{self, outcome};

platform::on_both_engines!(super::SCHEMA => any_history_matches_the_model);

const PRODUCTS: usize = 2;
const ORDERS: usize = 3;
const OPENING: i64 = 6;

#[derive(Debug, Clone)]
enum Step {
    Reserve { order: usize, units: [i64; PRODUCTS], overdue: bool },
    Extend { order: usize, overdue: bool },
    Commit(usize),
    Release(usize),
    Ship(usize),
    Sweep,
    Adjust { product: usize, delta: i64 },
    Part { order: usize, product: usize, units: i64, change: Change },
}

/// What happens to a part of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Change {
    Ship,
    Release,
    TakeBack,
}

fn step() -> impl Strategy<Value = Step> {
    let order = 0..ORDERS;
    prop_oneof![
        4 => (order.clone(), [1..5_i64, 0..5_i64], any::<bool>())
            .prop_map(|(order, units, overdue)| Step::Reserve { order, units, overdue }),
        1 => (order.clone(), any::<bool>())
            .prop_map(|(order, overdue)| Step::Extend { order, overdue }),
        2 => order.clone().prop_map(Step::Commit),
        2 => order.clone().prop_map(Step::Release),
        2 => order.clone().prop_map(Step::Ship),
        1 => Just(Step::Sweep),
        2 => (0..PRODUCTS, prop_oneof![-6..0_i64, 1..6_i64])
            .prop_map(|(product, delta)| Step::Adjust { product, delta }),
        6 => (order, 0..PRODUCTS, 1..4_i64, change()).prop_map(|(order, product, units, change)| {
            Step::Part { order, product, units, change }
        }),
    ]
}

/// What an order was promised, and what happened to it.
struct Promise {
    state: HoldState,
    units: [i64; PRODUCTS],
    is_overdue: bool,
    shipped: [i64; PRODUCTS],
    released: [i64; PRODUCTS],
    returned: [i64; PRODUCTS],
}

impl Promise {
    fn new(state: HoldState, units: [i64; PRODUCTS], is_overdue: bool) -> Self {
        let none = [0; PRODUCTS];
        Self { state, units, is_overdue, shipped: none, released: none, returned: none }
    }

    fn open(&self, product: usize) -> i64 {
        self.units[product] - self.shipped[product] - self.released[product]
    }

    /// Gives everything back that is promised still.
    fn end(&mut self, state: HoldState) {
        for n in 0..PRODUCTS {
            self.released[n] += self.open(n);
        }
        let has_shipped = self.shipped.iter().any(|units| *units > 0);
        self.state = if has_shipped { HoldState::Shipped } else { state };
    }
}

#[derive(Default)]
struct Model {
    on_hand: [i64; PRODUCTS],
    orders: BTreeMap<usize, Promise>,
}

impl Model {
    fn available(&self, product: usize) -> i64 {
        let promised = self.orders.values().map(|order| order.open(product));
        self.on_hand[product] - promised.sum::<i64>()
    }

    fn apply(&mut self, step: &Step) -> &'static str {
        use HoldState::{Committed, Expired, Held, Released, Shipped};
        match *step {
            Step::Reserve { order, units, overdue } => match self.orders.get(&order) {
                Some(Promise { state: Released | Expired, .. }) => "ended",
                Some(before) if before.units == units => "ok",
                Some(_) => "unavailable",
                None if (0..PRODUCTS).any(|n| self.available(n) < units[n]) => "out of stock",
                None => {
                    self.orders.insert(order, Promise::new(Held, units, overdue));
                    "ok"
                }
            },
            Step::Extend { order, overdue } => match self.orders.get_mut(&order) {
                Some(promise) if promise.state == Held => {
                    promise.is_overdue = overdue;
                    "ok"
                }
                Some(Promise { state: Committed | Shipped, .. }) => "ok",
                _ => "ended",
            },
            Step::Commit(order) => match self.orders.get_mut(&order) {
                Some(promise) if promise.state == Held => {
                    promise.state = Committed;
                    "ok"
                }
                Some(Promise { state: Committed | Shipped, .. }) => "ok",
                _ => "ended",
            },
            Step::Release(order) => {
                let never = || Promise::new(Released, [0; PRODUCTS], false);
                let promise = self.orders.entry(order).or_insert_with(never);
                if matches!(promise.state, Held | Committed) {
                    promise.end(Released);
                }
                "ok"
            }
            Step::Ship(order) => match self.orders.get_mut(&order) {
                Some(promise) if promise.state == Committed => {
                    for n in 0..PRODUCTS {
                        self.on_hand[n] -= promise.open(n);
                        promise.shipped[n] += promise.open(n);
                    }
                    promise.state = Shipped;
                    "ok"
                }
                Some(Promise { state: Shipped, .. }) => "ok",
                _ => "error",
            },
            Step::Sweep => {
                let held = self.orders.values_mut().filter(|order| order.state == Held);
                held.filter(|order| order.is_overdue).for_each(|order| order.end(Expired));
                "ok"
            }
            Step::Adjust { product, delta } => {
                if self.available(product) + delta < 0 {
                    return "out of range";
                }
                self.on_hand[product] += delta;
                "ok"
            }
            Step::Part { order, product, units, change } => {
                self.part(order, product, units, change)
            }
        }
    }

    fn part(&mut self, order: usize, n: usize, units: i64, change: Change) -> &'static str {
        use HoldState::{Expired, Held, Released, Shipped};
        let Some(promise) = self.orders.get_mut(&order) else { return "ended" };
        if matches!(promise.state, Released | Expired) {
            return "ended";
        }
        if promise.state == Held && change == Change::Ship {
            return "unavailable";
        }
        let allowed = match change {
            Change::Ship | Change::Release => promise.open(n),
            Change::TakeBack => promise.shipped[n] - promise.returned[n],
        };
        if allowed < units {
            return "out of stock";
        }
        match change {
            Change::Ship => promise.shipped[n] += units,
            Change::Release => promise.released[n] += units,
            Change::TakeBack => promise.returned[n] += units,
        }
        match change {
            Change::Ship => self.on_hand[n] -= units,
            Change::Release => {}
            Change::TakeBack => self.on_hand[n] += units,
        }
        let is_done = (0..PRODUCTS).all(|n| promise.open(n) == 0);
        if is_done && change != Change::TakeBack {
            let has_shipped = promise.shipped.iter().any(|units| *units > 0);
            promise.state = if has_shipped { Shipped } else { Released };
        }
        "ok"
    }
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![Just(Change::Ship), Just(Change::Release), Just(Change::TakeBack)]
}

struct World {
    inventory: Inventory,
    products: Vec<ProductId>,
    orders: Vec<OrderId>,
    /// How many commands with a key were given.
    keys: usize,
}

impl World {
    async fn new(db: &Db) -> Self {
        let inventory = shop::inventory(db).await;
        let mut products = Vec::new();
        for _ in 0..PRODUCTS {
            products.push(shop::product(&inventory, OPENING).await);
        }
        let orders = (0..ORDERS).map(|_| OrderId::new()).collect();
        Self { inventory, products, orders, keys: 0 }
    }

    async fn apply(&mut self, step: &Step) -> &'static str {
        let deadline = |overdue| if overdue { shop::past() } else { shop::soon() };
        let inventory = &self.inventory;
        match *step {
            Step::Reserve { order, units, overdue } => {
                let lines: Vec<StockLine> = (0..PRODUCTS)
                    .filter(|n| units[*n] > 0)
                    .map(|n| shop::line(self.products[n], units[n]))
                    .collect();
                outcome(
                    &inventory.reserve(self.orders[order], &lines, None, deadline(overdue)).await,
                )
            }
            Step::Extend { order, overdue } => {
                outcome(&inventory.extend(self.orders[order], deadline(overdue)).await)
            }
            Step::Commit(order) => outcome(&inventory.commit(self.orders[order]).await),
            Step::Release(order) => outcome(&inventory.release(self.orders[order]).await),
            Step::Ship(order) => {
                let (order_id, customer_id) = (self.orders[order], CustomerId::new());
                let event = OrderShipped { order_id, customer_id, tracking: None };
                shop::hear(inventory, &event).await.map_or("error", |()| "ok")
            }
            Step::Sweep => inventory.sweep().await.map_or("error", |_| "ok"),
            Step::Adjust { product, delta } => {
                self.keys += 1;
                let key = format!("{} {}", self.products[product], self.keys);
                let key = Key::new("staff", "adjust", &key, b"");
                let adjustment = Adjustment::new(delta, "count", None).unwrap();
                let actor = Actor::person(CustomerId::new(), None);
                match inventory.adjust(&key, self.products[product], &adjustment, &actor).await {
                    Ok(_) => "ok",
                    Err(AdjustError::OutOfRange { .. }) => "out of range",
                    Err(other) => panic!("{other:?}"),
                }
            }
            Step::Part { order, product, units, change } => {
                self.keys += 1;
                let key = format!("{} {}", self.products[0], self.keys);
                let order = self.orders[order];
                let lines = [shop::line(self.products[product], units)];
                outcome(&match change {
                    Change::Ship => inventory.ship_part(order, &key, &lines).await,
                    Change::Release => inventory.release_part(order, &key, &lines).await,
                    Change::TakeBack => inventory.take_back(order, &key, &lines).await,
                })
            }
        }
    }
}

async fn any_history_matches_the_model(db: Db) {
    let runtime = tokio::runtime::Handle::current();
    let config = Config { cases: 40, failure_persistence: None, ..Config::default() };
    let histories = prop::collection::vec(step(), 1..25);
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    tokio::task::block_in_place(|| {
        TestRunner::new_with_rng(config, rng)
            .run(&histories, |steps| runtime.block_on(play(&db, steps)))
    })
    .unwrap();
}

async fn play(db: &Db, steps: Vec<Step>) -> Result<(), TestCaseError> {
    let mut world = World::new(db).await;
    let mut model = Model { on_hand: [OPENING; PRODUCTS], ..Model::default() };
    for step in steps {
        prop_assert_eq!(world.apply(&step).await, model.apply(&step), "{:?}", &step);
        for (n, product) in world.products.iter().enumerate() {
            let available = shop::available(&world.inventory, *product).await;
            prop_assert_eq!(available, model.available(n), "{:?}", &step);
        }
    }
    for check in world.inventory.verify().await.unwrap() {
        prop_assert!(check.holds(), "{:?}", check);
    }
    Ok(())
}
