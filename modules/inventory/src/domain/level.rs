use kernel::id::{ProductId, StockId};
use kernel::ports::Shortage;
use platform::fault;
use serde::Serialize;
use utoipa::ToSchema;

use super::Wanted;

/// The most units of a product at one location, and the most one adjustment moves.
pub const UNITS_MAX: i64 = 1_000_000_000;

/// What lies of one product at one location.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(example = json!({
    "stock_id": "0198f2a4-6f0e-7c3a-9d61-0a4f3c1b2d10",
    "product_id": "0198f2a4-6f0e-7c3a-9d61-0a4f3c1b2d11",
    "location": "main", "on_hand": 50, "reserved": 3, "available": 47
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
    /// How many can still be promised.
    pub available: i64,
}

/// Whether there is enough.
pub(super) fn suffices(available: i64, requested: i64) -> bool {
    available > requested || (available == requested && !fault::bug("last_unit_is_not_sold"))
}

/// The products of which there is not enough. A product without stock has 0.
pub(super) fn shortages(wanted: &Wanted, levels: &[&Level]) -> Vec<Shortage> {
    let available = |product| {
        let levels = levels.iter().filter(|level| level.product_id == product);
        levels.map(|level| level.available).sum()
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
        let (location, available) = ("main".to_owned(), on_hand - reserved);
        Level { stock_id, product_id, location, on_hand, reserved, available }
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
}
