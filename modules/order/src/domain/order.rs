//! An order, as it is kept and as it is answered.

use kernel::events::SoldLine;
use kernel::id::{CartId, ChangeId, CustomerId, LineId, OrderId, ProductId};
use kernel::ports::{CreditPart, Part, PaymentView};
use kernel::problem::{Problem, code};
use kernel::{Address, Money, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::bundle::Units;
use super::cart::PricedLine;
use super::exchange::Replaces;
use super::promotion::Told;
use super::shipment::{Fulfilment, Shipment, fulfilment};
use super::status::Status;
use super::tax::{LineTax, TaxLine, by_rate};
use super::totals::Totals;

/// A product in an order, as it was when it was ordered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Line {
    /// The line.
    pub id: LineId,
    /// What was ordered.
    pub product_id: ProductId,
    /// Its stock keeping unit.
    pub sku: String,
    /// Its name.
    pub name: String,
    /// The widest category that it was in; lines of old, and of products without one, have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
    /// How many units.
    pub quantity: i64,
    /// The price of one.
    pub unit_price: Money,
    /// The price of all of them.
    pub total: Money,
    /// What promotions take off that.
    pub discount: Money,
    /// The tax of what is left; orders of old do not tell it by line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tax: Option<LineTax>,
    /// How many units have left the house.
    #[serde(default)]
    pub shipped: i64,
    /// How many of these arrived.
    #[serde(default)]
    pub delivered: i64,
    /// How many of them are lost.
    #[serde(default)]
    pub lost: i64,
    /// How many units were called off before they left.
    #[serde(default)]
    pub cancelled: i64,
    /// How many units came back and were paid back.
    #[serde(default)]
    pub returned: i64,
    /// How many units were paid back without coming back.
    #[serde(default)]
    pub refunded: i64,
    /// What one unit was made of when it was ordered, if it is a bundle: these are what is packed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<Part>,
}

impl Line {
    /// What is ordered at this price, of which nothing has happened yet.
    pub fn new(id: LineId, priced: &PricedLine) -> Self {
        Self {
            id,
            product_id: priced.offer.product_id,
            sku: priced.offer.sku.clone(),
            name: priced.offer.name.clone(),
            category: priced.offer.categories.first().cloned(),
            quantity: priced.line.quantity,
            unit_price: priced.offer.price,
            total: priced.total,
            discount: priced.discount,
            tax: Some(priced.tax.into()),
            shipped: 0,
            delivered: 0,
            lost: 0,
            cancelled: 0,
            returned: 0,
            refunded: 0,
            parts: priced.offer.parts.clone(),
        }
    }

    /// So many lamps at so many cents each, for tests.
    #[cfg(test)]
    pub fn lamps(quantity: i64, unit_minor: i64) -> Self {
        let euros = |minor| Money::from_minor(minor, kernel::Currency::EUR);
        Self {
            id: LineId::new(),
            product_id: ProductId::new(),
            sku: "LAMP-1".to_owned(),
            name: "Lamp".to_owned(),
            category: None,
            quantity,
            unit_price: euros(unit_minor),
            total: euros(unit_minor * quantity),
            discount: euros(0),
            tax: None,
            shipped: 0,
            delivered: 0,
            lost: 0,
            cancelled: 0,
            returned: 0,
            refunded: 0,
            parts: vec![],
        }
    }

    /// How many units can still leave.
    pub const fn left(&self) -> i64 {
        self.quantity - self.shipped - self.cancelled
    }

    /// How many units can still come back: they arrived and were not paid back.
    pub fn returnable(&self) -> i64 {
        (self.delivered - self.returned).min(self.refundable())
    }

    /// How many units that left can still be paid back.
    pub const fn refundable(&self) -> i64 {
        self.shipped - self.returned - self.refunded
    }

    /// So many units of it, as the stock knows them.
    pub fn units(&self, quantity: i64) -> Units<'_> {
        Units { product_id: self.product_id, parts: &self.parts, quantity }
    }

    /// How many units were paid back.
    pub const fn gone(&self) -> i64 {
        self.cancelled + self.returned + self.refunded
    }
}

/// Why an order failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OrderFailure {
    /// A stable word, e.g. `payment_declined`.
    pub code: String,
    /// What happened, for people.
    pub detail: String,
    /// What kind of failure was compensated, when it was one of these.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compensation: Option<Compensation>,
}

