//! What of a parcel can leave: only units that lie there.

use std::collections::HashMap;

use kernel::Timestamp;
use kernel::id::{LineId, ProductId};
use kernel::ports::{Covered, StockLine};
use kernel::problem::{Problem, code};
use serde::Serialize;

use super::bundle::{by_product, exploded};
use super::order::Line;
use super::shipment::ShipmentLine;

/// Units of a line that cannot leave yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Uncovered {
    line_id: LineId,
    /// The product, or of a bundle the part of it.
    product_id: ProductId,
    /// How many were to leave with this line.
    requested: i64,
    /// How many can, of all lines that have it.
    available: i64,
    /// When more can, if that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    available_from: Option<Timestamp>,
}

/// Refuses a parcel with units that do not lie there yet or have to wait for their day. `covered` counts
/// what left before too.
pub fn check_covered(
    lines: &[Line],
    packed: &[ShipmentLine],
    covered: &[Covered],
) -> Result<(), Problem> {
    let of = |inside: &ShipmentLine| {
        let line = lines.iter().find(|line| line.id == inside.line_id)?;
        Some((line.id, line.units(inside.quantity)))
    };
    let packed: Vec<_> = packed.iter().filter_map(of).collect();
    let needed = by_product(&exploded(packed.iter().map(|(_, units)| *units)));
    let left_before = by_product(&exploded(lines.iter().map(|line| line.units(line.shipped))));
    let uncovered = |line_id: LineId, unit: StockLine| {
        let of = |units: &HashMap<ProductId, i64>| {
            units.get(&unit.product_id).copied().unwrap_or_default()
        };
        let stock = covered.iter().find(|stock| stock.product_id == unit.product_id)?;
        let available = (stock.units - of(&left_before)).max(0);
        (of(&needed) > available).then_some(Uncovered {
            line_id,
            product_id: unit.product_id,
            requested: unit.quantity,
            available,
            available_from: stock.from,
        })
    };
    let units =
        packed.into_iter().flat_map(|(line, units)| units.in_stock().map(move |it| (line, it)));
    let short: Vec<Uncovered> = units.filter_map(|(line, unit)| uncovered(line, unit)).collect();
    if short.is_empty() {
        return Ok(());
    }
    let detail = "Units of the lines named do not lie there yet, or wait for their day; send what is \
                  available, and the rest later.";
    Err(Problem::new(code::OUT_OF_STOCK, detail).with("lines", short))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_lies_there_can_leave() {
        let product_id = ProductId::new();
        let line = Line { product_id, shipped: 3, ..Line::lamps(10, 0) };
        let packed = |quantity| [ShipmentLine { line_id: line.id, quantity }];
        let covered = |units| [Covered { product_id, units, from: None }];
        let check = |quantity, units| {
            check_covered(std::slice::from_ref(&line), &packed(quantity), &covered(units))
        };
        assert!(check(4, 7).is_ok());
        let refused = check(5, 7).unwrap_err();
        assert_eq!(refused.extra["lines"][0]["available"], 4);
        assert_eq!(check(1, 2).unwrap_err().extra["lines"][0]["available"], 0);
        let nothing_known = check_covered(std::slice::from_ref(&line), &packed(7), &[]);
        assert!(nothing_known.is_ok());
    }
}
