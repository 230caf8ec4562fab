//! A cart, what may go into it, and why it cannot be bought.

use kernel::id::{LineId, ProductId};
use kernel::ports::{Offer, Wanted};
use kernel::problem::{Problem, code};
use kernel::{Currency, Money};
use serde::Serialize;
use utoipa::ToSchema;

use super::totals::Priced;

/// The most lines of a cart.
pub const LINES_MAX: i64 = 1_000;
/// The most units of one product in a cart.
pub const QUANTITY_MAX: i64 = 10_000;

/// A product in a cart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CartLine {
    /// The line.
    pub id: LineId,
    /// What is in it.
    pub product_id: ProductId,
    /// How many units.
    pub quantity: i64,
}

impl CartLine {
    /// What the catalogue is asked for.
    pub const fn wanted(&self) -> Wanted {
        Wanted { product_id: self.product_id, quantity: self.quantity }
    }
}

/// Refuses a quantity no line can have.
pub fn check_quantity(quantity: i64) -> Result<(), Problem> {
    if (1..=QUANTITY_MAX).contains(&quantity) {
        return Ok(());
    }
    Err(Problem::invalid("quantity", format!("must be 1 to {QUANTITY_MAX}")))
}

/// A line with its price: what an order is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PricedLine {
    /// The cart's line.
    pub line: CartLine,
    /// What the catalogue says of its product.
    pub offer: Offer,
    /// The price of all its units.
    pub total: Money,
}

impl PricedLine {
    /// The line as the totals want it.
    pub const fn priced(&self) -> Priced {
        Priced { unit: self.offer.price, quantity: self.line.quantity }
    }
}

/// Why a line cannot be bought now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Obstacle {
    /// The product.
    pub product_id: ProductId,
    /// A stable word: `not_sellable`, `currency_mismatch`, `too_expensive`.
    pub code: &'static str,
    /// What is wrong.
    pub detail: String,
}

/// Puts the catalogue's prices to the lines. All of them must be sellable, in one currency.
pub fn price(lines: &[CartLine], offers: &[Offer]) -> Result<(Currency, Vec<PricedLine>), Problem> {
    let mut obstacles = Vec::new();
    let mut priced: Vec<PricedLine> = Vec::with_capacity(lines.len());
    let obstacle =
        |product_id, code, detail: &str| Obstacle { product_id, code, detail: detail.to_owned() };
    for line in lines {
        let id = line.product_id;
        let offer = offers.iter().find(|offer| offer.product_id == id && offer.sellable);
        let Some(offer) = offer else {
            obstacles.push(obstacle(id, "not_sellable", "The product cannot be bought now."));
            continue;
        };
        let Ok(total) = offer.price.times(line.quantity) else {
            obstacles.push(obstacle(id, "too_expensive", "The line is worth too much."));
            continue;
        };
        if priced.first().is_some_and(|first| first.total.currency() != total.currency()) {
            obstacles.push(obstacle(id, "currency_mismatch", "An order has one currency."));
            continue;
        }
        priced.push(PricedLine { line: *line, offer: offer.clone(), total });
    }
    if !obstacles.is_empty() {
        let detail = "Take the lines named out of the cart, then try again.";
        return Err(Problem::new(code::NOT_SELLABLE, detail).with("lines", obstacles));
    }
    let Some(first) = priced.first() else {
        return Err(Problem::new(code::CART_EMPTY, "Put a product into the cart first."));
    };
    Ok((first.total.currency(), priced))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(product_id: ProductId) -> CartLine {
        CartLine { id: LineId::new(), product_id, quantity: 2 }
    }

    fn offer(product_id: ProductId, price: Money, sellable: bool) -> Offer {
        let (sku, name) = ("A".to_owned(), "A".to_owned());
        Offer { product_id, sku, name, price, tax_included: false, sellable }
    }

    #[test]
    fn quantities_have_limits() {
        assert!(check_quantity(1).is_ok());
        assert!(check_quantity(QUANTITY_MAX).is_ok());
        assert!(check_quantity(0).is_err());
        assert!(check_quantity(1_000_000_000_000).is_err());
    }

    #[test]
    fn every_obstacle_is_named() {
        let (sold, draft, gone, other) =
            (ProductId::new(), ProductId::new(), ProductId::new(), ProductId::new());
        let offers = [
            offer(sold, Money::from_minor(100, Currency::EUR), true),
            offer(draft, Money::from_minor(100, Currency::EUR), false),
            offer(other, Money::from_minor(100, Currency::USD), true),
        ];
        let lines = [line(sold), line(draft), line(gone), line(other)];
        let problem = price(&lines, &offers).unwrap_err();
        assert_eq!(problem.code, "not_sellable");
        assert_eq!(problem.extra["lines"].as_array().map(Vec::len), Some(3));
        let (currency, priced) = price(&lines[..1], &offers).unwrap();
        assert_eq!((currency, priced[0].total.minor()), (Currency::EUR, 200));
        assert_eq!(price(&[], &offers).unwrap_err().code, "cart_empty");
    }
}
