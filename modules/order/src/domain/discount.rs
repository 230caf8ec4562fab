//! What promotions take off a cart: a pure function of the lines, the shipping, the promotions and
//! the time.
//!
//! Of one class at most one promotion applies, the one that takes off most. Classes follow one
//! another, those of the lowest priority first, each on what is left. Thresholds look at the lines
//! as they were before anything was taken off.

use std::collections::BTreeMap;

use kernel::id::ProductId;
use kernel::{Currency, Money, Timestamp};

use super::promotion::{Kind, Promotion, Reason, Told};
use super::spread::{part, share, spread};

/// A line, as promotions see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// The product; no two lines have the same.
    pub product_id: ProductId,
    /// The category of the product and those above it.
    pub categories: Vec<String>,
    /// How many units.
    pub quantity: i64,
    /// The price of all of them, in minor units.
    pub total_minor: i64,
}

/// What promotions made of a cart, in minor units.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applied {
    /// What is taken off each line, in the order of the lines.
    pub lines: Vec<i64>,
    /// What is taken off the shipping.
    pub shipping: i64,
    /// What became of each promotion, by code.
    pub told: Vec<Told>,
}

/// What is to be bought, by whom and when.
pub struct Cart<'a> {
    /// The currency of all sums.
    pub currency: Currency,
    /// The lines.
    pub items: &'a [Item],
    /// The price of the shipping, in minor units.
    pub shipping_minor: i64,
    /// How often the customer used each promotion, by its code.
    pub used: &'a BTreeMap<String, i64>,
    /// The customer group of who buys.
    pub group: Option<&'a str>,
    /// The time.
    pub now: Timestamp,
}

/// An amount for each line and one for the shipping: what is left of them, or is taken off.
struct Amounts {
    lines: Vec<i64>,
    shipping: i64,
}

impl Amounts {
    fn sum(&self) -> i64 {
        self.lines.iter().sum::<i64>() + self.shipping
    }
}

/// Applies promotions, of which no two have the same code.
pub fn apply(cart: &Cart<'_>, promotions: &[Promotion]) -> Applied {
    let lines: Vec<i64> = cart.items.iter().map(|item| item.total_minor).collect();
    let mut left = Amounts { lines, shipping: cart.shipping_minor };
    let mut outcomes: BTreeMap<&str, Result<i64, Reason>> = BTreeMap::new();
    let mut classes: BTreeMap<&str, Vec<&Promotion>> = BTreeMap::new();
    for promotion in promotions {
        match refusal(cart, promotion) {
            Some(reason) => drop(outcomes.insert(&promotion.code, Err(reason))),
            None => classes.entry(&promotion.class).or_default().push(promotion),
        }
    }
    let mut classes: Vec<Vec<&Promotion>> = classes.into_values().collect();
    // By name they are already, and a stable sort keeps that among equals.
    classes.sort_by_key(|class| class.iter().map(|promotion| promotion.priority).min());
    for class in classes {
        let mut best: Option<(&Promotion, Amounts)> = None;
        for promotion in in_turn(class) {
            let cut = cut(cart, promotion, &left);
            let amount = cut.sum();
            let least = best.as_ref().map_or(0, |(_, best)| best.sum());
            let outcome = if amount == 0 {
                Err(Reason::NothingToTakeOff)
            } else if amount > promotion.budget_minor - promotion.spent_minor {
                Err(Reason::BudgetUsedUp)
            } else if amount > least {
                if let Some((beaten, _)) = best.replace((promotion, cut)) {
                    outcomes.insert(&beaten.code, Err(Reason::OtherIsBetter));
                }
                Ok(amount)
            } else {
                Err(Reason::OtherIsBetter)
            };
            outcomes.insert(&promotion.code, outcome);
        }
        if let Some((_, cut)) = best {
            left.shipping -= cut.shipping;
            left.lines.iter_mut().zip(cut.lines).for_each(|(left, cut)| *left -= cut);
        }
    }
    let told = |promotion: &Promotion, outcome: Result<i64, Reason>| Told {
        code: promotion.code.clone(),
        name: promotion.name.clone(),
        applied: outcome.is_ok(),
        amount: Money::from_minor(outcome.unwrap_or(0), cart.currency),
        reason: outcome.err(),
        detail: outcome.err().map(|reason| reason.detail().to_owned()),
    };
    let of = |code: &str| promotions.iter().find(|promotion| promotion.code == code);
    Applied {
        lines: cart.items.iter().zip(&left.lines).map(|(it, left)| it.total_minor - left).collect(),
        shipping: cart.shipping_minor - left.shipping,
        told: outcomes
            .into_iter()
            .filter_map(|(code, outcome)| of(code).map(|promotion| told(promotion, outcome)))
            .collect(),
    }
}

