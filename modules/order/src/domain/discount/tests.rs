//! What promotions take off, tried on carts of all kinds.
#![cfg(test)]

use chrono::TimeDelta;
use proptest::prelude::*;

use super::*;
use crate::domain::promotion::{NO_BUDGET, Scope, Targets};
use crate::domain::spread::WHOLE_BP;

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
