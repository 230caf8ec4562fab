use kernel::id::{OrderId, PaymentId};
use kernel::{Currency, Timestamp};

use super::account::Account;

/// An amount that is debited to one account and credited to another, in minor units above zero. An entry of
/// such rows is balanced, whatever they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Posting {
    pub debit: Account,
    pub credit: Account,
    pub amount: i64,
}

/// What happened, as the journal keeps it. All of it is in one currency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    /// What it is known by: it is journaled once.
    pub key: String,
    /// A stable word, such as the name of an event.
    pub kind: String,
    pub occurred_at: Timestamp,
    pub order_id: Option<OrderId>,
    pub payment_id: Option<PaymentId>,
    /// What happened, for people.
    pub description: String,
    pub currency: Currency,
    pub postings: Vec<Posting>,
}

impl Entry {
    /// Debits one account and credits another; the other way round when the amount is below zero.
    pub(crate) fn post(&mut self, debit: &Account, credit: &Account, amount: i64) {
        let (debit, credit) = if amount < 0 { (credit, debit) } else { (debit, credit) };
        if amount != 0 {
            let (debit, credit) = (debit.clone(), credit.clone());
            let amount = amount.saturating_abs();
            self.postings.push(Posting { debit, credit, amount });
        }
    }

    /// What it debits to an account less what it credits.
    pub(crate) fn moved(&self, account: &Account) -> i64 {
        let moved = |posting: &Posting| match account {
            it if *it == posting.debit => posting.amount,
            it if *it == posting.credit => -posting.amount,
            _ => 0,
        };
        self.postings.iter().map(moved).sum()
    }
}
