//! Which price a product has: a pure choice among the prices that lists have for it.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use kernel::{Currency, Money, Timestamp};
use serde::Serialize;
use utoipa::ToSchema;

/// A price that a list has for a product from a quantity on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// The code of the list.
    pub list: String,
    /// A list with a higher priority goes before one with a lower.
    pub priority: i64,
    /// The currency of the list.
    pub currency: Currency,
    /// The only market it is for; none is any.
    pub market: Option<String>,
    /// The only customer group it is for; none is any.
    pub group: Option<String>,
    /// When it begins to be valid.
    pub valid_from: Option<Timestamp>,
    /// When it is valid no more.
    pub valid_until: Option<Timestamp>,
    /// The smallest quantity the price is for.
    pub min_quantity: i64,
    /// The price of one unit, in minor units.
    pub amount: i64,
}

/// Where, for whom and for how many units a price is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asked<'a> {
    /// The code of the market.
    pub market: &'a str,
    /// The market's currency.
    pub currency: Currency,
    /// The customer group of who buys.
    pub group: Option<&'a str>,
    /// How many units.
    pub quantity: i64,
    /// When.
    pub now: Timestamp,
}

/// What became of a price that was looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It is the price.
    Chosen,
    /// It is not in the market's currency.
    OtherCurrency,
    /// Its list is for another market.
    NotThisMarket,
    /// Its list is for another customer group.
    NotThisGroup,
    /// Its list is not valid yet.
    NotYetValid,
    /// Its list is valid no more.
    Expired,
    /// It is for larger quantities.
    QuantityTooLow,
    /// The same list has a price for a larger quantity that is reached too.
    SmallerTier,
    /// A list with a higher priority has a price.
    LowerPriority,
    /// A list that is more closely for this group and market has a price.
    LessSpecific,
    /// Another list is cheaper.
    Dearer,
    /// Another list has the same price, and its code comes first.
    LaterCode,
    /// The base price stands behind every list that has a price.
    BehindLists,
}

/// The price of one unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Picked<'c> {
    /// The price.
    pub price: Money,
    /// What it comes from; none is the product's base price.
    pub from: Option<&'c Candidate>,
}

/// Picks the price among those of the lists and the base price behind them. None: the product is
/// not sold there, because nothing has a price in the market's currency.
pub fn pick<'c>(base: Money, candidates: &'c [Candidate], asked: &Asked<'_>) -> Option<Picked<'c>> {
    match best(candidates, asked) {
        Some(best) => {
            let price = Money::from_minor(best.amount, asked.currency);
            Some(Picked { price, from: Some(best) })
        }
        None if base.currency() == asked.currency => Some(Picked { price: base, from: None }),
        None => None,
    }
}

/// What became of each candidate, in their order, and of the base price.
pub fn explain(
    base: Money,
    candidates: &[Candidate],
    asked: &Asked<'_>,
) -> (Vec<Verdict>, Verdict) {
    let best = best(candidates, asked);
    let tiers = top_tiers(candidates, asked);
    let verdict = |candidate: &Candidate| match (refusal(candidate, asked), best) {
        (Some(refusal), _) => refusal,
        (None, Some(best)) if candidate == best => Verdict::Chosen,
        (None, _) if tiers.get(candidate.list.as_str()).is_some_and(|top| *top != candidate) => {
            Verdict::SmallerTier
        }
        (None, best) => best.map_or(Verdict::Chosen, |best| lost(candidate, best)),
    };
    let base = match best {
        _ if base.currency() != asked.currency => Verdict::OtherCurrency,
        Some(_) => Verdict::BehindLists,
        None => Verdict::Chosen,
    };
    (candidates.iter().map(verdict).collect(), base)
}

fn best<'c>(candidates: &'c [Candidate], asked: &Asked<'_>) -> Option<&'c Candidate> {
    top_tiers(candidates, asked).into_values().min_by(|one, other| before(one, other))
}

/// The price of each list for the largest quantity that is reached, by code.
fn top_tiers<'c>(
    candidates: &'c [Candidate],
    asked: &Asked<'_>,
) -> BTreeMap<&'c str, &'c Candidate> {
    let mut tiers: BTreeMap<&str, &Candidate> = BTreeMap::new();
    for candidate in candidates.iter().filter(|one| refusal(one, asked).is_none()) {
        let top = tiers.entry(&candidate.list).or_insert(candidate);
        if candidate.min_quantity > top.min_quantity {
            *top = candidate;
        }
    }
    tiers
}

