//! A cart, what may go into it, and why it cannot be bought.

use std::collections::HashMap;

use kernel::id::{LineId, ProductId};
use kernel::ports::{Availability, Offer, StockLine, Taxable, Taxed, Wanted};
use kernel::problem::{Problem, code};
use kernel::{Currency, Money, MoneyError};
use serde::Serialize;
use utoipa::ToSchema;

use super::bundle::{Units, by_product, check_count, exploded};
use super::difference::ShownLine;
use super::discount::Item;
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

    /// What is wanted, as the stock knows it: what there is no offer of is not made of anything.
    pub fn units<'a>(&self, offer: Option<&'a Offer>) -> Units<'a> {
        let parts = offer.map_or(&[][..], |offer| &offer.parts);
        Units { product_id: self.product_id, parts, quantity: self.quantity }
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
    /// What promotions take off that.
    pub discount: Money,
    /// The tax of what is left.
    pub tax: Taxed,
}

impl PricedLine {
    /// What is bought, as the stock knows it.
    pub fn units(&self) -> Units<'_> {
        self.line.units(Some(&self.offer))
    }

    /// The line as the totals want it.
    pub const fn priced(&self) -> Priced {
        Priced { unit: self.offer.price, quantity: self.line.quantity }
    }

    /// The line as promotions want it.
    pub fn item(&self) -> Item {
        Item {
            product_id: self.line.product_id,
            categories: self.offer.categories.clone(),
            quantity: self.line.quantity,
            total_minor: self.total.minor(),
        }
    }

    /// What all its units weigh, in grams.
    pub const fn weight_g(&self) -> i64 {
        self.offer.weight_g.saturating_mul(self.line.quantity)
    }

    /// The line as it is taxed.
    pub fn taxable(&self) -> Result<Taxable, MoneyError> {
        let amount = self.total.checked_sub(self.discount)?;
        Ok(Taxable { category: self.offer.tax_category.clone(), amount })
    }

    /// The line as the shopper is shown it.
    pub const fn shown(&self) -> ShownLine {
        ShownLine {
            product_id: self.line.product_id,
            quantity: self.line.quantity,
            unit_price: self.offer.price,
            total: self.total,
        }
    }
}

/// Why a line cannot be bought now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Obstacle {
    /// The product.
    pub product_id: ProductId,
    /// A stable word: `not_sellable`, `currency_mismatch`, `too_expensive`, `out_of_stock`.
    pub code: &'static str,
    /// What is wrong.
    pub detail: String,
}

/// Why lines cannot be bought now, each line once: what the cart shows, a quote tells and an order
/// refuses. `stock` is what could be promised; an order leaves it out, as its reservation says. The parts of
/// bundles and the same products bought alone are of one stock.
pub fn obstacles(
    lines: &[CartLine],
    offers: &HashMap<ProductId, &Offer>,
    stock: Option<&HashMap<ProductId, Availability>>,
) -> Vec<Obstacle> {
    let units = |line: &CartLine| line.units(offers.get(&line.product_id).copied());
    let wanted = stock.map(|stock| (stock, by_product(&exploded(lines.iter().map(units)))));
    let mut currency = None;
    let mut obstacle = |line: &CartLine| {
        let Some(offer) = offers.get(&line.product_id).filter(|offer| offer.sellable) else {
            return Some(("not_sellable", "The product cannot be bought now.".to_owned()));
        };
        if offer.price.times(line.quantity).is_err() {
            return Some(("too_expensive", "The line is worth too much.".to_owned()));
        }
        if *currency.get_or_insert(offer.price.currency()) != offer.price.currency() {
            return Some(("currency_mismatch", "An order has one currency.".to_owned()));
        }
        let (stock, wanted) = wanted.as_ref()?;
        let had = units(line).available(stock).units();
        if had < line.quantity {
            return Some(("out_of_stock", format!("Only {had} could be had now.")));
        }
        let is_short = |unit: StockLine| {
            let had = stock.get(&unit.product_id).map_or(0, Availability::units);
            wanted.get(&unit.product_id).is_some_and(|wanted| *wanted > had)
        };
        let detail = "There is not enough for this line and the others that need the same goods.";
        units(line).in_stock().any(is_short).then(|| ("out_of_stock", detail.to_owned()))
    };
    let found = |line: &CartLine| {
        let (code, detail) = obstacle(line)?;
        Some(Obstacle { product_id: line.product_id, code, detail })
    };
    lines.iter().filter_map(found).collect()
}

