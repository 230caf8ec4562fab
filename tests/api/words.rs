//! What answers and bodies are made of.

use serde_json::{Value, json};

pub fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

pub fn euros(amount: &str) -> Value {
    json!({"amount": amount, "currency": "EUR"})
}

pub fn cents(money: &Value) -> i64 {
    text(&money["amount"]).replace('.', "").parse().unwrap()
}

/// What the staff does with an order.
pub fn below(order: &Value, step: &str) -> String {
    format!("/v1/admin/orders/{}/{step}", text(&order["id"]))
}

/// So many units of the line of a product.
pub fn units(order: &Value, sku: &str, quantity: i64) -> Value {
    let lines = order["lines"].as_array().unwrap();
    let line = lines.iter().find(|line| line["sku"] == sku).unwrap();
    json!({"line_id": line["id"], "quantity": quantity})
}
