use std::collections::BTreeMap;

use kernel::Timestamp;
use kernel::events::StockAdjusted;
use kernel::id::{ProductId, StockId};
use kernel::ports::{Availability, Shortage};
use platform::fault;
use serde::Serialize;
use utoipa::ToSchema;

use super::cover::owed;
use super::location::check_code;
use super::{Invalid, Policy, Shelf, Wanted};

/// The most units of a product at one location, and the most one adjustment moves.
pub const UNITS_MAX: i64 = 1_000_000_000;

/// What lies of one product at one location.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(example = json!({
    "stock_id": "0198f2a4-6f0e-7c3a-9d61-0a4f3c1b2d10",
    "product_id": "0198f2a4-6f0e-7c3a-9d61-0a4f3c1b2d11",
    "location": "main", "on_hand": 50, "reserved": 3, "safety": 5, "available": 42,
    "low_at": 10, "low": false, "policy": "backorder", "backorder_max": 20,
    "available_from": null, "backordered": 0, "backorderable": 20
}))]
pub struct Level {
    /// The stock.
    pub stock_id: StockId,
    /// Of which product.
    pub product_id: ProductId,
    /// Where.
    pub location: String,
    /// How many units lie there.
    pub on_hand: i64,
    /// How many of them are promised to orders.
    pub reserved: i64,
    /// How many units are kept back: they are not promised to anybody new.
    pub safety: i64,
    /// How many that lie there can still be promised.
    pub available: i64,
    /// The mark: few are left when no more than this can be promised.
    pub low_at: Option<i64>,
    /// Whether few are left, as far as it was looked at.
    pub low: bool,
    /// Whether units are promised that do not lie there yet.
    pub policy: Policy,
    /// How many units may be owed beyond what lies there.
    pub backorder_max: i64,
    /// The day of preorders: nothing leaves before, and none are taken from then on.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub available_from: Option<Timestamp>,
    /// How many promised units do not lie there yet.
    pub backordered: i64,
    /// How many more can be promised that do not lie there yet.
    pub backorderable: i64,
}

impl Level {
    /// With the figures that follow from the others.
    pub(crate) fn counted(mut self) -> Self {
        self.available = available(self.on_hand, self.reserved, self.safety);
        let all = self.on_hand + self.open_cap() - self.reserved - self.safety;
        self.backorderable = (all - self.available).max(0);
        self.backordered = owed(self.on_hand, self.reserved);
        self
    }

    /// How many units can be promised, those included that come later.
    pub(super) const fn promisable(&self) -> i64 {
        self.available + self.backorderable
    }

    /// How many units can be owed to those who ask now.
    fn open_cap(&self) -> i64 {
        if self.policy == Policy::Deny { 0 } else { self.backorder_max }
    }

    /// What is told when it was changed by the staff.
    pub(crate) fn adjusted(&self, is_for_sale: bool, delta: i64, reason: &str) -> StockAdjusted {
        StockAdjusted {
            stock_id: self.stock_id,
            product_id: self.product_id,
            location: self.location.clone(),
            is_for_sale,
            delta,
            on_hand: self.on_hand,
            reserved: self.reserved,
            safety: self.safety,
            backorder_max: self.open_cap(),
            available_from: self.available_from,
            reason: reason.to_owned(),
        }
    }
}

/// What can be promised, of what lies there, is promised and is kept back.
pub(crate) fn available(on_hand: i64, reserved: i64, safety: i64) -> i64 {
    (on_hand - reserved - safety).max(0)
}

/// What is kept back of one stock, and when few units are left of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// How many units are kept back.
    pub safety: i64,
    /// The mark; none for no warning.
    pub low_at: Option<i64>,
    /// Where; the location of the settings when there is none.
    pub location: Option<String>,
}

impl Limits {
    /// Limits, or the field that is wrong.
    pub fn new(
        safety: i64,
        low_at: Option<i64>,
        location: Option<String>,
    ) -> Result<Self, Invalid> {
        for (field, units) in [("safety", Some(safety)), ("low_at", low_at)] {
            if units.is_some_and(|units| !(0..=UNITS_MAX).contains(&units)) {
                return Err(Invalid::new(field, format!("must be 0 to {UNITS_MAX}")));
            }
        }
        if let Some(location) = &location {
            check_code("location", location)?;
        }
        Ok(Self { safety, low_at, location })
    }
}

