//! What somebody does, and how they ask the shop for it.

use kernel::Timestamp;
use kernel::ports::{GiftCode, Principal, Role};
use serde_json::{Value, json};

use crate::carrier::Carrier;
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
    After { what: After, key: u32 },
}

/// What happens to an order after its sale. A line is the order's first, second, ... one. A parcel has
/// units of a line, or the rest. An edit is another quantity of a line, and perhaps a product that comes
/// to it; the shopper may have to confirm what it costs more.
#[derive(Debug, Clone, Copy)]
pub enum After {
    Parcel {
        line: usize,
        units: i64,
    },
    Rest,
    Deliver,
    Lose,
    Cancel,
    CancelLines {
        line: usize,
        units: i64,
    },
    RefundAmount {
        percent: i64,
    },
    RefundLines {
        line: usize,
        units: i64,
    },
    RefundPayment {
        percent: i64,
    },
    Edit {
        line: usize,
        units: i64,
        add: Option<usize>,
        card: usize,
    },
    Confirm {
        approve: bool,
    },
    AskBack {
        line: usize,
        units: i64,
    },
    MoveReturn {
        accept: bool,
        restock: bool,
    },
    Withdraw,
    /// The carrier moves its parcel, or tells one of the events that happened.
    GoesOn,
    Tells {
        which: usize,
    },
}

impl After {
    /// Whether it is the shopper who does it.
    pub const fn is_of_the_shopper(self) -> bool {
        matches!(self, Self::AskBack { .. } | Self::Withdraw | Self::Confirm { .. })
    }
}

impl Act {
    /// Whether it is something that is done to an order that others may have placed.
    pub const fn is_about_an_order(&self) -> bool {
        matches!(
            self,
            Self::Ship
                | Self::Deliver
                | Self::StaffCancel
                | Self::Refund { .. }
                | Self::After { .. }
        )
    }
}

/// What an act needs of the shop.
pub struct Means {
    pub node: Node,
    pub products: Vec<kernel::id::ProductId>,
    pub tokens: Vec<String>,
    pub gift: GiftCode,
    /// The order that the act is about.
    pub order: Option<String>,
    pub carrier: Option<Carrier>,
    pub now: Timestamp,
}

impl Means {
    /// Does it. None when there is nothing that it could be about.
    pub async fn act(self, who: Principal, act: Act) -> Option<Answer> {
        let Self { node, products, tokens, gift, order, carrier, now } = self;
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
                let body = order_body(&tokens[card], key, &gift);
                ("/v1/orders".to_owned(), format!("order {key}"), body)
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
                let money = share(&shown.body["totals"]["total"], percent)?;
                let path = format!("/v1/admin/payments/{payment}/refund");
                (path, format!("{payment} refund {percent}"), json!({"amount": money}))
            }
            Act::Adjust { product, delta, key } => {
                let path = format!("/v1/admin/stock/{}/adjust", products[product]);
                (path, format!("adjust {key}"), json!({"delta": delta, "reason": "a test"}))
            }
            Act::Reprice { .. } => return None,
            Act::After { what: After::GoesOn, .. } => {
                carrier?.goes_on(order?.parse().ok()?);
                return None;
            }
            Act::After { what: After::Tells { which }, .. } => {
                let Some((id, event)) = carrier?.one_of(order?.parse().ok()?, which) else {
                    return Some(Answer { status: 409, body: Value::Null });
                };
                return Some(node.told(&id, &event, now).await);
            }
            Act::After { what, key } => {
                let key = format!("after {key}");
                let asked = what.asked(&node, &who, (&products, &tokens), order.as_ref()?).await;
                // There is no such parcel or return yet.
                let Some((path, body)) = asked else {
                    return Some(Answer { status: 409, body: Value::Null });
                };
                (path, key, body)
            }
        };
        Some(node.ask(&who, "POST", &path, &key, body).await)
    }
}

