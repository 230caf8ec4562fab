//! Those who want something of the shop: what each does is drawn before it begins.

use std::collections::VecDeque;

use kernel::ports::{Principal, Role};
use serde_json::{Value, json};

use crate::schedule::Schedule;
use crate::world::{Answer, COUPON, Node, principal};

/// What somebody does.
#[derive(Debug, Clone)]
pub enum Act {
    Fill { product: usize, units: i64 },
    Coupon,
    Order { key: u32, card: usize },
    Challenge { approve: bool },
    Cancel,
    Ship,
    Deliver,
    StaffCancel,
    Refund { percent: i64 },
    Adjust { product: usize, delta: i64, key: u32 },
    Reprice { product: usize, cents: i64 },
}

impl Act {
    /// Whether it is something that the staff does to an order.
    pub const fn is_about_an_order(&self) -> bool {
        matches!(self, Self::Ship | Self::Deliver | Self::StaffCancel | Self::Refund { .. })
    }
}

/// Somebody, and what they will still do.
pub struct Somebody {
    pub name: String,
    pub who: Principal,
    pub acts: VecDeque<Act>,
}

impl Somebody {
    pub fn is_staff(&self) -> bool {
        self.who.role == Role::Admin.word()
    }
}

/// A few shoppers, some of them with a second tab, and the staff.
pub fn draw(schedule: &Schedule, products: usize) -> Vec<Somebody> {
    let mut people = Vec::new();
    let mut keys = 0..;
    for n in 0..schedule.draw(1..=3) {
        let who = principal(Role::Customer);
        for tab in 0..schedule.one(&[1, 1, 2]) {
            let mut acts = VecDeque::new();
            for _ in 0..schedule.one(&[1, 1, 2]) {
                shop(schedule, products, &mut keys, &mut acts);
            }
            let name = format!("shopper {n} tab {tab}");
            people.push(Somebody { name, who: who.clone(), acts });
        }
    }
    let acts = (0..schedule.draw(2..=5)).map(|_| work(schedule, products, &mut keys)).collect();
    people.push(Somebody { name: "staff".to_owned(), who: principal(Role::Admin), acts });
    people
}

fn shop(
    schedule: &Schedule,
    products: usize,
    keys: &mut impl Iterator<Item = u32>,
    acts: &mut VecDeque<Act>,
) {
    for _ in 0..schedule.draw(1..=2) {
        let product = schedule.draw(0..=products - 1);
        acts.push_back(Act::Fill { product, units: schedule.draw(1..=3) });
    }
    if schedule.draw(0..=2) == 0 {
        acts.push_back(Act::Coupon);
    }
    let key = keys.next().unwrap_or_default();
    let card = schedule.one(&[0, 0, 0, 0, 1, 2, 2]);
    for _ in 0..schedule.one(&[1, 1, 2]) {
        acts.push_back(Act::Order { key, card });
    }
    if card == 2 && schedule.draw(0..=3) > 0 {
        acts.push_back(Act::Challenge { approve: schedule.draw(0..=2) > 0 });
    }
    if schedule.draw(0..=3) == 0 {
        acts.push_back(Act::Cancel);
    }
}

fn work(schedule: &Schedule, products: usize, keys: &mut impl Iterator<Item = u32>) -> Act {
    let product = schedule.draw(0..=products - 1);
    match schedule.draw(0..=9) {
        0..=2 => Act::Ship,
        3 => Act::StaffCancel,
        4 | 5 => Act::Refund { percent: schedule.one(&[30, 70, 100]) },
        6 | 7 => {
            let key = keys.next().unwrap_or_default();
            Act::Adjust { product, delta: schedule.one(&[-3, -1, 2, 4]), key }
        }
        8 => Act::Deliver,
        _ => Act::Reprice { product, cents: schedule.draw(100..=9_999) },
    }
}

/// What an act needs of the shop.
pub struct Means {
    pub node: Node,
    pub products: Vec<kernel::id::ProductId>,
    pub tokens: Vec<String>,
    /// The order that the act is about.
    pub order: Option<String>,
}

impl Means {
    /// Does it. None when there is nothing that it could be about.
    pub async fn act(self, who: Principal, act: Act) -> Option<Answer> {
        let Self { node, products, tokens, order } = self;
        let of_order = |rest: &str| order.as_ref().map(|id| format!("{id}{rest}"));
        let (path, key, body) = match act {
            Act::Fill { product, units } => {
                let body = json!({"product_id": products[product], "quantity": units});
                ("/v1/cart/lines".to_owned(), String::new(), body)
            }
            Act::Coupon => {
                let body = json!({"code": COUPON});
                return Some(node.ask(&who, "PUT", "/v1/cart/coupon", "", body).await);
            }
            Act::Order { key, card } => {
                ("/v1/orders".to_owned(), format!("order {key}"), order_body(&tokens[card]))
            }
            Act::Challenge { approve } => {
                let order = of_order("")?;
                let path = format!("/v1/orders/{order}");
                let shown = node.ask(&who, "GET", &path, "", Value::Null).await;
                let payment = shown.body["payment"]["id"].as_str()?.to_owned();
                let outcome = if approve { "approve" } else { "decline" };
                let path = format!("/v1/payments/{payment}/challenge");
                (path, String::new(), json!({"outcome": outcome}))
            }
            Act::Cancel => {
                let path = format!("/v1/orders/{}", of_order("/cancel")?);
                (path, of_order(" cancel")?, json!({}))
            }
            Act::Ship => {
                let path = format!("/v1/admin/orders/{}", of_order("/ship")?);
                (path, of_order(" ship")?, json!({}))
            }
            Act::Deliver => {
                let path = format!("/v1/admin/orders/{}", of_order("/deliver")?);
                (path, of_order(" deliver")?, json!({}))
            }
            Act::StaffCancel => {
                let path = format!("/v1/admin/orders/{}", of_order("/cancel")?);
                (path, of_order(" staff cancel")?, json!({"reason": "a test"}))
            }
            Act::Refund { percent } => {
                let path = format!("/v1/admin/orders/{}", of_order("")?);
                let shown = node.ask(&who, "GET", &path, "", Value::Null).await;
                let payment = shown.body["payment"]["id"].as_str()?.to_owned();
                let total = shown.body["totals"]["total"]["amount"].as_str()?;
                let total: rust_decimal::Decimal = total.parse().ok()?;
                let share = rust_decimal::Decimal::new(percent, 2);
                let money = json!({"amount": (total * share).round_dp(2).to_string(),
                    "currency": "EUR"});
                let path = format!("/v1/admin/payments/{payment}/refund");
                (path, format!("{payment} refund {percent}"), json!({"amount": money}))
            }
            Act::Adjust { product, delta, key } => {
                let path = format!("/v1/admin/stock/{}/adjust", products[product]);
                (path, format!("adjust {key}"), json!({"delta": delta, "reason": "a test"}))
            }
            Act::Reprice { .. } => return None,
        };
        Some(node.ask(&who, "POST", &path, &key, body).await)
    }
}

pub fn order_body(token: &str) -> Value {
    json!({
        "shipping_address": {
            "name": "Ada Lovelace", "line1": "Unter den Linden 1", "city": "Berlin",
            "postal_code": "10117", "country": "DE",
        },
        "shipping_method": "standard",
        "payment": {"token": token},
    })
}
