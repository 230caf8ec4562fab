//! The books of payments: checked against themselves and against the processor's.

use std::collections::BTreeMap;

use kernel::Timestamp;
use kernel::id::PaymentId;
use platform::sql::{Error, Result};
use platform::verify::{Check, by_query};

use crate::domain::payment::Payment;
use crate::processor::Charge;
use crate::{Payments, store};

/// How many payments are compared at a time.
const PAGE: u32 = 500;
/// How long a call may be unfinished, in seconds.
const UNFINISHED_MAX_S: i64 = 60;

platform::statements! {
    PAYMENTS = "select count(*) from payment";
    OPERATIONS = "select count(*) from payment_operation";
    OUT_OF_BOUNDS =
        "select lower(hex(id)) from payment
          where refunded_minor < 0 or refunded_minor + lost_minor > captured_minor
             or captured_minor + released_minor > authorized_minor
             or authorized_minor > amount_minor limit 20",
        "select cast(id as text) from payment
          where refunded_minor < 0 or refunded_minor + lost_minor > captured_minor
             or captured_minor + released_minor > authorized_minor
             or authorized_minor > amount_minor limit 20";
    NOT_THE_SUM =
        "select lower(hex(p.id)) from payment p
           left join (select payment_id,
                             sum(case when kind = 'capture' then amount_minor else 0 end) as taken,
                             sum(case when kind = 'refund' then amount_minor else 0 end) as given
                        from payment_operation where state <> 'failed' group by payment_id) o
             on o.payment_id = p.id
          where p.captured_minor <> coalesce(o.taken, 0)
             or p.refunded_minor <> coalesce(o.given, 0) limit 20",
        "select cast(p.id as text) from payment p
           left join (select payment_id,
                             sum(case when kind = 'capture' then amount_minor else 0 end) as taken,
                             sum(case when kind = 'refund' then amount_minor else 0 end) as given
                        from payment_operation where state <> 'failed' group by payment_id) o
             on o.payment_id = p.id
          where p.captured_minor <> coalesce(o.taken, 0)
             or p.refunded_minor <> coalesce(o.given, 0) limit 20";
    DISPUTES = "select count(*) from dispute";
    MISJUDGED =
        "select lower(hex(p.id)) from payment p
           left join (select payment_id,
                             sum(case when state = 'lost' then amount_minor else 0 end) as lost,
                             sum(case when closed_at is null then amount_minor else 0 end) as open
                        from dispute group by payment_id) d on d.payment_id = p.id
          where p.lost_minor <> coalesce(d.lost, 0) or p.disputed_minor <> coalesce(d.open, 0) limit 20",
        "select cast(p.id as text) from payment p
           left join (select payment_id,
                             sum(case when state = 'lost' then amount_minor else 0 end) as lost,
                             sum(case when closed_at is null then amount_minor else 0 end) as open
                        from dispute group by payment_id) d on d.payment_id = p.id
          where p.lost_minor <> coalesce(d.lost, 0) or p.disputed_minor <> coalesce(d.open, 0) limit 20";
    UNTOLD =
        "select lower(hex(id)) from payment where events <>
           (select coalesce(max(last_version), 0) from told where subject = payment.id) limit 20",
        "select cast(id as text) from payment where events <>
           (select coalesce(max(last_version), 0) from told where subject = payment.id) limit 20";
}

/// Checks everything.
pub async fn verify(payments: &Payments) -> Result<Vec<Check>> {
    let db = &payments.db;
    Ok(vec![
        by_query(
            db,
            "refunded + lost <= captured <= authorized <= amount, for every payment",
            PAYMENTS,
            OUT_OF_BOUNDS,
        )
        .await?,
        by_query(
            db,
            "what a payment captured and refunded is the sum of its calls",
            PAYMENTS,
            NOT_THE_SUM,
        )
        .await?,
        by_query(
            db,
            "what is disputed and lost of a payment is what its disputes are about",
            DISPUTES,
            MISJUDGED,
        )
        .await?,
        by_query(db, "every change of a payment was told", PAYMENTS, UNTOLD).await?,
        finished(payments).await?,
        processor(payments).await?,
    ])
}

async fn finished(payments: &Payments) -> Result<Check> {
    let mut check = Check::new("every call to the processor is finished within a minute");
    let (rows,): (i64,) = payments.db.query(OPERATIONS).one().await?;
    check.rows = rows.unsigned_abs();
    let then = payments.db.clock().now() - chrono::TimeDelta::seconds(UNFINISHED_MAX_S);
    for operation in store::open_since(&payments.db, then, PAGE.into()).await? {
        check.broken(format!("{} {}", operation.kind.word(), operation.payment_id));
    }
    Ok(check)
}

