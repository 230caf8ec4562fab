//! Payments that something is to be done about: by the shop itself, or by its staff.

use kernel::Timestamp;
use kernel::id::PaymentId;
use platform::sql::{Db, Result};

use super::{PaymentRow, each};
use crate::domain::payment::Payment;
use crate::http::Needs;

platform::statements! {
    DUE = payment!("where due_at <= $1 order by due_at limit $2");
    /// What the processor must have let go by itself, as far as the shop knows.
    UNHELD = payment!("where authorized_until <= $1 and authorized_minor > captured_minor + released_minor
                        and status not in ('capturing', 'voiding')
                       order by authorized_until limit $2");
    NEEDS_ANSWER = payment!("where id in (select payment_id from payment_operation
                                           where state = 'unknown')
                               and id < $1 order by id desc limit $2");
    NEEDS_CAPTURE = payment!("where id in (select id from payment where authorized_until <= $1
                                            and authorized_minor > captured_minor + released_minor)
                                and id < $2 order by id desc limit $3");
    NEEDS_LOOK = payment!("where status = $1 and status in ('capture_failed', 'disputed')
                             and id < $2 order by id desc limit $3");
    NEEDS_MONEY = payment!("where released_minor > 0 and confirmed_at is not null and id < $1
                            order by id desc limit $2");
    NEEDS_ORDER = payment!("where id in (select id from payment
                                          where confirmed_at is null and created_at <= $1
                                            and status in ('authorized', 'capturing', 'capture_failed',
                                                           'partially_captured', 'captured',
                                                           'partially_refunded', 'won', 'voiding',
                                                           'reversing'))
                              and id < $2 order by id desc limit $3");
}

/// Payments that the shop is to do something about now.
pub async fn due(db: &Db, now: Timestamp, limit: i64) -> Result<Vec<Payment>> {
    each(db.query(DUE).bind(now).bind(limit).all::<PaymentRow>().await?)
}

/// Payments of which a rest should be set aside no longer.
pub async fn unheld(db: &Db, now: Timestamp, limit: i64) -> Result<Vec<Payment>> {
    each(db.query(UNHELD).bind(now).bind(limit).all::<PaymentRow>().await?)
}

/// Payments that need this, before one, the newest first. What was to happen by `then` counts.
pub async fn needing(
    db: &Db,
    needs: Needs,
    then: Timestamp,
    before: PaymentId,
    limit: u32,
) -> Result<Vec<Payment>> {
    let query = match needs {
        Needs::Unknown => db.query(NEEDS_ANSWER),
        Needs::Unpaid => db.query(NEEDS_MONEY),
        Needs::Expiring => db.query(NEEDS_CAPTURE).bind(then),
        Needs::PaidWithoutOrder => db.query(NEEDS_ORDER).bind(then),
        Needs::CaptureFailed | Needs::Disputed => db.query(NEEDS_LOOK).bind(needs.word()),
    };
    let query = query.bind(before.uuid()).bind(i64::from(limit));
    each(query.all::<PaymentRow>().await?)
}
