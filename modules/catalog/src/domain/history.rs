use chrono::TimeDelta;
use kernel::{Currency, Money, Timestamp};

use super::Candidate;
use super::pricing::{Asked, pick};

/// How far back the lowest price before a reduction is looked for: Article 6a of Directive
/// 98/6/EC, which Directive (EU) 2019/2161 put there.
pub const LOWEST_WINDOW: TimeDelta = TimeDelta::days(30);

/// The code of the market of a shop that has set none up: every product is sold in the currency
/// of its base price.
pub const DEFAULT_MARKET: &str = "default";

/// A price that every shopper of a market had for a while.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applied {
    /// The code of the market.
    pub market: String,
    /// The price of one unit.
    pub price: Money,
    /// When it began.
    pub from: Timestamp,
    /// When it ended; it still applies when there is none.
    pub until: Option<Timestamp>,
    /// The lowest price of the 30 days before it began, in minor units.
    pub lowest_before: Option<i64>,
}

/// The lowest price, in minor units, that applied at any time of the 30 days before `began`.
pub fn lowest_before(applied: &[Applied], currency: Currency, began: Timestamp) -> Option<i64> {
    let since = began - LOWEST_WINDOW;
    applied
        .iter()
        .filter(|one| one.price.currency() == currency && one.from < began)
        .filter(|one| one.until.is_none_or(|until| until > since))
        .map(|one| one.price.minor())
        .min()
}

/// A market as far as prices depend on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The code of the market.
    pub market: String,
    /// Its currency.
    pub currency: Currency,
    /// Whether it is the one that lists and carts are for.
    pub is_default: bool,
}

/// The markets that a product with this base price has a public price in.
pub fn places(markets: &[Place], base: Money) -> Vec<Place> {
    if !markets.is_empty() {
        return markets.to_vec();
    }
    let market = DEFAULT_MARKET.to_owned();
    vec![Place { market, currency: base.currency(), is_default: true }]
}

/// What the public prices of a product come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repriced {
    /// The price in the default market; the base price where there is none.
    pub public: Money,
    /// The lowest price of the 30 days before it.
    pub lowest_before: Option<i64>,
    /// The markets whose present price ends.
    pub ended: Vec<String>,
    /// The prices that begin.
    pub begun: Vec<Applied>,
}

/// Works the public prices of a product out: what somebody of no group pays for one unit. A
/// product that is not in the shop has none. `applied` are its prices that apply still or ended
/// less than 30 days ago.
pub fn reprice(
    base: Money,
    shown: bool,
    places: &[Place],
    candidates: &[Candidate],
    applied: &[Applied],
    now: Timestamp,
) -> Repriced {
    let mut repriced =
        Repriced { public: base, lowest_before: None, ended: Vec::new(), begun: Vec::new() };
    for place in places {
        let asked = Asked {
            market: &place.market,
            currency: place.currency,
            group: None,
            quantity: 1,
            now,
        };
        let price = pick(base, candidates, &asked).map(|picked| picked.price);
        let there: Vec<Applied> =
            applied.iter().filter(|one| one.market == place.market).cloned().collect();
        let present = there.iter().find(|one| one.until.is_none());
        let wanted = price.filter(|_| shown);
        let lowest = if present.map(|present| present.price) == wanted {
            present.and_then(|present| present.lowest_before)
        } else {
            let lowest = wanted.and_then(|price| lowest_before(&there, price.currency(), now));
            repriced.ended.extend(present.map(|present| present.market.clone()));
            repriced.begun.extend(wanted.map(|price| Applied {
                market: place.market.clone(),
                price,
                from: now,
                until: None,
                lowest_before: lowest,
            }));
            lowest
        };
        if let (true, Some(price)) = (place.is_default, price) {
            (repriced.public, repriced.lowest_before) = (price, lowest);
        }
    }
    let is_gone = |one: &&Applied| {
        one.until.is_none() && places.iter().all(|place| place.market != one.market)
    };
    repriced.ended.extend(applied.iter().filter(is_gone).map(|one| one.market.clone()));
    repriced
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use proptest::prelude::*;

    use super::*;

    fn day(day: i64) -> Timestamp {
        DateTime::from_timestamp(1_800_000_000 + day * 86_400, 0).unwrap()
    }

    fn euros(minor: i64) -> Money {
        Money::from_minor(minor, Currency::EUR)
    }

    /// The price of each day of a shop that changes it in the morning, none where it is not sold.
    fn story() -> impl Strategy<Value = Vec<Option<i64>>> {
        let price = prop_oneof![1 => Just(None), 6 => (1_i64..6).prop_map(Some)];
        prop::collection::vec((price, 1_usize..25), 1..12).prop_map(|stays| {
            stays.into_iter().flat_map(|(price, days)| std::iter::repeat_n(price, days)).collect()
        })
    }

    fn place() -> Vec<Place> {
        places(&[], euros(0))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(500))]

        #[test]
        fn the_lowest_price_is_the_one_found_day_by_day(story in story()) {
            let mut applied: Vec<Applied> = Vec::new();
            for (today, price) in story.iter().enumerate() {
                let now = day(i64::try_from(today).unwrap());
                let base = euros(price.unwrap_or(0));
                let told = reprice(base, price.is_some(), &place(), &[], &applied, now);
                for market in &told.ended {
                    let open = applied.iter_mut().find(|one| {
                        one.until.is_none() && one.market == *market
                    });
                    open.unwrap().until = Some(now);
                }
                applied.extend(told.begun);
                let open: Vec<&Applied> = applied.iter().filter(|one| one.until.is_none()).collect();
                prop_assert_eq!(open.len(), usize::from(price.is_some()));
                let Some(price) = *price else { continue };
                prop_assert_eq!(open[0].price, euros(price));
                let began = (0..=today).rev().take_while(|day| story[*day] == Some(price)).last();
                let began = began.unwrap();
                let days = &story[began.saturating_sub(30)..began];
                prop_assert_eq!(told.lowest_before, days.iter().flatten().min().copied());
            }
            for (one, next) in applied.iter().zip(applied.iter().skip(1)) {
                prop_assert!(one.until.is_some_and(|until| until <= next.from));
            }
        }
    }

    #[test]
    fn a_market_that_is_gone_has_no_price() {
        let open = |market: &str| Applied {
            market: market.to_owned(),
            price: euros(5),
            from: day(0),
            until: None,
            lowest_before: None,
        };
        let told = reprice(euros(5), true, &place(), &[], &[open("old"), open("default")], day(1));
        assert_eq!((told.ended, told.begun), (vec!["old".to_owned()], vec![]));
    }

    #[test]
    fn what_is_not_sold_in_the_default_market_keeps_its_base_price() {
        let usd = Place { market: "us".to_owned(), currency: Currency::USD, is_default: true };
        let told = reprice(euros(5), true, &[usd], &[], &[], day(1));
        assert_eq!((told.public, told.begun), (euros(5), vec![]));
    }
}