impl After {
    /// What is asked of the shop: where, and how.
    async fn asked(
        self,
        node: &Node,
        who: &Principal,
        (products, tokens): (&[kernel::id::ProductId], &[String]),
        order: &str,
    ) -> Option<(String, Value)> {
        let clerk = principal(Role::Admin);
        let below = format!("/v1/admin/orders/{order}");
        let shown = node.ask(&clerk, "GET", &below, "", Value::Null).await.body;
        let line = |n: usize| {
            let lines = shown["lines"].as_array()?;
            Some(lines.get(n % lines.len().max(1))?["id"].clone())
        };
        let some = |n, units: i64| Some(json!([{"line_id": line(n)?, "quantity": units}]));
        let asked = match self {
            Self::Parcel { line, units } => {
                (format!("{below}/shipments"), json!({"lines": some(line, units)?}))
            }
            Self::Rest => (format!("{below}/shipments"), json!({})),
            Self::Deliver => (format!("{below}/deliver"), json!({})),
            Self::Cancel => (format!("{below}/cancel"), json!({"reason": "a test"})),
            Self::RefundPayment { percent } => {
                let payment = shown["payment"]["id"].as_str()?;
                let amount = share(&shown["totals"]["total"], percent)?;
                (format!("/v1/admin/payments/{payment}/refund"), json!({"amount": amount}))
            }
            Self::Lose => {
                let mut parcels = shown["shipments"].as_array()?.iter();
                let lost = parcels.find(|parcel| parcel["state"] == "shipped")?;
                let path = format!("/v1/admin/shipments/{}/lost", lost["id"].as_str()?);
                (path, json!({"reason": "a test"}))
            }
            Self::CancelLines { line, units } => {
                let body = json!({"lines": some(line, units)?, "reason": "a test"});
                (format!("{below}/cancel-lines"), body)
            }
            Self::RefundAmount { percent } => {
                let amount = share(&shown["totals"]["total"], percent)?;
                (format!("{below}/refund"), json!({"amount": amount, "reason": "a test"}))
            }
            Self::RefundLines { line, units } => {
                let body = json!({"lines": some(line, units)?, "reason": "a test"});
                (format!("{below}/refund"), body)
            }
            Self::Edit { line, units, add, card } => {
                let add = add.map(|n| json!({"product_id": products[n], "quantity": 1}));
                let add: Vec<Value> = add.into_iter().collect();
                let body = json!({"change": some(line, units)?, "add": add, "reason": "a test",
                    "payment_token": tokens[card]});
                (format!("{below}/edit"), body)
            }
            Self::Confirm { approve } => {
                let path = format!("/v1/admin/payments?order_id={order}");
                let page = node.ask(&clerk, "GET", &path, "", Value::Null).await.body;
                let mut payments = page["items"].as_array()?.iter();
                let waits = payments.find(|payment| payment["status"] == "action_required")?;
                let path = format!("/v1/payments/{}/challenge", waits["id"].as_str()?);
                (path, json!({"outcome": if approve { "approve" } else { "decline" }}))
            }
            Self::AskBack { line: n, units } => {
                let line = json!({"line_id": line(n)?, "quantity": units, "reason": "other"});
                (format!("/v1/orders/{order}/returns"), json!({"lines": [line]}))
            }
            Self::MoveReturn { accept, restock } => {
                let path = format!("{below}/changes");
                let changes = node.ask(&clerk, "GET", &path, "", Value::Null).await.body;
                moved(&changes, accept, restock)?
            }
            // The carrier does it elsewhere.
            Self::GoesOn | Self::Tells { .. } => return None,
            Self::Withdraw => {
                let path = format!("/v1/orders/{order}/returns");
                let all = node.ask(who, "GET", &path, "", Value::Null).await.body;
                let open = all.as_array()?.iter().find(|it| it["state"] == "requested")?;
                (format!("{path}/{}/withdraw", open["id"].as_str()?), json!({}))
            }
        };
        Some(asked)
    }
}

/// The next step of the first return that is open.
fn moved(changes: &Value, accept: bool, restock: bool) -> Option<(String, Value)> {
    let step = |change: &Value| match change["state"].as_str()? {
        "requested" if accept => Some("approve"),
        "requested" => Some("reject"),
        "approved" => Some("receive"),
        "received" => Some("inspect"),
        _ => None,
    };
    let mut returns = changes.as_array()?.iter().filter(|change| change["kind"] == "return");
    let (change, step) = returns.find_map(|change| Some((change, step(change)?)))?;
    let found = |line: &Value| {
        json!({"line_id": line["line_id"], "accepted": line["quantity"],
            "condition": if restock { "sellable" } else { "damaged" }, "restock": restock})
    };
    let body = match step {
        "reject" => json!({"reason": "a test"}),
        "inspect" => {
            json!({"lines": change["lines"].as_array()?.iter().map(found).collect::<Vec<_>>()})
        }
        _ => json!({}),
    };
    Some((format!("/v1/admin/returns/{}/{step}", change["id"].as_str()?), body))
}

/// So many percent of an amount of money.
fn share(money: &Value, percent: i64) -> Option<Value> {
    let total: rust_decimal::Decimal = money["amount"].as_str()?.parse().ok()?;
    let share = rust_decimal::Decimal::new(percent, 2);
    Some(json!({"amount": (total * share).round_dp(2).to_string(), "currency": "EUR"}))
}

/// Every third order is paid with the gift card, as far as that goes.
pub fn order_body(token: &str, key: u32, gift: &GiftCode) -> Value {
    let gift_cards = if key.is_multiple_of(3) { vec![gift.typed()] } else { vec![] };
    json!({
        "shipping_address": {
            "name": "Ada Lovelace", "line1": "Unter den Linden 1", "city": "Berlin",
            "postal_code": "10117", "country": "DE",
        },
        "shipping_method": "standard",
        "payment": {"token": token},
        "gift_cards": gift_cards,
    })
}
