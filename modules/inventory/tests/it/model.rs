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
use proptest::test_runner::{Config, TestRunner};

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
        2 => order.prop_map(Step::Ship),
        1 => Just(Step::Sweep),
        2 => (0..PRODUCTS, prop_oneof![-6..0_i64, 1..6_i64])
            .prop_map(|(product, delta)| Step::Adjust { product, delta }),
    ]
}

#[derive(Default)]
struct Model {
    on_hand: [i64; PRODUCTS],
    orders: BTreeMap<usize, (HoldState, [i64; PRODUCTS], bool)>,
}

impl Model {
    fn available(&self, product: usize) -> i64 {
        let live = |state| matches!(state, HoldState::Held | HoldState::Committed);
        let held = self.orders.values().filter(|(state, ..)| live(*state));
        self.on_hand[product] - held.map(|(_, units, _)| units[product]).sum::<i64>()
    }

    fn state(&self, order: usize) -> Option<HoldState> {
        self.orders.get(&order).map(|(state, ..)| *state)
    }

    fn set(&mut self, order: usize, state: HoldState) {
        self.orders.entry(order).or_insert((state, [0; PRODUCTS], false)).0 = state;
    }

    fn apply(&mut self, step: &Step) -> &'static str {
        use HoldState::{Committed, Expired, Held, Released, Shipped};
        match *step {
            Step::Reserve { order, units, overdue } => match self.orders.get(&order) {
                Some((Released | Expired, ..)) => "ended",
                Some((_, before, _)) if *before == units => "ok",
                Some(_) => "unavailable",
                None if (0..PRODUCTS).any(|n| self.available(n) < units[n]) => "out of stock",
                None => {
                    self.orders.insert(order, (Held, units, overdue));
                    "ok"
                }
            },
            Step::Extend { order, overdue } => match self.orders.get_mut(&order) {
                Some((Held, _, late)) => {
                    *late = overdue;
                    "ok"
                }
                Some((Committed | Shipped, ..)) => "ok",
                _ => "ended",
            },
            Step::Commit(order) => match self.state(order) {
                Some(Held) => {
                    self.set(order, Committed);
                    "ok"
                }
                Some(Committed | Shipped) => "ok",
                _ => "ended",
            },
            Step::Release(order) => {
                if !matches!(self.state(order), Some(Expired | Shipped)) {
                    self.set(order, Released);
                }
                "ok"
            }
            Step::Ship(order) => match self.orders.get_mut(&order) {
                Some((state @ Committed, units, _)) => {
                    *state = Shipped;
                    (0..PRODUCTS).for_each(|n| self.on_hand[n] -= units[n]);
                    "ok"
                }
                Some((Shipped, ..)) => "ok",
                _ => "error",
            },
            Step::Sweep => {
                let held = self.orders.values_mut().filter(|(state, ..)| *state == Held);
                held.filter(|(_, _, late)| *late).for_each(|(state, ..)| *state = Expired);
                "ok"
            }
            Step::Adjust { product, delta } => {
                if self.available(product) + delta < 0 {
                    return "out of range";
                }
                self.on_hand[product] += delta;
                "ok"
            }
        }
    }
}

struct World {
    inventory: Inventory,
    products: Vec<ProductId>,
    orders: Vec<OrderId>,
    adjusted: usize,
}

impl World {
    async fn new(db: &Db) -> Self {
        let inventory = shop::inventory(db).await;
        let mut products = Vec::new();
        for _ in 0..PRODUCTS {
            products.push(shop::product(&inventory, OPENING).await);
        }
        let orders = (0..ORDERS).map(|_| OrderId::new()).collect();
        Self { inventory, products, orders, adjusted: 0 }
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
                self.adjusted += 1;
                let key = format!("{} {}", self.products[product], self.adjusted);
                let key = Key::new("staff", "adjust", &key, b"");
                let adjustment = Adjustment::new(delta, "count", None).unwrap();
                let actor = Actor::person(CustomerId::new(), None);
                match inventory.adjust(&key, self.products[product], &adjustment, &actor).await {
                    Ok(_) => "ok",
                    Err(AdjustError::OutOfRange { .. }) => "out of range",
                    Err(other) => panic!("{other:?}"),
                }
            }
        }
    }
}

async fn any_history_matches_the_model(db: Db) {
    let runtime = tokio::runtime::Handle::current();
    let config = Config { cases: 40, failure_persistence: None, ..Config::default() };
    let histories = prop::collection::vec(step(), 1..25);
    tokio::task::block_in_place(|| {
        TestRunner::new(config).run(&histories, |steps| runtime.block_on(play(&db, steps)))
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