/// The first of those that take off equally much wins.
fn in_turn(mut class: Vec<&Promotion>) -> Vec<&Promotion> {
    class.sort_by(|a, b| (a.priority, &a.code).cmp(&(b.priority, &b.code)));
    class
}

/// Why a promotion cannot apply, whatever the others do.
fn refusal(cart: &Cart<'_>, promotion: &Promotion) -> Option<Reason> {
    let used = cart.used.get(&promotion.code).copied().unwrap_or(0);
    let of_others = |group: &str| cart.group != Some(group);
    let matching = || cart.items.iter().filter(|item| promotion.scope.holds(item));
    let worth: i128 = matching().map(|item| i128::from(item.total_minor)).sum();
    let units: i64 = matching().map(|item| item.quantity).sum();
    let reasons = [
        (!promotion.active, Reason::Inactive),
        (promotion.customer_group.as_deref().is_some_and(of_others), Reason::NotYourGroup),
        (promotion.valid_from.is_some_and(|from| cart.now < from), Reason::NotYet),
        (promotion.valid_until.is_some_and(|until| cart.now >= until), Reason::Expired),
        (promotion.uses >= promotion.uses_max, Reason::UsedUp),
        (promotion.per_customer_max.is_some_and(|max| used >= max), Reason::UsedByYou),
        (promotion.spent_minor >= promotion.budget_minor, Reason::BudgetUsedUp),
        (promotion.currency.is_some_and(|it| it != cart.currency), Reason::Currency),
        (units == 0, Reason::NoMatchingLines),
        (worth < i128::from(promotion.min_items_minor), Reason::ThresholdNotMet),
        (units < promotion.min_quantity, Reason::ThresholdNotMet),
        (units < needed(promotion.kind), Reason::ThresholdNotMet),
    ];
    reasons.into_iter().find(|(holds, _)| *holds).map(|(_, reason)| reason)
}

const fn needed(kind: Kind) -> i64 {
    match kind {
        Kind::BuyXGetY { buy, get } => buy + get,
        _ => 0,
    }
}

/// What a promotion takes off what is left.
fn cut(cart: &Cart<'_>, promotion: &Promotion, left: &Amounts) -> Amounts {
    let none = vec![0; left.lines.len()];
    let matching = |n: usize| promotion.scope.holds(&cart.items[n]);
    let all = || left.lines.iter().enumerate().map(|(n, left)| if matching(n) { *left } else { 0 });
    let bases: Vec<i64> = match promotion.kind {
        Kind::FreeShipping => {
            return Amounts { lines: none, shipping: share(left.shipping, promotion.percent_bp) };
        }
        Kind::Percentage | Kind::Fixed(_) => all().collect(),
        Kind::BuyXGetY { buy, get } => {
            let left: Vec<i64> = all().collect();
            cheapest(cart.items, &left, matching, buy, get)
        }
    };
    let base: i64 = bases.iter().sum();
    let amount = match promotion.kind {
        Kind::Fixed(amount) => amount.min(base),
        _ => share(base, promotion.percent_bp),
    };
    let ids: Vec<_> = cart.items.iter().map(|item| item.product_id.uuid()).collect();
    Amounts { lines: spread(amount, &bases, &ids), shipping: 0 }
}

