//! A payment, as a row.

use kernel::id::CustomerId;
use kernel::{Currency, Money, Timestamp};
use platform::personal::{ERASED, Kept};
use platform::sql::{Error, Result};
use uuid::Uuid;

use super::{inconsistent, personal};
use crate::domain::payment::{Action, CardShown, Decline, Payment, Pays};

/// The columns of `payment!`.
#[derive(platform::sql::Record)]
pub struct PaymentRow {
    id: Uuid,
    order_id: Uuid,
    customer_id: Option<Uuid>,
    purpose: String,
    pays: Uuid,
    attempt: i64,
    amount_minor: i64,
    currency: String,
    status: String,
    authorized_minor: i64,
    released_minor: i64,
    captured_minor: i64,
    refunded_minor: i64,
    disputed_minor: i64,
    lost_minor: i64,
    version: i64,
    events: i64,
    token: String,
    fingerprint: Option<String>,
    authentication: String,
    processor_ref: Option<String>,
    card_brand: Option<String>,
    card_last4: Option<String>,
    card_sealed: Option<String>,
    decline_code: Option<String>,
    decline_detail: Option<String>,
    action_url: Option<String>,
    action_until: Option<Timestamp>,
    authorized_until: Option<Timestamp>,
    confirmed_at: Option<Timestamp>,
    tries: i64,
    due_at: Option<Timestamp>,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl TryFrom<PaymentRow> for Payment {
    type Error = Error;

    fn try_from(row: PaymentRow) -> Result<Self> {
        let currency: Currency = row.currency.parse().map_err(inconsistent)?;
        let pays = Pays::from_word(&row.purpose, row.pays);
        Ok(Self {
            id: row.id.into(),
            order_id: row.order_id.into(),
            customer: row.customer_id.map(CustomerId::from),
            pays: pays.ok_or_else(|| inconsistent(format!("{:?} pays nothing", row.purpose)))?,
            attempt: row.attempt,
            amount: Money::from_minor(row.amount_minor, currency),
            status: row.status.parse().map_err(inconsistent)?,
            authorized: row.authorized_minor,
            released: row.released_minor,
            captured: row.captured_minor,
            refunded: row.refunded_minor,
            disputed: row.disputed_minor,
            lost: row.lost_minor,
            version: row.version,
            events: row.events,
            token: row.token,
            fingerprint: row.fingerprint,
            authentication: row.authentication.parse().map_err(inconsistent)?,
            processor_ref: row.processor_ref,
            is_erased: row.card_sealed.as_deref() == Some(ERASED),
            card: match row.card_sealed {
                Some(sealed) => personal::sealed(sealed),
                None => row
                    .card_brand
                    .zip(row.card_last4)
                    .map(|(brand, last4)| Kept::Plain(CardShown { brand, last4 })),
            },
            decline: row
                .decline_code
                .zip(row.decline_detail)
                .map(|(code, detail)| Decline { code, detail }),
            action: row.action_url.zip(row.action_until).map(|(url, until)| Action { url, until }),
            authorized_until: row.authorized_until,
            confirmed_at: row.confirmed_at,
            tries: row.tries,
            due_at: row.due_at,
            created_at: row.created_at,
            updated_at: row.updated_at,
        })
    }
}
