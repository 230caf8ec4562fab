//! The module's own books.

use chrono::TimeDelta;
use kernel::Timestamp;
use platform::saga;
use platform::sql::{Db, Result, Sql};
use platform::verify::{Check, by_query};

use crate::store::balance::{self, ORDER_REFUNDED};
use crate::store::change;
use crate::store::promotion::{PROMOTION_BUDGET, PROMOTION_CUSTOMER, PROMOTION_USES};
use crate::store::{books, carrier, cart, exchange, invoice, promotion, shipment};

/// How long an event of the carrier may wait before the books ask for it.
const UNHANDLED_MAX: TimeDelta = TimeDelta::hours(1);

/// What every row fulfils: its name, how many rows there are, and which do not fulfil it.
const INVARIANTS: [(&str, Sql, Sql); 20] = [
    ("every order's total equals lines + tax + shipping - discounts", books::COUNT, books::TOTALS),
    ("every order's items equal its lines", books::COUNT, books::LINE_SUMS),
    ("every order's discount equals those of its lines", books::COUNT, books::DISCOUNTS),
    ("every order's tax equals those of its lines and its shipping", books::COUNT, books::TAXES),
    ("every change of an order was told", books::COUNT, books::UNTOLD),
    ("every order that is being checked out or edited has a saga", books::COUNT, books::UNATTENDED),
    ("no cart is held by an order that has ended", cart::HELD_COUNT, cart::HELD_BY_ENDED),
    ("coupon uses equal the orders that used them", promotion::COUNT, promotion::MISCOUNTED),
    ("every shipment is explained by its order", shipment::COUNT, shipment::UNEXPLAINED),
    (
        "every unit that left is in one shipment, and counts as what became of that",
        shipment::COUNT,
        shipment::MISPACKED,
    ),
    ("every order's state is what its units and shipments say", books::COUNT, shipment::MISSTATED),
    (
        "every parcel stands where the newest event of its carrier put it",
        carrier::EVENT_ROWS,
        carrier::ASTRAY,
    ),
    ("what an order gave back is what its changes say", balance::BALANCES, balance::UNBALANCED),
    (
        "every unit that was called off, came back or was paid back has its change",
        books::COUNT,
        change::UNCHANGED,
    ),
    (
        "every replacement costs what its exchange paid for it",
        exchange::REPLACEMENTS,
        exchange::UNEXCHANGED,
    ),
    (ORDER_REFUNDED.name, balance::BALANCES, ORDER_REFUNDED.broken),
    ("the numbers of invoices are a series without gaps", invoice::INVOICES, invoice::NOT_A_SERIES),
    (PROMOTION_USES.name, promotion::COUNT, PROMOTION_USES.broken),
    (PROMOTION_BUDGET.name, promotion::COUNT, PROMOTION_BUDGET.broken),
    (PROMOTION_CUSTOMER.name, promotion::COUNT, PROMOTION_CUSTOMER.broken),
];

/// Every invariant that the module can prove from its own rows.
pub async fn verify(db: &Db, now: Timestamp) -> Result<Vec<Check>> {
    let mut checks = Vec::with_capacity(INVARIANTS.len() + 2);
    for (name, rows, broken) in INVARIANTS {
        checks.push(by_query(db, name, rows, broken).await?);
    }
    checks.push(carrier::unhandled(db, now - UNHANDLED_MAX).await?);
    checks.push(saga::overdue(db, now).await?);
    Ok(checks)
}