/// What is left of the units that buying the others makes cheaper: of all the units that match,
/// the cheapest.
fn cheapest(
    items: &[Item],
    left: &[i64],
    matching: impl Fn(usize) -> bool,
    buy: i64,
    get: i64,
) -> Vec<i64> {
    let mut order: Vec<usize> = (0..items.len()).filter(|n| matching(*n)).collect();
    order.sort_by_key(|n| (left[*n] / items[*n].quantity, items[*n].product_id.uuid()));
    let units: i64 = order.iter().map(|n| items[*n].quantity).sum();
    let mut cheaper = units / (buy + get) * get;
    let mut bases = vec![0; items.len()];
    for n in order {
        let taken = cheaper.min(items[n].quantity);
        bases[n] = part(left[n], taken, items[n].quantity);
        cheaper -= taken;
    }
    bases
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use proptest::prelude::*;

    use super::super::promotion::{NO_BUDGET, Scope, Targets};
    use super::super::spread::WHOLE_BP;
    use super::*;

    fn now() -> Timestamp {
        "2026-11-22T12:00:00Z".parse().unwrap()
    }

    fn promotion(code: &str, kind: Kind, percent_bp: i64) -> Promotion {
        Promotion {
            code: code.to_owned(),
            name: code.to_owned(),
            automatic: true,
            kind,
            percent_bp,
            currency: None,
            min_items_minor: 0,
            min_quantity: 0,
            scope: Scope::default(),
            class: code.to_owned(),
            priority: 0,
            valid_from: None,
            valid_until: None,
            uses: 0,
            uses_max: 10,
            per_customer_max: None,
            spent_minor: 0,
            budget_minor: NO_BUDGET,
            active: true,
            customer_group: None,
        }
    }

    fn item(quantity: i64, unit: i64) -> Item {
        let categories = vec!["Home".to_owned(), "Home > Lighting".to_owned()];
        Item { product_id: ProductId::new(), categories, quantity, total_minor: quantity * unit }
    }

    fn applied(items: &[Item], shipping_minor: i64, promotions: &[Promotion]) -> Applied {
        let used = BTreeMap::from([("OFTEN".to_owned(), 2)]);
        let currency = Currency::EUR;
        let group = Some("trade");
        apply(&Cart { currency, items, shipping_minor, used: &used, group, now: now() }, promotions)
    }

    fn reason(items: &[Item], promotion: Promotion) -> Option<Reason> {
        let applied = applied(items, 500, &[promotion]);
        assert_eq!(applied.told[0].applied, applied.told[0].reason.is_none());
        applied.told[0].reason
    }

    #[test]
    fn each_kind_takes_off_what_it_says() {
        let items = [item(3, 1000), item(2, 250)];
        let of = |kind, bp| applied(&items, 500, &[promotion("A", kind, bp)]);
        assert_eq!(of(Kind::Percentage, 1000).lines, [300, 50]);
        assert_eq!(of(Kind::Fixed(700), WHOLE_BP).lines, [600, 100]);
        assert_eq!(of(Kind::Fixed(9_999), WHOLE_BP).lines, [3000, 500]);
        let free = of(Kind::FreeShipping, WHOLE_BP);
        assert_eq!((free.lines, free.shipping), (vec![0, 0], 500));
        assert_eq!(free.told[0].amount.minor(), 500);
        // Of five units one of each three is free: the cheapest.
        assert_eq!(of(Kind::BuyXGetY { buy: 2, get: 1 }, WHOLE_BP).lines, [0, 250]);
        // Of five units two are at half the price.
        assert_eq!(of(Kind::BuyXGetY { buy: 3, get: 2 }, 5000).lines, [0, 250]);
    }

    #[test]
    fn a_promotion_that_does_not_apply_says_why() {
        let items = [item(3, 1000)];
        let plain = || promotion("A", Kind::Percentage, 1000);
        let hour = TimeDelta::hours(1);
        assert_eq!(reason(&items, plain()), None);
        let off = Promotion { active: false, ..plain() };
        assert_eq!(reason(&items, off), Some(Reason::Inactive));
        let of_group = |group: &str| Promotion { customer_group: Some(group.into()), ..plain() };
        assert_eq!(reason(&items, of_group("staff")), Some(Reason::NotYourGroup));
        assert_eq!(reason(&items, of_group("trade")), None);
        let late = Promotion { valid_from: Some(now() + hour), ..plain() };
        assert_eq!(reason(&items, late), Some(Reason::NotYet));
        let over = Promotion { valid_until: Some(now()), ..plain() };
        assert_eq!(reason(&items, over), Some(Reason::Expired));
        assert_eq!(reason(&items, Promotion { uses: 10, ..plain() }), Some(Reason::UsedUp));
        let often = promotion("OFTEN", Kind::Percentage, 1000);
        let often = Promotion { per_customer_max: Some(2), ..often };
        assert_eq!(reason(&items, often), Some(Reason::UsedByYou));
        let budget = |budget_minor| Promotion { spent_minor: 100, budget_minor, ..plain() };
        assert_eq!(reason(&items, budget(399)), Some(Reason::BudgetUsedUp));
        assert_eq!(reason(&items, budget(400)), None);
        let dollars = Promotion { currency: Some(Currency::USD), ..plain() };
        assert_eq!(reason(&items, dollars), Some(Reason::Currency));
        let worth = |min_items_minor| Promotion { min_items_minor, ..plain() };
        assert_eq!(reason(&items, worth(3001)), Some(Reason::ThresholdNotMet));
        assert_eq!(reason(&items, worth(3000)), None);
        let units = |min_quantity| Promotion { min_quantity, ..plain() };
        assert_eq!(reason(&items, units(4)), Some(Reason::ThresholdNotMet));
        assert_eq!(reason(&items, units(3)), None);
        let nothing = [item(1, 0)];
        assert_eq!(reason(&nothing, plain()), Some(Reason::NothingToTakeOff));
    }

    #[test]
    fn lines_are_chosen_by_product_and_by_category() {
        let items = [item(1, 1000), Item { categories: vec![], ..item(1, 1000) }];
        let off = |include: Targets, exclude: Targets| {
            let scope = Scope { include, exclude };
            applied(&items, 0, &[Promotion { scope, ..promotion("A", Kind::Percentage, 1000) }])
        };
        let home = || Targets { products: vec![], categories: vec!["Home".to_owned()] };
        let second = || Targets { products: vec![items[1].product_id], categories: vec![] };
        assert_eq!(off(home(), Targets::default()).lines, [100, 0]);
        assert_eq!(off(Targets::default(), home()).lines, [0, 100]);
        assert_eq!(off(second(), Targets::default()).lines, [0, 100]);
        let none = off(second(), second());
        assert_eq!(none.told[0].reason, Some(Reason::NoMatchingLines));
    }

    #[test]
    fn the_best_of_a_class_applies_and_classes_follow_one_another() {
        let of = |code, class: &str, priority, bp| {
            let class = class.to_owned();
            Promotion { class, priority, ..promotion(code, Kind::Percentage, bp) }
        };
        let all = [
            of("LATE", "second", 5, 5000),
            of("A", "first", 1, 1000),
            of("B", "first", 2, 2000),
            of("C", "first", 2, 2000),
        ];
        let done = applied(&[item(1, 1000)], 0, &all);
        // B takes 200 of 1000, LATE half of the 800 that are left.
        assert_eq!(done.lines, [600]);
        let told: Vec<_> = done.told.iter().map(|it| (it.code.as_str(), it.reason)).collect();
        let beaten = Some(Reason::OtherIsBetter);
        assert_eq!(told, [("A", beaten), ("B", None), ("C", beaten), ("LATE", None)]);
    }

    fn kinds() -> impl Strategy<Value = Kind> {
        prop_oneof![
            Just(Kind::Percentage),
            (1_i64..100_000).prop_map(Kind::Fixed),
            Just(Kind::FreeShipping),
            (1_i64..5, 1_i64..5).prop_map(|(buy, get)| Kind::BuyXGetY { buy, get }),
        ]
    }

    proptest! {
        #[test]
        fn a_discount_is_never_above_the_price_and_the_parts_sum_up(
            goods in prop::collection::vec((1_i64..50, 0_i64..20_000), 1..8),
            offers in prop::collection::vec((kinds(), 1_i64..=10_000, 0_i64..3, 0_usize..3), 0..7),
            shipping in 0_i64..2_000,
            turn in any::<u64>(),
        ) {
            let items: Vec<Item> = goods.iter().map(|(n, unit)| item(*n, *unit)).collect();
            let promotions: Vec<Promotion> = offers
                .iter()
                .enumerate()
                .map(|(n, (kind, bp, priority, class))| Promotion {
                    priority: *priority,
                    class: format!("class {class}"),
                    ..promotion(&format!("P{n}"), *kind, *bp)
                })
                .collect();
            let done = applied(&items, shipping, &promotions);
            for (item, off) in items.iter().zip(&done.lines) {
                prop_assert!((0..=item.total_minor).contains(off));
            }
            prop_assert!((0..=shipping).contains(&done.shipping));
            let told: i64 = done.told.iter().map(|told| told.amount.minor()).sum();
            prop_assert_eq!(told, done.lines.iter().sum::<i64>() + done.shipping);
            prop_assert_eq!(done.told.len(), promotions.len());
            for class in 0..3 {
                let class = format!("class {class}");
                let won = promotions.iter().zip(0..).filter(|(it, _)| it.class == class);
                let of = |code: &str| done.told.iter().any(|it| it.applied && it.code == code);
                prop_assert!(won.filter(|(it, _)| of(&it.code)).count() <= 1);
            }
            // Neither the order of the lines nor that of the promotions matters.
            let mut turned: Vec<usize> = (0..items.len()).collect();
            turned.sort_by_key(|n| (turn >> (n % 60)) & 1);
            turned.reverse();
            let others: Vec<Item> = turned.iter().map(|n| items[*n].clone()).collect();
            let reversed: Vec<Promotion> = promotions.iter().rev().cloned().collect();
            let again = applied(&others, shipping, &reversed);
            let expected: Vec<i64> = turned.iter().map(|n| done.lines[*n]).collect();
            prop_assert_eq!(again.lines, expected);
            prop_assert_eq!((again.shipping, again.told), (done.shipping, done.told));
        }
    }
}
