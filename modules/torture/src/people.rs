//! Shoppers, and those who work in the shop.

use reqwest::Method;
use serde_json::{Value, json};

use crate::client::{Answer, Client, Door, Error, KEY, Result};

/// A card that is approved.
pub(crate) const APPROVED: &str = "4242424242424242";
/// A card that is declined.
pub(crate) const DECLINED: &str = "4000000000000002";
/// A card whose bank wants to hear from the shopper.
pub(crate) const CHALLENGED: &str = "4000002760003184";

/// Hundredths of a money in JSON; 0 where there is none.
pub(crate) fn cents(money: &Value) -> i64 {
    let digits = money["amount"].as_str().unwrap_or_default().replace('.', "");
    digits.parse().unwrap_or_default()
}

/// So many hundredths of a euro as the API takes them.
pub(crate) fn euros(cents: i64) -> Value {
    json!({"amount": format!("{}.{:02}", cents / 100, cents % 100), "currency": "EUR"})
}

/// The text of a field; empty where there is none.
pub(crate) fn text(value: &Value, field: &str) -> String {
    value[field].as_str().unwrap_or_default().to_owned()
}

/// A guest.
#[derive(Clone)]
pub(crate) struct Shopper {
    pub client: Client,
}

impl Shopper {
    pub async fn arrive(door: &Door) -> Result<Self> {
        let client = door.client("");
        let answer = client.must_post("/v1/auth/guest", &json!({})).await?;
        Ok(Self { client: client.with_token(&text(&answer, "access_token")) })
    }

    /// A guest with units of a product in the cart.
    pub async fn with(door: &Door, product: &str, quantity: i64) -> Result<Self> {
        let shopper = Self::arrive(door).await?;
        let answer = shopper.add(product, quantity).await?;
        if answer.is_success() { Ok(shopper) } else { Err(answer.unexpected("a cart's line")) }
    }

    pub async fn add(&self, product: &str, quantity: i64) -> Result<Answer> {
        let line = json!({"product_id": product, "quantity": quantity});
        self.client.post("/v1/cart/lines", &line).await
    }

    /// What is in the cart, by product.
    pub async fn in_cart(&self, product: &str) -> Result<i64> {
        Ok(units(&self.client.must_get("/v1/cart").await?, product))
    }

    /// The body of an order of what is in the cart, paid by a card.
    pub async fn order_by(&self, card: &str) -> Result<Value> {
        let card = json!({
            "number": card, "exp_month": 12, "exp_year": 2040, "cvc": "123", "name": "Ada",
        });
        let token = self.client.must_post("/v1/payment-tokens", &card).await?;
        let mut body = quote_body();
        body["payment"] = json!({"token": token["token"]});
        Ok(body)
    }

    /// What the cart costs now, in cents.
    pub async fn quote(&self) -> Result<i64> {
        let quote = self.client.must_post("/v1/cart/quote", &quote_body()).await?;
        Ok(cents(&quote["totals"]["total"]))
    }

    /// Orders, and asks with the same key until the shop has said what becomes of it. Where the
    /// checkout did not end within the first answer, the answer that counts is the later one.
    pub async fn order(&self, key: &str, body: &Value) -> Result<Answer> {
        self.client
            .door()
            .until("an order that ends", async || {
                let answer = self.client.command("/v1/orders", key, body).await?;
                let is_conflict = answer.status == 409 && answer.body["code"] == "conflict";
                Ok((answer.status != 202 && !is_conflict).then_some(answer))
            })
            .await
    }

    /// Places one order that must succeed, and waits until it has this status.
    pub async fn buy(&self, card: &str, status: &str) -> Result<Value> {
        let answer = self.order("order", &self.order_by(card).await?).await?;
        if answer.status != 201 {
            return Err(answer.unexpected("an order"));
        }
        let id = text(&answer.body, "id");
        self.client
            .door()
            .until("an order's status", async || {
                let order = self.client.must_get(&format!("/v1/orders/{id}")).await?;
                Ok((order["status"] == status).then_some(order))
            })
            .await
    }

    /// All orders of this guest, newest first.
    pub async fn orders(&self) -> Result<Vec<Value>> {
        let page = self.client.must_get("/v1/orders?limit=100").await?;
        Ok(page["items"].as_array().cloned().unwrap_or_default())
    }

    /// The order once nothing is under way any more.
    pub async fn ended(&self, id: &str) -> Result<Value> {
        self.client
            .door()
            .until("an order that ends", async || {
                let order = self.client.must_get(&format!("/v1/orders/{id}")).await?;
                let is_open =
                    ["PENDING", "AWAITING_PAYMENT"].iter().any(|it| order["status"] == *it);
                Ok((!is_open).then_some(order))
            })
            .await
    }
}

fn quote_body() -> Value {
    json!({
        "shipping_address": {
            "name": "Ada Lovelace", "line1": "Unter den Linden 1", "city": "Berlin",
            "postal_code": "10117", "country": "DE",
        },
        "shipping_method": "standard",
    })
}

/// How many units of a product the lines of a cart or an order have.
pub(crate) fn units(of: &Value, product: &str) -> i64 {
    let lines = of["lines"].as_array().into_iter().flatten();
    lines
        .filter(|line| line["product_id"] == product)
        .filter_map(|line| line["quantity"].as_i64())
        .sum()
}

/// Somebody who works in the shop.
#[derive(Clone)]
pub(crate) struct Staff {
    pub client: Client,
}

/// What lies of a product, over all locations.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Level {
    pub on_hand: i64,
    pub reserved: i64,
}

