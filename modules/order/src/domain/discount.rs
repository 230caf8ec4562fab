//! What promotions take off a cart: a pure function of the lines, the shipping, the promotions and
//! the time.
//!
//! Of one class at most one promotion applies, the one that takes off most. Classes follow one
//! another, those of the lowest priority first, each on what is left. Thresholds look at the lines
//! as they were before anything was taken off.

mod tests;

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