/// The failures of a checkout that the blueprint names, each with what is taken back after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Compensation {
    /// The payment was not authorized: the stock is released.
    PaymentFailed,
    /// The stock could not be promised, or not kept: the payment is voided or refunded.
    InventoryUnavailable,
    /// The carrier does not take it: the payment is voided or refunded and the stock is released.
    ShippingFailed,
}

impl Compensation {
    /// What a checkout that failed for this reason had to compensate.
    pub fn of(why: &Problem) -> Option<Self> {
        const PAYMENT: &str = code::PAYMENT_DECLINED.word;
        const STOCK: &str = code::OUT_OF_STOCK.word;
        const SHIPPING: &str = code::SHIPPING_FAILED.word;
        match why.code.as_str() {
            PAYMENT => Some(Self::PaymentFailed),
            STOCK => Some(Self::InventoryUnavailable),
            SHIPPING => Some(Self::ShippingFailed),
            _ => why.extra.get(COMPENSATION).and_then(|word| Self::deserialize(word).ok()),
        }
    }

    /// The word it is told as.
    pub const fn word(self) -> &'static str {
        match self {
            Self::PaymentFailed => "PAYMENT_FAILED",
            Self::InventoryUnavailable => "INVENTORY_UNAVAILABLE",
            Self::ShippingFailed => "SHIPPING_FAILED",
        }
    }
}

/// The member of a problem that names its [`Compensation`] where the code does not tell.
pub const COMPENSATION: &str = "compensation";

/// An order.
#[derive(Debug, Clone, PartialEq)]
pub struct Order {
    /// The order.
    pub id: OrderId,
    /// Its number, for people.
    pub number: String,
    /// Who ordered.
    pub customer_id: CustomerId,
    /// The cart it was made of.
    pub cart_id: CartId,
    /// Where it stands.
    pub status: Status,
    /// What was ordered.
    pub lines: Vec<Line>,
    /// What it costs.
    pub totals: Totals,
    /// The coupon that was used.
    pub coupon: Option<String>,
    /// What became of each promotion.
    pub promotions: Vec<Told>,
    /// What gift cards and store credit pay of it; the rest is paid by card.
    pub credit: Vec<CreditPart>,
    /// Its parcels that left the house, the first one first.
    pub shipments: Vec<Shipment>,
    /// Where it goes.
    pub shipping_address: Address,
    /// Where the invoice goes, when that is elsewhere.
    pub billing_address: Option<Address>,
    /// How it goes there.
    pub shipping_method: String,
    /// The tax of the shipping; orders of old do not tell it.
    pub shipping_tax: Option<LineTax>,
    /// Where letters about it go; to the account's address when it names none.
    pub email: Option<String>,
    /// The language of letters about it.
    pub locale: Option<String>,
    /// Why it failed.
    pub failure: Option<OrderFailure>,
    /// How many events it has emitted.
    pub version: i64,
    /// The edit of it that is under way.
    pub editing: Option<ChangeId>,
    /// What it replaces, if it was made by an exchange.
    pub replaces: Option<Replaces>,
    /// When it was placed.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// When it was confirmed.
    pub confirmed_at: Option<Timestamp>,
}

/// An order as its customer sees it.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct OrderView {
    id: OrderId,
    number: String,
    status: Status,
    /// How much of it has left the house.
    fulfilment: Fulfilment,
    lines: Vec<Line>,
    /// Its parcels that left the house, the first one first.
    shipments: Vec<Shipment>,
    totals: Totals,
    /// The tax by its rates; empty for an order of old.
    tax_lines: Vec<TaxLine>,
    #[serde(skip_serializing_if = "Option::is_none")]
    coupon: Option<String>,
    /// Each promotion that was in play, and why it did not apply.
    promotions: Vec<Told>,
    /// What gift cards and store credit pay of it; the rest is paid by card.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    credit: Vec<CreditPart>,
    shipping_address: Address,
    #[serde(skip_serializing_if = "Option::is_none")]
    billing_address: Option<Address>,
    shipping_method: String,
    /// Where letters about it go, if not to the account's address; a guest who named none gets none.
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<String>,
    /// The language of letters about it, if it named one.
    #[serde(skip_serializing_if = "Option::is_none")]
    locale: Option<String>,
    payment: Option<PaymentView>,
    /// The edit of it that is under way; nothing of it leaves before that has ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    editing: Option<ChangeId>,
    /// What it replaces, if it was made by an exchange.
    #[serde(skip_serializing_if = "Option::is_none")]
    replaces: Option<Replaces>,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<OrderFailure>,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
}

