//! Which locations an order is promised its units from.

use std::collections::BTreeMap;

use kernel::id::{ProductId, StockId};
use kernel::ports::{Destination, Shortage};
use serde::Deserialize;

use super::level::{shortages, suffices};
use super::{Level, Line, Wanted};

/// How the locations of an order are chosen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Allocation {
    /// The whole order from one location: the first by priority that has all of it.
    Priority,
    /// The whole order from one location: the nearest to its address that has all of it.
    Nearest,
    /// From the nearest location that has all of it; else from several, as few as can be found by
    /// asking first who has the most. What all locations have together can then be bought.
    #[default]
    Split,
}

/// What lies of one product at a location that serves orders, and where that is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Shelf {
    pub level: Level,
    pub priority: i64,
    pub country: Option<String>,
    pub postal_code: Option<String>,
}

/// Nearer, then of lower priority, then by code.
type Rank<'a> = (usize, i64, &'a str);

/// How much of a stock is to be had.
type Has = fn(&Level) -> i64;

const ON_HAND: Has = |level| level.available;
const LATER: Has = |level| level.backorderable;
const IN_ALL: Has = Level::promisable;

/// All units of an order, or the products that are short; the same answer for the same shelves, in
/// whatever order they are named. Where one location is to have all of an order, the shortages are
/// of the one that lacks the fewest units. What lies somewhere comes before what is still to come.
pub(crate) fn allocate(
    wanted: &Wanted,
    shelves: &[Shelf],
    allocation: Allocation,
    to: Option<&Destination>,
) -> Result<Vec<Line>, Vec<Shortage>> {
    let mut sites: BTreeMap<Rank<'_>, Vec<&Level>> = BTreeMap::new();
    for shelf in shelves {
        let distance = match allocation {
            Allocation::Priority => 0,
            Allocation::Nearest | Allocation::Split => distance(shelf, to),
        };
        let rank = (distance, shelf.priority, shelf.level.location.as_str());
        sites.entry(rank).or_default().push(&shelf.level);
    }
    let sites: Vec<Vec<&Level>> = sites.into_values().collect();
    let has_all = |has: Has, site: &Vec<&Level>| {
        wanted.iter().all(|(product, units)| suffices(had(site, *product, has), *units))
    };
    if let Some(site) = sites.iter().find(|site| has_all(ON_HAND, site)) {
        return Ok(taken(wanted, site, ON_HAND));
    }
    if allocation == Allocation::Split {
        let all: Vec<&Level> = shelves.iter().map(|shelf| &shelf.level).collect();
        let short = shortages(wanted, &all);
        return if short.is_empty() { Ok(divided(wanted, &sites)) } else { Err(short) };
    }
    let with_all = sites.iter().filter(|site| has_all(IN_ALL, site));
    if let Some(site) = with_all.min_by_key(|site| -units(&taken(wanted, site, ON_HAND))) {
        return Ok(taken(wanted, site, IN_ALL));
    }
    let best = first_best(&sites, wanted, IN_ALL);
    Err(shortages(wanted, best.map_or(&[], |best| &sites[best])))
}

/// How far a location is, in steps: the more characters of the postal code are the same, the
/// nearer; a location in another country or without one is farther than any.
fn distance(shelf: &Shelf, to: Option<&Destination>) -> usize {
    const ABROAD: usize = usize::MAX;
    let Some(to) = to.filter(|to| shelf.country.as_ref() == Some(&to.country)) else {
        return ABROAD;
    };
    let plain = |code: &Option<String>| -> Vec<char> {
        let code = code.as_deref().unwrap_or_default().chars();
        code.filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_uppercase()).collect()
    };
    let (here, there) = (plain(&shelf.postal_code), plain(&to.postal_code));
    let shared = here.iter().zip(&there).take_while(|(a, b)| a == b).count();
    there.len() - shared
}

fn had(site: &[&Level], product: ProductId, has: Has) -> i64 {
    site.iter().filter(|level| level.product_id == product).map(|level| has(level)).sum()
}

/// What of the wanted units a location has, as lines of its stock.
fn taken(wanted: &Wanted, site: &[&Level], has: Has) -> Vec<Line> {
    let line = |level: &&Level| {
        let quantity = has(level).min(*wanted.get(&level.product_id)?);
        let (stock_id, product_id) = (level.stock_id, level.product_id);
        (quantity > 0).then_some(Line { stock_id, product_id, quantity })
    };
    site.iter().filter_map(line).collect()
}

fn units(lines: &[Line]) -> i64 {
    lines.iter().map(|line| line.quantity).sum()
}

