use std::collections::BTreeMap;

use chrono::NaiveDate;
use kernel::events::RefundedLine;
use kernel::id::ProductId;
use kernel::{Currency, Money, Timestamp};

use super::InvalidSale;

/// What an order gave back, as it counts in the figures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Given {
    /// The UTC day of the order's confirmation.
    pub day: NaiveDate,
    pub currency: Currency,
    /// In minor units; below zero when it is taken out of the figures again.
    pub amount: i64,
    /// Units and amount of each product that it was given back for.
    pub products: BTreeMap<ProductId, (i64, i64)>,
}

impl Given {
    pub(crate) fn of(
        confirmed_at: Timestamp,
        amount: Money,
        lines: &[RefundedLine],
    ) -> Result<Self, InvalidSale> {
        let mut products: BTreeMap<ProductId, (i64, i64)> = BTreeMap::new();
        for line in lines {
            // Only to see that it is in the same currency and that its sum is a number.
            amount.checked_add(line.amount)?;
            if line.quantity < 0 || line.amount.minor() < 0 {
                return Err(InvalidSale::Negative);
            }
            let (units, minor) = products.entry(line.product_id).or_default();
            *units = units.checked_add(line.quantity).ok_or(InvalidSale::Overflow)?;
            *minor = minor.checked_add(line.amount.minor()).ok_or(InvalidSale::Overflow)?;
        }
        let (day, currency) = (confirmed_at.date_naive(), amount.currency());
        Ok(Self { day, currency, amount: amount.minor(), products })
    }

    /// What takes it out of the figures.
    pub(crate) fn undone(mut self) -> Self {
        self.amount = -self.amount;
        for (units, minor) in self.products.values_mut() {
            (*units, *minor) = (-*units, -*minor);
        }
        self
    }
}