/// Puts the catalogue's prices to the lines. All of them must be sellable, in one currency.
pub fn price(lines: &[CartLine], offers: &[Offer]) -> Result<(Currency, Vec<PricedLine>), Problem> {
    let offers: HashMap<ProductId, &Offer> =
        offers.iter().map(|offer| (offer.product_id, offer)).collect();
    let obstacles = obstacles(lines, &offers, None);
    if !obstacles.is_empty() {
        let detail = "Take the lines named out of the cart, then try again.";
        return Err(Problem::new(code::NOT_SELLABLE, detail).with("lines", obstacles));
    }
    let priced = |line: &CartLine| {
        let offer = *offers.get(&line.product_id)?;
        let total = offer.price.times(line.quantity).ok()?;
        let none = Money::zero(total.currency());
        let tax = Taxed { rate_ppm: 0, tax: none };
        Some(PricedLine { line: *line, offer: offer.clone(), total, discount: none, tax })
    };
    let priced: Vec<PricedLine> = lines.iter().filter_map(priced).collect();
    check_count(&exploded(priced.iter().map(PricedLine::units)))?;
    let Some(first) = priced.first() else {
        return Err(Problem::new(code::CART_EMPTY, "Put a product into the cart first."));
    };
    Ok((first.total.currency(), priced))
}

#[cfg(test)]
mod tests {
    use kernel::ports::Part;

    use super::*;

    fn line(product_id: ProductId) -> CartLine {
        CartLine { id: LineId::new(), product_id, quantity: 2 }
    }

    fn offer(product_id: ProductId, price: Money, sellable: bool) -> Offer {
        let (sku, name) = ("A".to_owned(), "A".to_owned());
        let (categories, tax_category) = (vec![], "standard".to_owned());
        let (weight_g, tax) = (0, kernel::ports::TaxTerms::default());
        Offer {
            product_id,
            sku,
            name,
            categories,
            tax_category,
            weight_g,
            price,
            tax,
            sellable,
            parts: vec![],
        }
    }

    #[test]
    fn quantities_have_limits() {
        assert!(check_quantity(1).is_ok());
        assert!(check_quantity(QUANTITY_MAX).is_ok());
        assert!(check_quantity(0).is_err());
        assert!(check_quantity(1_000_000_000_000).is_err());
    }

    #[test]
    fn stock_is_an_obstacle_where_it_is_asked() {
        let id = ProductId::new();
        let offer = offer(id, Money::from_minor(100, Currency::EUR), true);
        let offers = HashMap::from([(id, &offer)]);
        let codes = |available: Option<i64>| {
            let available = available.map(|units| HashMap::from([(id, lies(id, units))]));
            let found = obstacles(&[line(id)], &offers, available.as_ref());
            found.iter().map(|obstacle| obstacle.code).collect::<Vec<_>>()
        };
        assert_eq!(codes(Some(1)), ["out_of_stock"]);
        assert!(codes(Some(2)).is_empty() && codes(None).is_empty());
    }

    fn lies(product_id: ProductId, on_hand: i64) -> Availability {
        Availability { product_id, on_hand, backorder: 0, from: None }
    }

    #[test]
    fn a_bundle_and_its_parts_bought_alone_need_the_same_stock() {
        let (set, lamp, desk) = (ProductId::new(), ProductId::new(), ProductId::new());
        let part = |product_id, quantity| Part {
            product_id,
            sku: "P".to_owned(),
            name: "P".to_owned(),
            quantity,
        };
        let price = Money::from_minor(100, Currency::EUR);
        let bundle = Offer { parts: vec![part(lamp, 3), part(desk, 1)], ..offer(set, price, true) };
        let alone = offer(lamp, price, true);
        let offers = HashMap::from([(set, &bundle), (lamp, &alone)]);
        let short = |lines: &[CartLine], lamps, desks| -> Vec<ProductId> {
            let stock = HashMap::from([(lamp, lies(lamp, lamps)), (desk, lies(desk, desks))]);
            obstacles(lines, &offers, Some(&stock)).iter().map(|it| it.product_id).collect()
        };
        // Two sets are six lamps and two desks.
        assert!(short(&[line(set)], 6, 2).is_empty());
        assert_eq!(short(&[line(set)], 5, 2), [set]);
        assert_eq!(short(&[line(set)], 6, 1), [set]);
        let both = [line(set), line(lamp)];
        assert!(short(&both, 8, 2).is_empty());
        assert_eq!(short(&both, 7, 2), [set, lamp], "there is enough for either of them alone");
        assert_eq!(short(&both, 8, 1), [set]);
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
