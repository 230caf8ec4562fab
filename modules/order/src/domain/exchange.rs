//! Goods that come back are exchanged: their value pays what is sent instead.

use std::collections::BTreeSet;

use kernel::id::{ChangeId, OrderId, ProductId};
use kernel::problem::Problem;
use kernel::{Money, MoneyError, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::cart::{LINES_MAX, QUANTITY_MAX};
use super::edit::AddedLine;

/// What a customer wants instead of money, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = OrderExchange)]
pub struct Exchange {
    /// What is sent instead.
    #[serde(rename = "for")]
    pub wanted: Vec<AddedLine>,
    /// The order of that, once the return is approved.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replacement_id: Option<OrderId>,
    /// What it costs; fixed when the return is approved.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub price: Option<Money>,
    /// What of the value of the goods paid it.
    pub credit: Money,
    /// What was charged beside that.
    pub charged: Money,
    /// What the customer has to pay before it is sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub due: Option<Money>,
    /// Until when; after that they get their money back instead.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub pay_until: Option<Timestamp>,
    /// Whether it is being settled right now.
    #[serde(skip)]
    pub is_paying: bool,
}

impl Exchange {
    /// What is asked for.
    pub fn of(wanted: Vec<AddedLine>, none: Money) -> Self {
        Self {
            wanted,
            replacement_id: None,
            price: None,
            credit: none,
            charged: none,
            due: None,
            pay_until: None,
            is_paying: false,
        }
    }
}

/// What an order replaces.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = OrderReplaces)]
pub struct Replaces {
    /// The return whose goods it is sent for.
    pub return_id: ChangeId,
    /// The order that was paid first: its payments hold the money of this one too.
    pub account_id: OrderId,
}

/// How the value of goods that came back and the price of what is sent instead are settled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settlement {
    /// What of the value pays the price.
    pub credit: Money,
    /// What of the price is still to be paid.
    pub due: Money,
    /// What of the value is given back.
    pub refund: Money,
}

/// Settles what was accepted with what is sent instead. One of `due` and `refund` is always nothing.
pub fn settle(accepted: Money, price: Money) -> Result<Settlement, MoneyError> {
    let more = price.checked_sub(accepted)?;
    let none = Money::zero(price.currency());
    Ok(if more.minor() > 0 {
        Settlement { credit: accepted, due: more, refund: none }
    } else {
        Settlement { credit: price, due: none, refund: accepted.checked_sub(price)? }
    })
}

/// Refuses what nothing can be exchanged for.
pub fn check(wanted: &[AddedLine]) -> Result<(), Problem> {
    if i64::try_from(wanted.len()).unwrap_or(i64::MAX) > LINES_MAX {
        let message = format!("must be at most {LINES_MAX} products");
        return Err(Problem::invalid("exchange_for", message));
    }
    let mut products: BTreeSet<ProductId> = BTreeSet::new();
    for (n, line) in wanted.iter().enumerate() {
        let field = |name: &str| format!("exchange_for[{n}].{name}");
        if !(1..=QUANTITY_MAX).contains(&line.quantity) {
            return Err(Problem::invalid(
                field("quantity"),
                format!("must be 1 to {QUANTITY_MAX}"),
            ));
        }
        if !products.insert(line.product_id) {
            return Err(Problem::invalid(field("product_id"), "must be named once"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use kernel::Currency;

    use super::*;

    fn euros(minor: i64) -> Money {
        Money::from_minor(minor, Currency::EUR)
    }

    #[test]
    fn an_even_exchange_moves_no_money_and_any_other_the_difference() {
        for (accepted, price, (credit, due, refund)) in [
            (2_380, 2_380, (2_380, 0, 0)),
            (2_380, 595, (595, 0, 1_785)),
            (2_380, 29_750, (2_380, 27_370, 0)),
            (0, 595, (0, 595, 0)),
            (595, 0, (0, 0, 595)),
            (0, 0, (0, 0, 0)),
        ] {
            let how = settle(euros(accepted), euros(price)).unwrap();
            let told = (how.credit.minor(), how.due.minor(), how.refund.minor());
            assert_eq!(told, (credit, due, refund), "{accepted} for {price}");
        }
        assert!(settle(euros(1), Money::from_minor(1, Currency::USD)).is_err());
    }

    #[test]
    fn what_is_wanted_is_named_once_and_in_a_quantity_that_can_be() {
        let line = |quantity| AddedLine { product_id: ProductId::new(), quantity };
        assert!(check(&[]).is_ok() && check(&[line(1), line(QUANTITY_MAX)]).is_ok());
        let one = line(1);
        for (wanted, field) in [
            (vec![one, line(0)], "exchange_for[1].quantity"),
            (vec![line(-1)], "exchange_for[0].quantity"),
            (vec![line(QUANTITY_MAX + 1)], "exchange_for[0].quantity"),
            (vec![one, one], "exchange_for[1].product_id"),
        ] {
            let refused = check(&wanted).unwrap_err();
            assert!(refused.detail.starts_with(&format!("{field}:")), "{field}: {refused:?}");
        }
        let many: Vec<AddedLine> = (0..=LINES_MAX).map(|_| line(1)).collect();
        assert!(check(&many).unwrap_err().detail.starts_with("exchange_for:"));
    }
}