impl Staff {
    pub fn new(door: &Door, key: &str) -> Self {
        Self { client: door.client(key) }
    }

    /// Waits until the shop knows the key: it looks for new ones every now and then.
    pub async fn arrive(&self) -> Result<()> {
        self.client
            .door()
            .until("a shop that knows the API key", async || {
                let answer = self.client.get("/v1/admin/orders?limit=1").await?;
                match answer.status {
                    200 => Ok(Some(())),
                    401 => Ok(None),
                    _ => Err(answer.unexpected("the list of orders")),
                }
            })
            .await
    }

    /// Puts a new product on sale; its id.
    pub async fn product(&self, sku: &str, price: i64, stock: i64) -> Result<String> {
        let new = json!({"sku": sku, "name": format!("Torture {sku}"), "price": euros(price)});
        let id = text(&self.client.must_post("/v1/admin/products", &new).await?, "id");
        self.client
            .door()
            .until("a product's stock", async || {
                let answer = self.adjust(&id, "first", stock).await?;
                match answer.status {
                    200 => Ok(Some(())),
                    404 => Ok(None),
                    _ => Err(answer.unexpected("an adjustment")),
                }
            })
            .await?;
        Ok(id)
    }

    pub async fn adjust(&self, product: &str, key: &str, delta: i64) -> Result<Answer> {
        let path = format!("/v1/admin/stock/{product}/adjust");
        let body = json!({"delta": delta, "reason": "torture"});
        self.client.command(&path, &format!("{product} {key}"), &body).await
    }

    pub async fn level(&self, product: &str) -> Result<Level> {
        let stock = self.client.must_get(&format!("/v1/admin/stock/{product}")).await?;
        let locations = stock["locations"].as_array().cloned().unwrap_or_default();
        let sum = |field: &str| locations.iter().filter_map(|it| it[field].as_i64()).sum();
        Ok(Level { on_hand: sum("on_hand"), reserved: sum("reserved") })
    }

    pub async fn reprice(&self, product: &str, price: i64) -> Result<Answer> {
        let path = format!("/v1/admin/products/{product}");
        let now = self.client.get(&path).await?;
        let etag = now.etag.unwrap_or_default();
        let change = json!({"price": euros(price)});
        self.client.ask(Method::PATCH, &path, Some(&change), &[("if-match", &etag)]).await
    }

    pub async fn issue(&self, promotion: &Value) -> Result<()> {
        self.client.must_post("/v1/admin/promotions", promotion).await.map(drop)
    }

    /// A promotion as it is now.
    pub async fn promotion(&self, code: &str) -> Result<Value> {
        let mut path = "/v1/admin/promotions?limit=100".to_owned();
        loop {
            let page = self.client.must_get(&path).await?;
            let mut items = page["items"].as_array().into_iter().flatten();
            if let Some(found) = items.find(|it| it["code"] == code) {
                return Ok(found.clone());
            }
            match page["next_cursor"].as_str() {
                Some(cursor) => path = format!("/v1/admin/promotions?limit=100&cursor={cursor}"),
                None => return Ok(Value::Null),
            }
        }
    }

    /// The payments of an order.
    pub async fn payments(&self, order: &str) -> Result<Vec<Value>> {
        let path = format!("/v1/admin/payments?order_id={order}");
        let page = self.client.must_get(&path).await?;
        Ok(page["items"].as_array().cloned().unwrap_or_default())
    }

    /// What the shop has or may take of an order's money, in cents, less what it gave back.
    pub async fn keeps(&self, order: &str) -> Result<i64> {
        let keeps = |payment: &Value| {
            let taken = cents(&payment["captured"]);
            let open = match payment["status"].as_str() {
                Some("authorized") => cents(&payment["authorized"]) - taken,
                _ => 0,
            };
            taken + open - cents(&payment["refunded"])
        };
        Ok(self.payments(order).await?.iter().map(keeps).sum())
    }

    /// An order as the staff sees it.
    pub async fn order(&self, id: &str) -> Result<Value> {
        self.client.must_get(&format!("/v1/admin/orders/{id}")).await
    }

    /// What happened to an order after its sale.
    pub async fn changes(&self, id: &str) -> Result<Vec<Value>> {
        let changes = self.client.must_get(&format!("/v1/admin/orders/{id}/changes")).await?;
        Ok(changes.as_array().cloned().unwrap_or_default())
    }

    /// The carrier's number of an order's parcel.
    pub async fn tracking(&self, order: &str) -> Result<String> {
        let mut path = "/v1/admin/carrier/parcels?limit=100".to_owned();
        loop {
            let page = self.client.must_get(&path).await?;
            let mut items = page["items"].as_array().into_iter().flatten();
            if let Some(found) = items.find(|it| it["order_id"] == order) {
                return Ok(text(found, "tracking"));
            }
            match page["next_cursor"].as_str() {
                Some(cursor) => {
                    path = format!("/v1/admin/carrier/parcels?limit=100&cursor={cursor}");
                }
                None => return Err(Error::Vain(format!("a parcel of order {order}"))),
            }
        }
    }

    /// Moves an order: `ship`, `deliver` or `cancel`.
    pub async fn advance(&self, order: &str, step: &str, key: &str) -> Result<Answer> {
        let path = format!("/v1/admin/orders/{order}/{step}");
        let body = if step == "cancel" { json!({"reason": "torture"}) } else { json!({}) };
        self.client.ask(Method::POST, &path, Some(&body), &[(KEY, key)]).await
    }
}
