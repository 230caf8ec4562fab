use std::collections::BTreeMap;
use std::str::FromStr;

use kernel::id::{OrderId, ProductId, StockId};
use kernel::ports::StockLine;

use crate::error::HoldError;

/// The most lines an order can reserve.
pub const LINES_MAX: usize = 1_000;

/// How the promise to an order stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HoldState {
    /// Promised until a deadline.
    Held,
    /// Promised for good.
    Committed,
    /// Given back because the order ended; also an order that never reserved anything.
    Released,
    /// Given back because the deadline passed.
    Expired,
    /// Left the house, except for what was given back before.
    Shipped,
}

impl HoldState {
    const ALL: [(Self, &'static str); 5] = [
        (Self::Held, "held"),
        (Self::Committed, "committed"),
        (Self::Released, "released"),
        (Self::Expired, "expired"),
        (Self::Shipped, "shipped"),
    ];

    /// As it is stored.
    pub(crate) fn word(self) -> &'static str {
        let known = Self::ALL.iter().find(|(state, _)| *state == self);
        known.map_or("", |(_, word)| word)
    }

    /// Whether the promise was kept or still can be: the order's units were not given back.
    pub fn stands(self) -> bool {
        match self {
            Self::Held | Self::Committed | Self::Shipped => true,
            Self::Released | Self::Expired => false,
        }
    }

    /// Whether the promise is final: it was committed and not taken back.
    pub fn is_final(self) -> bool {
        match self {
            Self::Committed | Self::Shipped => true,
            Self::Held | Self::Released | Self::Expired => false,
        }
    }
}

impl FromStr for HoldState {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        let known = Self::ALL.iter().find(|(_, name)| *name == word);
        known
            .map(|(state, _)| *state)
            .ok_or_else(|| format!("{word:?} is no state of a reservation"))
    }
}

/// Units of one row of stock that are promised to an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Line {
    pub stock_id: StockId,
    pub product_id: ProductId,
    pub quantity: i64,
}

/// What an order was promised.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hold {
    /// The order.
    pub order_id: OrderId,
    /// How the promise stands.
    pub state: HoldState,
    /// The units of each product that were not given back, in the order of their ids, wherever they
    /// come from.
    pub lines: Vec<(ProductId, i64)>,
    /// How many of these left the house, for each of the lines.
    pub shipped: Vec<i64>,
}

/// What an order has reserved before.
pub(crate) struct Reserved {
    pub state: HoldState,
    pub lines: Wanted,
}

impl Reserved {
    /// The answer to the order when it asks to reserve again.
    pub(crate) fn repeat(&self, wanted: &Wanted) -> Result<(), HoldError> {
        if !self.state.stands() {
            return Err(HoldError::Ended);
        }
        if self.lines != *wanted {
            return Err(HoldError::OtherLines);
        }
        Ok(())
    }
}

/// How many units of each product an order wants.
pub type Wanted = BTreeMap<ProductId, i64>;

/// Lines that no order can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum InvalidLines {
    #[error("an order reserves 1 to {LINES_MAX} lines")]
    Count,
    #[error("a line reserves at least 1 unit")]
    Quantity,
    #[error("the units of one product do not add up to a number")]
    Overflow,
}

/// What the lines ask for in all. Two lines of a product are one with their sum: checked one by one
/// each could find the same last units.
pub(crate) fn wanted(lines: &[StockLine]) -> Result<Wanted, InvalidLines> {
    if lines.is_empty() || lines.len() > LINES_MAX {
        return Err(InvalidLines::Count);
    }
    let mut wanted = Wanted::new();
    for line in lines {
        if line.quantity < 1 {
            return Err(InvalidLines::Quantity);
        }
        let sum = wanted.entry(line.product_id).or_default();
        *sum = sum.checked_add(line.quantity).ok_or(InvalidLines::Overflow)?;
    }
    Ok(wanted)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn states_are_read_as_they_are_written() {
        for (state, word) in HoldState::ALL {
            assert_eq!(word.parse(), Ok(state));
            assert_eq!(state.word(), word);
            assert!(state.stands() || !state.is_final());
        }
        assert!("lost".parse::<HoldState>().is_err());
    }

    #[test]
    fn lines_that_no_order_can_have_are_refused() {
        let line = |quantity| StockLine { product_id: ProductId::new(), quantity };
        assert_eq!(wanted(&[]), Err(InvalidLines::Count));
        assert_eq!(wanted(&vec![line(1); LINES_MAX + 1]), Err(InvalidLines::Count));
        assert_eq!(wanted(&[line(1), line(0)]), Err(InvalidLines::Quantity));
        assert_eq!(wanted(&[line(-1)]), Err(InvalidLines::Quantity));
        let huge = line(i64::MAX);
        assert_eq!(wanted(&[huge, huge]), Err(InvalidLines::Overflow));
    }

    proptest! {
        #[test]
        fn no_unit_is_lost_or_added(picks in prop::collection::vec((0..4_usize, 1..50_i64), 1..40)) {
            let products: Vec<ProductId> = (0..4).map(|_| ProductId::new()).collect();
            let lines: Vec<StockLine> = picks
                .iter()
                .map(|&(n, quantity)| StockLine { product_id: products[n], quantity })
                .collect();
            let wanted = wanted(&lines).unwrap();
            for (n, product) in products.iter().enumerate() {
                let asked: i64 = picks.iter().filter(|pick| pick.0 == n).map(|pick| pick.1).sum();
                prop_assert_eq!(wanted.get(product).copied().unwrap_or_default(), asked);
            }
        }
    }
}