/// Compares both books page by page, each page up to where both have been read.
async fn processor(payments: &Payments) -> Result<Check> {
    let mut check = Check::new("the processor's books and ours say the same of every payment");
    let mut after = None;
    loop {
        let now = payments.db.clock().now();
        let ours = store::by_id(&payments.db, after, PAGE).await?;
        let theirs =
            payments.processor.charges(after, PAGE).await.map_err(|error| unreadable(&error))?;
        let last_of = |full: bool, last: Option<PaymentId>| last.filter(|_| full);
        let is_full = |rows: usize| rows >= PAGE as usize;
        let bound = [
            last_of(is_full(ours.len()), ours.last().map(|payment| payment.id)),
            last_of(is_full(theirs.len()), theirs.last().map(|charge| charge.reference)),
        ]
        .into_iter()
        .flatten()
        .min();
        let within = |id: PaymentId| bound.is_none_or(|bound| id <= bound);
        let (charges, twice) = one_of_each(theirs.iter().filter(|charge| within(charge.reference)));
        for payment in twice {
            check.broken(format!("payment {payment}: it was charged twice"));
        }
        for payment in ours.iter().filter(|payment| within(payment.id)) {
            let same = agree(payment, charges.get(&payment.id).copied(), now)
                || is_moving(payments, payment).await?;
            check.row(same, || format!("payment {}: the amounts differ", payment.id));
        }
        for charge in charges.values() {
            let known = ours.iter().any(|payment| payment.id == charge.reference);
            if !known && store::find(&payments.db, charge.reference).await?.is_none() {
                check.broken(format!("charge {}: there is no such payment", charge.id));
            }
        }
        match bound {
            Some(bound) => after = Some(bound),
            None => return Ok(check),
        }
    }
}

/// The charge of each payment, and the payments that have two with money. One that was refused stays beside the one
/// that was made after it.
fn one_of_each<'a>(
    charges: impl Iterator<Item = &'a Charge>,
) -> (BTreeMap<PaymentId, &'a Charge>, Vec<PaymentId>) {
    let has_money = |charge: &Charge| charge.held || charge.captured > 0;
    let mut one: BTreeMap<PaymentId, &Charge> = BTreeMap::new();
    let mut twice = Vec::new();
    for charge in charges {
        let other = one.entry(charge.reference).or_insert(charge);
        if other.id == charge.id {
            continue;
        }
        if has_money(other) && has_money(charge) {
            twice.push(charge.reference);
        }
        if (has_money(charge), charge.authorized) > (has_money(other), other.authorized) {
            *other = charge;
        }
    }
    (one, twice)
}

/// What an open dispute may have come to is told by a webhook, or found by whoever looks; and whether an
/// amount is still held whose time is over, by the next round.
fn agree(payment: &Payment, charge: Option<&Charge>, now: Timestamp) -> bool {
    match charge {
        Some(charge) => {
            let is_over = payment.authorized_until.is_some_and(|until| until <= now);
            charge.currency == payment.currency().code()
                && charge.authorized == payment.authorized
                && (charge.held == (payment.held() > 0) || is_over)
                && charge.captured == payment.captured
                && charge.refunded == payment.refunded
                && (charge.lost == payment.lost || payment.disputed > 0)
        }
        None => payment.authorized == 0,
    }
}

/// Whether a payment changed while the two books were read, or waits for the processor: then they
/// may differ, and whether its calls end is another check.
async fn is_moving(payments: &Payments, payment: &Payment) -> Result<bool> {
    let now = store::find(&payments.db, payment.id).await?;
    Ok(now.is_none_or(|now| now.version != payment.version)
        || !store::open_of_payment(&payments.db, payment.id, 1).await?.is_empty())
}

fn unreadable(error: &kernel::ports::Unavailable) -> Error {
    Error::Unusable(format!("the processor's books cannot be read: {}", error.source))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::authentication::Authentication;

    fn charge(id: &str, reference: PaymentId, authorized: i64, captured: i64) -> Charge {
        Charge {
            id: id.to_owned(),
            reference,
            currency: "EUR".to_owned(),
            authorized,
            held: authorized > captured,
            captured,
            refunded: 0,
            lost: 0,
            authentication: Authentication::None,
            authorized_until: None,
            brand: String::new(),
            last4: String::new(),
        }
    }

    #[test]
    fn a_refused_charge_hides_no_other_and_two_with_money_are_told() {
        let (once, twice) = (PaymentId::new(), PaymentId::new());
        let all = [
            charge("paid", once, 1_000, 1_000),
            charge("refused", once, 0, 0),
            charge("refused too", twice, 0, 0),
            charge("held", twice, 1_000, 0),
            charge("taken", twice, 1_000, 1_000),
        ];
        for order in [all.iter().collect::<Vec<_>>(), all.iter().rev().collect()] {
            let (one, charged_twice) = one_of_each(order.into_iter());
            assert_eq!((one[&once].id.as_str(), charged_twice), ("paid", vec![twice]));
        }
    }
}