/// The location that has the most of the wanted units, the first of those that have as many.
fn first_best(sites: &[Vec<&Level>], wanted: &Wanted, has: Has) -> Option<usize> {
    let mut best: Option<(i64, usize)> = None;
    for (n, site) in sites.iter().enumerate() {
        let found = units(&taken(wanted, site, has));
        if best.is_none_or(|(most, _)| found > most) {
            best = Some((found, n));
        }
    }
    best.map(|(_, n)| n)
}

/// Units of several locations, which together have all of them: first what lies there, then what is
/// still to come.
fn divided(wanted: &Wanted, sites: &[Vec<&Level>]) -> Vec<Line> {
    let mut left = wanted.clone();
    let mut lines: BTreeMap<StockId, Line> = BTreeMap::new();
    for has in [ON_HAND, LATER] {
        let mut sites = sites.to_vec();
        while let Some(best) = first_best(&sites, &left, has) {
            for line in taken(&left, &sites.remove(best), has) {
                left.entry(line.product_id).and_modify(|units| *units -= line.quantity);
                let none = Line { quantity: 0, ..line };
                lines.entry(line.stock_id).or_insert(none).quantity += line.quantity;
            }
        }
    }
    lines.into_values().collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::Policy;

    const ALLOCATIONS: [Allocation; 3] =
        [Allocation::Priority, Allocation::Nearest, Allocation::Split];

    fn shelf(product_id: ProductId, code: &str, available: i64) -> Shelf {
        let level = Level {
            stock_id: StockId::new(),
            product_id,
            location: code.to_owned(),
            on_hand: available,
            reserved: 0,
            safety: 0,
            available,
            low_at: None,
            low: false,
            policy: Policy::Deny,
            backorder_max: 0,
            available_from: None,
            backordered: 0,
            backorderable: 0,
        };
        Shelf { level, priority: 0, country: None, postal_code: None }
    }

    fn at(mut shelf: Shelf, priority: i64, postal_code: &str) -> Shelf {
        (shelf.priority, shelf.country) = (priority, Some("DE".to_owned()));
        shelf.postal_code = Some(postal_code.to_owned());
        shelf
    }

    fn berlin() -> Destination {
        Destination { country: "DE".to_owned(), postal_code: Some("10 117".to_owned()) }
    }

    /// From where units come, with how many.
    fn places(shelves: &[Shelf], lines: &[Line]) -> Vec<(String, i64)> {
        let of = |line: &Line| {
            let shelf = shelves.iter().find(|it| it.level.stock_id == line.stock_id).unwrap();
            (shelf.level.location.clone(), line.quantity)
        };
        lines.iter().map(of).collect()
    }

    #[test]
    fn a_strategy_chooses_the_location_it_is_named_after() {
        let lamp = ProductId::new();
        let shelves = [
            at(shelf(lamp, "munich", 9), 1, "80331"),
            at(shelf(lamp, "berlin", 3), 9, "10115"),
            at(shelf(lamp, "potsdam", 5), 5, "14467"),
            shelf(lamp, "unknown", 99),
        ];
        let from = |units, allocation, to: Option<&Destination>| {
            let lines = allocate(&Wanted::from([(lamp, units)]), &shelves, allocation, to).unwrap();
            places(&shelves, &lines).first().unwrap().0.clone()
        };
        let berlin = berlin();
        assert_eq!(from(2, Allocation::Priority, Some(&berlin)), "unknown");
        assert_eq!(from(2, Allocation::Nearest, Some(&berlin)), "berlin");
        assert_eq!(from(4, Allocation::Nearest, Some(&berlin)), "potsdam");
        assert_eq!(from(6, Allocation::Split, Some(&berlin)), "munich");
        assert_eq!(from(2, Allocation::Nearest, None), "unknown");
    }

    #[test]
    fn only_split_takes_an_order_from_several_locations() {
        let (lamp, desk) = (ProductId::new(), ProductId::new());
        let shelves = [shelf(lamp, "a", 2), shelf(desk, "b", 1), shelf(lamp, "b", 3)];
        let wanted = Wanted::from([(lamp, 5), (desk, 1)]);
        let lines = allocate(&wanted, &shelves, Allocation::Split, None).unwrap();
        let mut found = places(&shelves, &lines);
        found.sort();
        assert_eq!(found, [("a".to_owned(), 2), ("b".to_owned(), 1), ("b".to_owned(), 3)]);
        let short = allocate(&wanted, &shelves, Allocation::Priority, None).unwrap_err();
        assert_eq!(short, [Shortage { product_id: lamp, requested: 5, available: 3 }]);
        let nowhere = allocate(&wanted, &[], Allocation::Nearest, None).unwrap_err();
        assert_eq!(nowhere.len(), 2);
    }

    #[test]
    fn what_lies_somewhere_comes_before_what_is_still_to_come() {
        let lamp = ProductId::new();
        let owing = |code, available, backorderable| {
            let mut shelf = shelf(lamp, code, available);
            shelf.level.backorderable = backorderable;
            shelf
        };
        let shelves = [owing("a", 1, 9), owing("b", 3, 9), owing("c", 2, 0)];
        let from = |units, allocation| {
            let lines = allocate(&Wanted::from([(lamp, units)]), &shelves, allocation, None);
            let mut found = places(&shelves, &lines.unwrap());
            found.sort();
            found
        };
        let places = |of: &[(&str, i64)]| -> Vec<(String, i64)> {
            of.iter().map(|(code, units)| ((*code).to_owned(), *units)).collect()
        };
        assert_eq!(from(3, Allocation::Priority), places(&[("b", 3)]));
        assert_eq!(from(4, Allocation::Priority), places(&[("b", 4)]));
        assert_eq!(from(6, Allocation::Split), places(&[("a", 1), ("b", 3), ("c", 2)]));
        assert_eq!(from(9, Allocation::Split), places(&[("a", 4), ("b", 3), ("c", 2)]));
        let short = |allocation| {
            let wanted = Wanted::from([(lamp, 25)]);
            allocate(&wanted, &shelves, allocation, None).unwrap_err()[0].available
        };
        assert_eq!([short(Allocation::Nearest), short(Allocation::Split)], [12, 24]);
    }

    proptest! {
        #[test]
        fn an_order_is_allocated_whole_or_not_at_all(
            stock in prop::collection::vec((0..3_usize, 0..4_usize, 0..6_i64, -2..3_i64, 0..4_usize), 0..12),
            asked in prop::collection::vec((0..3_usize, 1..8_i64), 1..4),
            reversed in any::<bool>(),
        ) {
            let products: Vec<ProductId> = (0..3).map(|_| ProductId::new()).collect();
            let mut shelves: Vec<Shelf> = Vec::new();
            for (product, site, units, priority, near) in stock {
                let (code, postal_code) = (["a", "b", "c", "d"][site], ["1", "10", "101", "2"][near]);
                // A location has one place and one stock of a product.
                let seen = shelves.iter().find(|it| it.level.location == code).cloned();
                let mut new = at(shelf(products[product], code, units), priority, postal_code);
                if let Some(seen) = seen {
                    (new.priority, new.postal_code) = (seen.priority, seen.postal_code);
                }
                let is_new = |it: &Shelf| {
                    it.level.location != code || it.level.product_id != products[product]
                };
                if shelves.iter().all(is_new) {
                    shelves.push(new);
                }
            }
            let mut wanted = Wanted::new();
            for (product, units) in asked {
                wanted.insert(products[product], units);
            }
            let total = |product| -> i64 {
                let of = shelves.iter().filter(|it| it.level.product_id == product);
                of.map(|it| it.level.available).sum()
            };
            for allocation in ALLOCATIONS {
                let outcome = allocate(&wanted, &shelves, allocation, Some(&berlin()));
                let mut other = shelves.clone();
                if reversed { other.reverse() } else { other.sort_by_key(|it| it.level.on_hand) }
                let again = allocate(&wanted, &other, allocation, Some(&berlin()));
                match outcome {
                    Ok(lines) => {
                        let mut got = Wanted::new();
                        for line in &lines {
                            *got.entry(line.product_id).or_default() += line.quantity;
                            let shelf =
                                shelves.iter().find(|it| it.level.stock_id == line.stock_id).unwrap();
                            prop_assert!((1..=shelf.level.available).contains(&line.quantity));
                        }
                        prop_assert_eq!(&got, &wanted);
                        let mut from = places(&shelves, &lines);
                        from.sort();
                        let mut same = places(&shelves, &again.unwrap());
                        same.sort();
                        prop_assert_eq!(&from, &same);
                        from.dedup_by(|a, b| a.0 == b.0);
                        prop_assert!(allocation == Allocation::Split || from.len() == 1);
                    }
                    Err(short) => {
                        prop_assert_eq!(&short, &again.unwrap_err());
                        prop_assert!(!short.is_empty());
                        prop_assert!(short.iter().all(|it| it.available < it.requested));
                        let enough = wanted.iter().all(|(product, units)| total(*product) >= *units);
                        prop_assert!(allocation != Allocation::Split || !enough);
                    }
                }
            }
        }
    }
}
