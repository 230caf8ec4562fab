//! Which payments of an order give how much back.

use super::payment::Payment;
use super::status::Status;

/// How an amount is given back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Plan {
    /// By these payments, by their places, so much each, in minor units.
    Spread(Vec<(usize, i64)>),
    /// Later: there is not enough yet, and a payment is still to be taken.
    NotTaken,
    /// Not at all: there is only so much left.
    TooMuch {
        /// In minor units.
        left: i64,
    },
}

/// Spreads an amount over the payments of an order, the first ones first, all of it or none.
pub fn plan(payments: &[Payment], amount: i64) -> Plan {
    let refundable = |payment: &Payment| {
        if payment.status.is_refundable() { payment.refundable() } else { 0 }
    };
    let left: i64 = payments.iter().map(refundable).sum();
    if left < amount {
        let is_coming = payments.iter().any(|payment| will_be_taken(payment.status));
        return if is_coming { Plan::NotTaken } else { Plan::TooMuch { left } };
    }
    let mut missing = amount;
    let mut parts = Vec::new();
    for (at, payment) in payments.iter().enumerate() {
        let part = refundable(payment).min(missing);
        if part > 0 {
            parts.push((at, part));
            missing -= part;
        }
    }
    Plan::Spread(parts)
}

/// Whether money may still be taken by a payment that stands so.
const fn will_be_taken(status: Status) -> bool {
    match status {
        Status::Authorizing
        | Status::Unknown
        | Status::ActionRequired
        | Status::Authorized
        | Status::Capturing => true,
        Status::Captured
        | Status::PartiallyRefunded
        | Status::Refunded
        | Status::Voiding
        | Status::Voided
        | Status::Declined
        | Status::Expired => false,
    }
}

#[cfg(test)]
mod tests {
    use kernel::id::{OrderId, PaymentId};
    use kernel::{Currency, Money, Timestamp};
    use proptest::prelude::*;

    use super::*;

    fn payment(status: Status, captured: i64, refunded: i64) -> Payment {
        Payment {
            pays: crate::domain::payment::Pays::Order,
            id: PaymentId::new(),
            order_id: OrderId::new(),
            attempt: 1,
            amount: Money::from_minor(1_000, Currency::EUR),
            status,
            authorized: 1_000,
            captured,
            refunded,
            version: 1,
            events: 1,
            token: String::new(),
            processor_ref: None,
            card: None,
            decline: None,
            action: None,
            created_at: Timestamp::default(),
            updated_at: Timestamp::default(),
        }
    }

    #[test]
    fn what_was_not_taken_is_not_given_back() {
        let taken = payment(Status::PartiallyRefunded, 1_000, 400);
        let held = payment(Status::Authorized, 0, 0);
        let voided = payment(Status::Voided, 0, 0);
        assert_eq!(plan(&[taken.clone(), voided.clone()], 601), Plan::TooMuch { left: 600 });
        assert_eq!(plan(&[taken.clone(), held.clone()], 601), Plan::NotTaken);
        assert_eq!(plan(&[held, taken], 600), Plan::Spread(vec![(1, 600)]));
        assert_eq!(plan(&[voided], 1), Plan::TooMuch { left: 0 });
    }

    proptest! {
        #[test]
        fn the_parts_sum_to_the_amount_and_none_is_more_than_its_payment_has(
            all in prop::collection::vec((0..1_000_i64, 0..1_000_i64), 1..5), amount in 1..3_000_i64,
        ) {
            let payments: Vec<Payment> = all
                .iter()
                .map(|(a, b)| payment(Status::Captured, *a.max(b), *a.min(b)))
                .collect();
            let left: i64 = payments.iter().map(Payment::refundable).sum();
            match plan(&payments, amount) {
                Plan::Spread(parts) => {
                    prop_assert_eq!(parts.iter().map(|(_, part)| part).sum::<i64>(), amount);
                    let fits = |(at, part): &(usize, i64)| {
                        *part > 0 && *part <= payments[*at].refundable()
                    };
                    prop_assert!(parts.iter().all(fits));
                }
                other => {
                    prop_assert_eq!(other, Plan::TooMuch { left });
                    prop_assert!(left < amount);
                }
            }
        }
    }
}
