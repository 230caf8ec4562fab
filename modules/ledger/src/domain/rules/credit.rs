//! What is posted of gift cards and store credit. An order is owed less by what pays it, as by what the processor
//! took; what is left is owed to those who have it.

use kernel::events::{
    CreditAdjusted, CreditExpired, CreditGivenBack, CreditIssued, CreditRefunded, CreditSpent,
};
use kernel::id::OrderId;
use kernel::ports::CreditKind;
use kernel::{Envelope, Money};

use super::InvalidEvent;
use crate::domain::account::{Account, Kind};
use crate::domain::entry::Entry;

/// The entry of an event of stored value; none for any other.
pub(super) fn credit(event: &Envelope) -> Result<Option<Entry>, InvalidEvent> {
    let grants = Account::of(Kind::CreditGrants);
    let entry = if let Some(issued) = event.open::<CreditIssued>() {
        let issued = issued?;
        let owed = owed(issued.kind);
        of(event, issued.amount, None, "It was given away.", (&grants, &owed))
    } else if let Some(adjusted) = event.open::<CreditAdjusted>() {
        let adjusted = adjusted?;
        let owed = owed(adjusted.kind);
        of(event, adjusted.amount, None, "The staff corrected it.", (&grants, &owed))
    } else if let Some(expired) = event.open::<CreditExpired>() {
        let expired = expired?;
        let rows = (&owed(expired.kind), &Account::of(Kind::Breakage));
        of(event, expired.amount, None, "Its time was over.", rows)
    } else if let Some(spent) = event.open::<CreditSpent>() {
        let spent = spent?;
        let Some(order) = spent.order_id else { return Ok(None) };
        let rows = (&owed(spent.kind), &Account::receivable(order));
        of(event, spent.amount, Some(order), "It pays an order.", rows)
    } else if let Some(given) = event.open::<CreditGivenBack>() {
        let given = given?;
        let Some(order) = given.order_id else { return Ok(None) };
        let rows = (&Account::receivable(order), &owed(given.kind));
        of(event, given.amount, Some(order), "What paid an order went back.", rows)
    } else if let Some(refunded) = event.open::<CreditRefunded>() {
        let refunded = refunded?;
        let Some(order) = refunded.order_id else { return Ok(None) };
        let rows = (&Account::receivable(order), &owed(refunded.kind));
        of(event, refunded.amount, Some(order), "Money of an order became store credit.", rows)
    } else {
        return Ok(None);
    };
    Ok(Some(entry))
}

fn owed(kind: CreditKind) -> Account {
    match kind {
        CreditKind::GiftCard => Account::of(Kind::GiftCards),
        CreditKind::StoreCredit => Account::of(Kind::StoreCredit),
    }
}

fn of(
    event: &Envelope,
    amount: Money,
    order_id: Option<OrderId>,
    description: &str,
    (debit, credit): (&Account, &Account),
) -> Entry {
    let mut entry = Entry {
        key: event.id.to_string(),
        kind: event.kind.clone(),
        occurred_at: event.time,
        order_id,
        payment_id: None,
        description: description.to_owned(),
        currency: amount.currency(),
        postings: Vec::new(),
    };
    entry.post(debit, credit, amount.minor());
    entry
}

#[cfg(test)]
mod tests {
    use kernel::id::CreditAccountId;
    use kernel::{Currency, Event, Timestamp};

    use super::super::{SoFar, entry};
    use super::*;

    fn posted<E: Event>(event: &E) -> Vec<(String, String, i64)> {
        let told = platform::testing::told(event, Timestamp::UNIX_EPOCH);
        let entry = entry(&told, &SoFar::default()).unwrap().expect("an entry");
        let rows = entry.postings.into_iter();
        rows.map(|row| (row.debit.code, row.credit.code, row.amount)).collect()
    }

    #[test]
    fn each_event_moves_what_is_owed_to_those_who_have_it() {
        let (account_id, order) = (CreditAccountId::new(), OrderId::new());
        let kind = CreditKind::GiftCard;
        let (order_id, change_id) = (Some(order), None);
        let amount = Money::from_minor(700, Currency::EUR);
        let row = |debit: &str, credit: &str| vec![(debit.to_owned(), credit.to_owned(), 700)];
        let receivable = format!("receivable:{order}");
        let issued = CreditIssued { account_id, kind, amount, order_id: None, change_id };
        assert_eq!(posted(&issued), row("credit_grants", "gift_cards"));
        let spent = CreditSpent { account_id, kind, amount, order_id, change_id };
        assert_eq!(posted(&spent), row("gift_cards", &receivable));
        let given = CreditGivenBack { account_id, kind, amount, order_id, change_id };
        assert_eq!(posted(&given), row(&receivable, "gift_cards"));
        let kind = CreditKind::StoreCredit;
        let refunded = CreditRefunded { account_id, kind, amount, order_id, change_id };
        assert_eq!(posted(&refunded), row(&receivable, "store_credit"));
        let expired = CreditExpired { account_id, kind, amount, order_id: None, change_id };
        assert_eq!(posted(&expired), row("store_credit", "breakage"));
        let less = Money::from_minor(-700, Currency::EUR);
        let adjusted = CreditAdjusted { account_id, kind, amount: less, order_id: None, change_id };
        assert_eq!(posted(&adjusted), row("store_credit", "credit_grants"));
    }
}
