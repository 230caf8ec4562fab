//! How the module works: section `[order]`.

use std::collections::HashMap;
use std::time::Duration;

use rust_decimal::Decimal;
use serde::Deserialize;

/// A way goods can go.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShippingMethod {
    /// What the API calls it.
    pub id: String,
    /// What it costs, in the currency of the order.
    pub price: Decimal,
}

/// Whether an order must say what the shopper was shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExpectedTotal {
    /// It may.
    Optional,
    /// It must.
    Required,
}

/// Whether somebody without an account must say where letters about their order go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GuestEmail {
    /// They may; else nobody writes to them.
    Optional,
    /// They must.
    Required,
}

/// Who carries parcels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CarrierName {
    /// The shop's own staff say what leaves and what arrives.
    Manual,
    /// The built-in sandbox carrier.
    Sandbox,
}

/// How the module works.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// How long `POST /v1/orders` waits for the checkout before it answers 202, in milliseconds.
    pub answer_wait_ms: u64,
    /// How long stock is promised to an order that is not confirmed, in seconds.
    pub hold_s: i64,
    /// After how many seconds a checkout that has not ended is given up.
    pub checkout_deadline_s: i64,
    /// Whether an order must say what the shopper was shown.
    pub expected_total: ExpectedTotal,
    /// Whether somebody without an account must say where letters about their order go.
    pub guest_email: GuestEmail,
    /// For how many days after the last parcel arrived a customer may ask to send goods back.
    pub return_days: i64,
    /// For how many days what is sent instead of goods is held until they have come back.
    pub exchange_hold_days: i64,
    /// For how many days a customer may pay what that costs more, once the goods were looked at.
    pub exchange_pay_days: i64,
    /// The shipping methods of a shop that keeps none itself.
    pub shipping: Vec<ShippingMethod>,
    /// Tax by ISO 3166-1 country, in percent, where the table of taxes says nothing of the country;
    /// countries left out have none.
    pub tax_percent: HashMap<String, Decimal>,
    /// Who carries the parcel that is booked with an order.
    pub carrier: CarrierName,
    /// How long an answer of the carrier is waited for, in milliseconds.
    pub carrier_wait_ms: u64,
    /// How often it is looked for what the carrier told, in milliseconds; a call of it wakes it earlier.
    pub carrier_poll_ms: u64,
    /// Who sells, line by line, as invoices and packing slips tell it.
    pub seller: Vec<String>,
}

impl Settings {
    /// How long `POST /v1/orders` waits for the checkout.
    pub(crate) fn answer_wait(&self) -> Duration {
        Duration::from_millis(self.answer_wait_ms)
    }
}