fn refusal(candidate: &Candidate, asked: &Asked<'_>) -> Option<Verdict> {
    let is_for = |wanted: &Option<String>, is: Option<&str>| {
        wanted.as_deref().is_none_or(|wanted| is == Some(wanted))
    };
    if candidate.currency != asked.currency {
        Some(Verdict::OtherCurrency)
    } else if !is_for(&candidate.market, Some(asked.market)) {
        Some(Verdict::NotThisMarket)
    } else if !is_for(&candidate.group, asked.group) {
        Some(Verdict::NotThisGroup)
    } else if candidate.valid_from.is_some_and(|from| asked.now < from) {
        Some(Verdict::NotYetValid)
    } else if candidate.valid_until.is_some_and(|until| asked.now >= until) {
        Some(Verdict::Expired)
    } else if asked.quantity < candidate.min_quantity {
        Some(Verdict::QuantityTooLow)
    } else {
        None
    }
}

/// A group says more than a market.
fn specificity(candidate: &Candidate) -> u8 {
    2 * u8::from(candidate.group.is_some()) + u8::from(candidate.market.is_some())
}

/// Whether one of two lists goes before the other.
fn before(one: &Candidate, other: &Candidate) -> Ordering {
    other
        .priority
        .cmp(&one.priority)
        .then_with(|| specificity(other).cmp(&specificity(one)))
        .then_with(|| one.amount.cmp(&other.amount))
        .then_with(|| one.list.cmp(&other.list))
}