impl Order {
    /// What its customer sees.
    pub fn view(self, payment: Option<PaymentView>) -> OrderView {
        OrderView {
            tax_lines: self.tax_lines(),
            id: self.id,
            number: self.number,
            status: self.status,
            fulfilment: fulfilment(&self.lines),
            lines: self.lines,
            shipments: self.shipments,
            totals: self.totals,
            coupon: self.coupon,
            promotions: self.promotions,
            credit: self.credit,
            shipping_address: self.shipping_address,
            billing_address: self.billing_address,
            shipping_method: self.shipping_method,
            email: self.email,
            locale: self.locale,
            payment,
            editing: self.editing,
            replaces: self.replaces,
            failure: self.failure,
            created_at: self.created_at,
            updated_at: self.updated_at,
        }
    }

    /// The moves that can be asked for, as the words of the API: what has left in part can no longer
    /// be called off or edited, only what arrived can come back, and nothing leaves while it is edited. An
    /// exchange decides on its order until that is confirmed, and that is not edited: its money is another's.
    pub fn allowed(&self) -> Vec<&'static str> {
        let has_left = fulfilment(&self.lines) != Fulfilment::None;
        let is_edited = self.editing.is_some();
        let is_possible = |word: &&str| match *word {
            "cancel" => !has_left && !self.is_decided_by_its_exchange(),
            "ship" => !is_edited,
            "cancel_lines" => !is_edited && self.lines.iter().any(|line| line.left() > 0),
            "return" => self.lines.iter().any(|line| line.returnable() > 0),
            _ => true,
        };
        let is_whole = !has_left && self.lines.iter().all(|line| line.gone() == 0);
        let is_free = is_whole && !is_edited && self.replaces.is_none();
        let can_be_edited = self.status == Status::Confirmed && is_free;
        let possible = self.status.allowed().into_iter().filter(is_possible);
        possible.chain(can_be_edited.then_some("edit")).collect()
    }

    /// Whether it waits for the goods that it is exchanged for.
    pub const fn is_decided_by_its_exchange(&self) -> bool {
        self.replaces.is_some() && self.status.is_being_checked_out()
    }

    /// The order whose payments hold its money.
    pub fn account(&self) -> OrderId {
        self.replaces.map_or(self.id, |replaces| replaces.account_id)
    }

    /// The tax by its rates, as it was charged.
    pub fn tax_lines(&self) -> Vec<TaxLine> {
        let Some(of_shipping) = self.shipping_tax else { return vec![] };
        let of_lines = self
            .lines
            .iter()
            .filter_map(|line| Some((line.total.checked_sub(line.discount).ok()?, line.tax?)));
        let taxes = of_lines.chain([(self.totals.shipping, of_shipping)]);
        let included = self.totals.included_tax.minor() > 0;
        by_rate(self.totals.total.currency(), taxes, included).unwrap_or_default()
    }

    /// What was bought, as events tell it.
    pub fn sold(&self) -> Vec<SoldLine> {
        self.lines
            .iter()
            .map(|line| SoldLine {
                product_id: line.product_id,
                sku: line.sku.clone(),
                name: line.name.clone(),
                quantity: line.quantity,
                total: line.total,
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_word_of_a_failure_is_that_of_the_blueprint() {
        for (code, word) in [
            (code::PAYMENT_DECLINED, Some(Compensation::PaymentFailed)),
            (code::OUT_OF_STOCK, Some(Compensation::InventoryUnavailable)),
            (code::SHIPPING_FAILED, Some(Compensation::ShippingFailed)),
            (code::ORDER_NOT_COMPLETED, None),
        ] {
            assert_eq!(Compensation::of(&Problem::new(code, "")), word, "{}", code.word);
        }
        let ended = Problem::new(code::ORDER_NOT_COMPLETED, "")
            .with(COMPENSATION, Compensation::InventoryUnavailable);
        let word = Compensation::of(&ended);
        assert_eq!(word, Some(Compensation::InventoryUnavailable));
        assert_eq!(serde_json::to_value(word).unwrap(), word.unwrap().word());
    }
}