/// What can be promised of each product, at all these locations.
pub(crate) fn on_offer(shelves: &[Shelf]) -> Vec<Availability> {
    let mut sums: BTreeMap<ProductId, Availability> = BTreeMap::new();
    for level in shelves.iter().map(|shelf| &shelf.level) {
        let product_id = level.product_id;
        let none = Availability { product_id, on_hand: 0, backorder: 0, from: None };
        let sum = sums.entry(product_id).or_insert(none);
        sum.on_hand += level.available;
        sum.backorder += level.backorderable;
        sum.from = [sum.from, level.available_from].into_iter().flatten().min();
    }
    sums.into_values().collect()
}

/// Whether there is enough.
pub(super) fn suffices(available: i64, requested: i64) -> bool {
    available > requested || (available == requested && !fault::bug("last_unit_is_not_sold"))
}

/// The products of which there is not enough. A product without stock has 0.
pub(super) fn shortages(wanted: &Wanted, levels: &[&Level]) -> Vec<Shortage> {
    let available = |product| {
        let levels = levels.iter().filter(|level| level.product_id == product);
        levels.map(|level| level.promisable()).sum()
    };
    wanted
        .iter()
        .map(|(&product_id, &requested)| Shortage {
            product_id,
            requested,
            available: available(product_id),
        })
        .filter(|line| !suffices(line.available, line.requested))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn level(product_id: ProductId, on_hand: i64, reserved: i64) -> Level {
        let stock_id = StockId::new();
        let (location, safety, available) = ("main".to_owned(), 0, 0);
        let (low_at, low, policy, backorder_max) = (None, false, Policy::Deny, 0);
        let (available_from, backordered, backorderable) = (None, 0, 0);
        Level {
            stock_id,
            product_id,
            location,
            on_hand,
            reserved,
            safety,
            available,
            low_at,
            low,
            policy,
            backorder_max,
            available_from,
            backordered,
            backorderable,
        }
        .counted()
    }

    #[test]
    fn what_can_be_owed_is_beside_what_lies_there() {
        let figures = |on_hand, reserved, safety, policy| {
            let backorder_max = 10;
            let level = level(ProductId::new(), on_hand, reserved);
            let level = Level { safety, policy, backorder_max, ..level }.counted();
            (level.available, level.backorderable, level.backordered)
        };
        assert_eq!(figures(5, 2, 0, Policy::Backorder), (3, 10, 0));
        assert_eq!(figures(5, 2, 4, Policy::Backorder), (0, 9, 0));
        assert_eq!(figures(5, 8, 0, Policy::Preorder), (0, 7, 3));
        assert_eq!(figures(5, 15, 0, Policy::Preorder), (0, 0, 10));
        assert_eq!(figures(5, 8, 0, Policy::Deny), (0, 0, 3));
        assert_eq!(figures(5, 2, 1, Policy::Deny), (2, 0, 0));
    }

    #[test]
    fn every_short_line_is_named_and_no_other() {
        let (enough, short, unknown) = (ProductId::new(), ProductId::new(), ProductId::new());
        let levels = [level(enough, 5, 2), level(short, 4, 3), level(short, 1, 0)];
        let levels: Vec<&Level> = levels.iter().collect();
        let wanted = Wanted::from([(enough, 3), (short, 3), (unknown, 1)]);
        let mut found = shortages(&wanted, &levels);
        found.sort_by_key(|line| line.product_id);
        let line = |product_id, requested, available| Shortage { product_id, requested, available };
        assert_eq!(found, [line(short, 3, 2), line(unknown, 1, 0)]);
    }

    #[test]
    fn limits_that_are_not_allowed_are_named() {
        let field = |safety, low_at, location: Option<&str>| {
            Limits::new(safety, low_at, location.map(str::to_owned)).map_err(|wrong| wrong.field)
        };
        assert_eq!(field(-1, None, None), Err("safety"));
        assert_eq!(field(0, Some(UNITS_MAX + 1), None), Err("low_at"));
        assert_eq!(field(0, None, Some("")), Err("location"));
        assert!(field(UNITS_MAX, Some(0), Some("main")).is_ok());
        assert_eq!(available(5, 2, 2), 1);
        assert_eq!(available(5, 2, 9), 0);
    }
}