fn lost(candidate: &Candidate, best: &Candidate) -> Verdict {
    if candidate.priority < best.priority {
        Verdict::LowerPriority
    } else if specificity(candidate) < specificity(best) {
        Verdict::LessSpecific
    } else if candidate.amount > best.amount {
        Verdict::Dearer
    } else {
        Verdict::LaterCode
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use proptest::prelude::*;

    use super::*;

    fn at(second: i64) -> Timestamp {
        DateTime::from_timestamp(1_800_000_000 + second, 0).unwrap()
    }

    fn currency() -> impl Strategy<Value = Currency> {
        prop_oneof![4 => Just(Currency::EUR), 1 => Just(Currency::USD)]
    }

    /// At most a few values of everything, so that candidates meet.
    fn candidate() -> impl Strategy<Value = Candidate> {
        let few = |words: [&'static str; 2]| {
            prop::option::of(prop::sample::select(words.to_vec()).prop_map(str::to_owned))
        };
        let times = (prop::option::of(0_i64..4), prop::option::of(0_i64..4));
        // What belongs to the list is the same in all of its prices.
        (
            (0_usize..6, 1_i64..5, 0_i64..4),
            -1_i64..2,
            currency(),
            few(["de", "ch"]),
            few(["trade", "staff"]),
            times,
        )
            .prop_map(
                |((list, min_quantity, amount), priority, currency, market, group, times)| {
                    Candidate {
                        list: format!("list-{list}"),
                        priority,
                        currency,
                        market,
                        group,
                        valid_from: times.0.map(at),
                        valid_until: times.1.map(at),
                        min_quantity,
                        amount,
                    }
                },
            )
    }

    fn candidates() -> impl Strategy<Value = Vec<Candidate>> {
        prop::collection::vec(candidate(), 0..12).prop_map(|mut all| {
            let mut lists: BTreeMap<String, Candidate> = BTreeMap::new();
            for one in &mut all {
                let Candidate { list, min_quantity, amount, .. } = one.clone();
                let first = lists.entry(list).or_insert_with(|| one.clone());
                *one = Candidate { min_quantity, amount, ..first.clone() };
            }
            let mut seen = std::collections::BTreeSet::new();
            all.retain(|one| seen.insert((one.list.clone(), one.min_quantity)));
            all
        })
    }

    fn asked(quantity: i64, group: Option<&'static str>, second: i64) -> Asked<'static> {
        Asked { market: "de", currency: Currency::EUR, group, quantity, now: at(second) }
    }

    /// Everything in one sort, written down as the rules are told.
    fn oracle(base: Money, candidates: &[Candidate], asked: &Asked<'_>) -> Option<(i64, String)> {
        let mut all: Vec<&Candidate> = Vec::new();
        for one in candidates {
            let market = one.market.is_none() || one.market.as_deref() == Some(asked.market);
            let group = one.group.is_none() || one.group.as_deref() == asked.group;
            let begun = one.valid_from.is_none() || one.valid_from <= Some(asked.now);
            let over = one.valid_until.is_some() && one.valid_until <= Some(asked.now);
            let enough = asked.quantity >= one.min_quantity;
            if one.currency == asked.currency && market && group && begun && !over && enough {
                all.push(one);
            }
        }
        let largest = |list: &str| {
            all.iter().filter(|one| one.list == list).map(|one| one.min_quantity).max()
        };
        let mut tops: Vec<&Candidate> = all
            .iter()
            .copied()
            .filter(|one| largest(&one.list) == Some(one.min_quantity))
            .collect();
        tops.sort_by_key(|one| {
            let closeness = match (&one.group, &one.market) {
                (Some(_), Some(_)) => 0,
                (Some(_), None) => 1,
                (None, Some(_)) => 2,
                (None, None) => 3,
            };
            (-one.priority, closeness, one.amount, one.list.clone())
        });
        match tops.first() {
            Some(first) => Some((first.amount, first.list.clone())),
            None if base.currency() == asked.currency => Some((base.minor(), String::new())),
            None => None,
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn the_price_is_the_one_a_plain_sort_finds(
            candidates in candidates(), base in (currency(), 0_i64..4), quantity in 1_i64..6,
            group in prop::option::of(prop::sample::select(vec!["trade", "staff"])),
            second in 0_i64..4,
        ) {
            let (base, asked) = (Money::from_minor(base.1, base.0), asked(quantity, group, second));
            let picked = pick(base, &candidates, &asked).map(|picked| {
                let list = picked.from.map(|from| from.list.clone()).unwrap_or_default();
                (picked.price.minor(), list)
            });
            prop_assert_eq!(picked, oracle(base, &candidates, &asked));
        }

        #[test]
        fn the_explanation_chooses_exactly_what_is_picked(
            candidates in candidates(), base in (currency(), 0_i64..4), quantity in 1_i64..6,
            second in 0_i64..4,
        ) {
            let asked = asked(quantity, Some("trade"), second);
            let base = Money::from_minor(base.1, base.0);
            let (verdicts, of_base) = explain(base, &candidates, &asked);
            prop_assert_eq!(verdicts.len(), candidates.len());
            let chosen: Vec<&Candidate> = candidates.iter().zip(&verdicts)
                .filter(|(_, verdict)| **verdict == Verdict::Chosen).map(|(one, _)| one).collect();
            match pick(base, &candidates, &asked) {
                Some(Picked { from: Some(from), .. }) => {
                    prop_assert_eq!(chosen, vec![from]);
                    prop_assert_ne!(of_base, Verdict::Chosen);
                }
                Some(_) => prop_assert!(chosen.is_empty() && of_base == Verdict::Chosen),
                None => prop_assert!(chosen.is_empty() && of_base == Verdict::OtherCurrency),
            }
        }

        #[test]
        fn the_order_of_the_candidates_does_not_matter(
            mut candidates in candidates(), quantity in 1_i64..6,
        ) {
            let (base, asked) = (Money::from_minor(3, Currency::EUR), asked(quantity, None, 2));
            let price = pick(base, &candidates, &asked).map(|picked| picked.price);
            candidates.reverse();
            prop_assert_eq!(pick(base, &candidates, &asked).map(|picked| picked.price), price);
        }
    }

    #[test]
    fn every_loser_is_told_why() {
        let plain = Candidate {
            list: "b".to_owned(),
            priority: 0,
            currency: Currency::EUR,
            market: None,
            group: None,
            valid_from: None,
            valid_until: None,
            min_quantity: 1,
            amount: 10,
        };
        let with = |change: fn(&mut Candidate)| {
            let mut one = plain.clone();
            change(&mut one);
            one
        };
        let told = [
            (plain.clone(), Verdict::SmallerTier),
            (with(|one| one.min_quantity = 2), Verdict::Chosen),
            (with(|one| one.min_quantity = 9), Verdict::QuantityTooLow),
            (with(|one| one.list = "c".to_owned()), Verdict::LaterCode),
            (with(|one| (one.list, one.amount) = ("d".to_owned(), 11)), Verdict::Dearer),
            (with(|one| (one.list, one.priority) = ("e".to_owned(), -1)), Verdict::LowerPriority),
            (
                with(|one| (one.list, one.market) = ("f".to_owned(), Some("ch".to_owned()))),
                Verdict::NotThisMarket,
            ),
            (
                with(|one| (one.list, one.group) = ("g".to_owned(), Some("trade".to_owned()))),
                Verdict::NotThisGroup,
            ),
            (
                with(|one| (one.list, one.valid_from) = ("h".to_owned(), Some(at(3)))),
                Verdict::NotYetValid,
            ),
            (
                with(|one| (one.list, one.valid_until) = ("i".to_owned(), Some(at(2)))),
                Verdict::Expired,
            ),
            (
                with(|one| (one.list, one.currency) = ("j".to_owned(), Currency::USD)),
                Verdict::OtherCurrency,
            ),
        ];
        let (candidates, expected): (Vec<_>, Vec<_>) = told.into_iter().unzip();
        let (base, now) = (Money::from_minor(20, Currency::EUR), asked(2, None, 2));
        assert_eq!(explain(base, &candidates, &now), (expected, Verdict::BehindLists));
        let close = with(|one| (one.list, one.market) = ("a".to_owned(), Some("de".to_owned())));
        let (verdicts, _) = explain(base, &[plain, close], &now);
        assert_eq!(verdicts, [Verdict::LessSpecific, Verdict::Chosen]);
    }
}
