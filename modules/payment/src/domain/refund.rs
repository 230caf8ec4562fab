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
    /// Not now: the rest of what was taken is disputed.
    Disputed,
    /// Not at all: there is only so much left.
    TooMuch {
        /// In minor units.
        left: i64,
    },
}

/// What can still be given back of a payment, in minor units.
pub fn refundable(payment: &Payment) -> i64 {
    let may = payment.status.is_refundable() && payment.status != Status::Reversing;
    if may { payment.refundable() } else { 0 }
}

/// Spreads an amount over the payments of an order, the first ones first, all of it or none.
pub fn plan(payments: &[Payment], amount: i64) -> Plan {
    let left: i64 = payments.iter().map(refundable).sum();
    if left < amount {
        let is_coming = payments.iter().any(|payment| {
            let is_held = payment.status.is_live() && payment.held() > 0;
            will_be_taken(payment.status) || is_held && payment.status != Status::Disputed
        });
        let is_disputed = payments.iter().any(|payment| payment.status == Status::Disputed);
        return match (is_coming, is_disputed) {
            (true, _) => Plan::NotTaken,
            (false, true) => Plan::Disputed,
            (false, false) => Plan::TooMuch { left },
        };
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
    matches!(
        status,
        Status::Authorizing
            | Status::Unknown
            | Status::ActionRequired
            | Status::Authorized
            | Status::Capturing
            | Status::CaptureFailed
            | Status::PartiallyCaptured
    )
}

#[cfg(test)]
mod tests {
    use kernel::id::{OrderId, PaymentId};
    use kernel::{Currency, Money, Timestamp};
    use proptest::prelude::*;

    use super::*;
    use crate::domain::authentication::Authentication;

    fn payment(status: Status, captured: i64, refunded: i64) -> Payment {
        Payment {
            pays: crate::domain::payment::Pays::Order,
            id: PaymentId::new(),
            order_id: OrderId::new(),
            customer: None,
            attempt: 1,
            amount: Money::from_minor(1_000, Currency::EUR),
            status,
            // What is captured as a whole has no rest.
            authorized: if matches!(status, Status::Captured) { captured } else { 1_000 },
            released: 0,
            captured,
            refunded,
            disputed: 0,
            lost: 0,
            version: 1,
            events: 1,
            token: String::new(),
            processor_ref: None,
            card: None,
            is_erased: false,
            decline: None,
            action: None,
            authorized_until: None,
            confirmed_at: None,
            fingerprint: None,
            authentication: Authentication::default(),
            tries: 0,
            due_at: None,
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
        assert_eq!(plan(&[held, taken.clone()], 600), Plan::Spread(vec![(1, 600)]));
        assert_eq!(plan(&[voided], 1), Plan::TooMuch { left: 0 });
        let rest = payment(Status::PartiallyRefunded, 400, 100);
        assert_eq!(plan(&[rest], 301), Plan::NotTaken, "a rest is set aside");
        let disputed = payment(Status::Disputed, 1_000, 0);
        assert_eq!(plan(&[disputed.clone(), taken.clone()], 601), Plan::Disputed);
        assert_eq!(plan(&[disputed, taken], 600), Plan::Spread(vec![(1, 600)]));
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
