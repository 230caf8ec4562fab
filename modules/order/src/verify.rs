//! The module's own books.

use chrono::TimeDelta;
use kernel::Timestamp;
use platform::saga;
use platform::sql::{Db, Result};
use platform::verify::{Check, by_query};

use crate::store::change::{self, ORDER_REFUNDED};
use crate::store::promotion::{PROMOTION_BUDGET, PROMOTION_CUSTOMER, PROMOTION_USES};
use crate::store::{books, carrier, cart, invoice, promotion, shipment};

/// Every invariant that the module can prove from its own rows.
pub async fn verify(db: &Db, now: Timestamp) -> Result<Vec<Check>> {
    Ok(vec![
        by_query(
            db,
            "every order's total equals lines + tax + shipping - discounts",
            books::COUNT,
            books::TOTALS,
        )
        .await?,
        by_query(db, "every order's items equal its lines", books::COUNT, books::LINE_SUMS).await?,
        by_query(
            db,
            "every order's discount equals those of its lines",
            books::COUNT,
            books::DISCOUNTS,
        )
        .await?,
        by_query(
            db,
            "every order's tax equals those of its lines and its shipping",
            books::COUNT,
            books::TAXES,
        )
        .await?,
        by_query(db, "every change of an order was told", books::COUNT, books::UNTOLD).await?,
        by_query(
            db,
            "every order that is being checked out or edited has a saga",
            books::COUNT,
            books::UNATTENDED,
        )
        .await?,
        by_query(
            db,
            "no cart is held by an order that has ended",
            cart::HELD_COUNT,
            cart::HELD_BY_ENDED,
        )
        .await?,
        by_query(
            db,
            "coupon uses equal the orders that used them",
            promotion::COUNT,
            promotion::MISCOUNTED,
        )
        .await?,
        by_query(
            db,
            "every shipment is explained by its order",
            shipment::COUNT,
            shipment::UNEXPLAINED,
        )
        .await?,
        by_query(
            db,
            "every unit that left is in one shipment, and counts as what became of that",
            shipment::COUNT,
            shipment::MISPACKED,
        )
        .await?,
        by_query(
            db,
            "every order's state is what its units and shipments say",
            books::COUNT,
            shipment::MISSTATED,
        )
        .await?,
        by_query(
            db,
            "every parcel stands where the newest event of its carrier put it",
            carrier::EVENT_ROWS,
            carrier::ASTRAY,
        )
        .await?,
        carrier::unhandled(db, now - TimeDelta::hours(1)).await?,
        by_query(
            db,
            "what an order gave back is what its changes say",
            change::BALANCES,
            change::UNBALANCED,
        )
        .await?,
        by_query(
            db,
            "every unit that was called off, came back or was paid back has its change",
            books::COUNT,
            change::UNCHANGED,
        )
        .await?,
        by_query(db, ORDER_REFUNDED.name, change::BALANCES, ORDER_REFUNDED.broken).await?,
        by_query(
            db,
            "the numbers of invoices are a series without gaps",
            invoice::INVOICES,
            invoice::NOT_A_SERIES,
        )
        .await?,
        by_query(db, PROMOTION_USES.name, promotion::COUNT, PROMOTION_USES.broken).await?,
        by_query(db, PROMOTION_BUDGET.name, promotion::COUNT, PROMOTION_BUDGET.broken).await?,
        by_query(db, PROMOTION_CUSTOMER.name, promotion::COUNT, PROMOTION_CUSTOMER.broken).await?,
        saga::overdue(db, now).await?,
    ])
}
