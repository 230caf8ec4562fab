//! Histories that are not drawn.

use super::*;

impl Shop {
    fn dispute(&mut self, end: Option<&str>) {
        let (payment_id, left) = &mut self.payments[0];
        let (payment_id, amount) = (*payment_id, euros(*left));
        let (order_id, charge, by_staff) = (self.order, None, false);
        let (change_id, reason) = (None, Some("fraudulent".to_owned()));
        self.events.push(told(&PaymentDisputed {
            payment_id,
            order_id,
            change_id,
            amount,
            reason,
            charge: charge.clone(),
            by_staff,
        }));
        let Some(end) = end else { return };
        let reason = Some(end.to_owned());
        self.events.push(told(&PaymentDisputeClosed {
            payment_id,
            order_id,
            change_id,
            amount,
            reason,
            charge,
            by_staff,
        }));
        if end == "lost" {
            self.payments[0].1 = 0;
        }
    }

    /// What is left, by kind and whatever order its events come in.
    fn left_open(&self) -> BTreeMap<Kind, i64> {
        let all = (0..self.events.len() * 3).map(|first| {
            let mut journal = Journal::default();
            for event in shuffled(&self.events, &[first, first / 2, 1]) {
                journal.hear(&event);
            }
            journal.settle();
            let mut left = BTreeMap::new();
            for (account, minor) in journal.balances() {
                *left.entry(account.kind).or_default() += minor;
            }
            left.retain(|kind: &Kind, minor| {
                let is_open = [Kind::Receivable, Kind::Clearing, Kind::Disputes];
                *minor != 0 && (is_open.contains(kind) || *kind == Kind::DisputeLosses)
            });
            left
        });
        let all: Vec<_> = all.collect();
        assert!(all.iter().all(|left| *left == all[0]), "the order of events matters: {all:?}");
        all[0].clone()
    }
}

#[test]
fn a_dispute_holds_the_money_back_until_it_ends() {
    let mut open = Shop::new(1_000, false);
    open.dispute(None);
    let held = [(Kind::Clearing, -1_000), (Kind::Disputes, 1_000)];
    assert_eq!(open.left_open(), BTreeMap::from(held));
    let mut won = Shop::new(1_000, false);
    won.dispute(Some("won"));
    assert_eq!(won.left_open(), BTreeMap::new());
    let mut lost = Shop::new(1_000, false);
    lost.dispute(Some("lost"));
    assert_eq!(lost.left_open(), BTreeMap::from([(Kind::DisputeLosses, 1_000)]));
}

#[test]
fn what_a_dispute_takes_of_an_order_that_was_called_off_is_no_loss() {
    let mut lost = Shop::new(1_000, false);
    lost.dispute(Some("lost"));
    lost.call_off(lost.order, true);
    assert_eq!(lost.left_open(), BTreeMap::new());
    let mut won = Shop::new(1_000, false);
    won.call_off(won.order, true);
    won.dispute(Some("won"));
    won.give(1_000, false);
    assert_eq!(won.left_open(), BTreeMap::new());
}

#[test]
fn an_order_that_was_never_sold_leaves_nothing() {
    let mut shop = Shop::new(1_000, false);
    shop.events.remove(0);
    shop.give(300, true);
    shop.call_off(shop.order, false);
    shop.give(700, false);
    let count = shop.events.len();
    for first in 0..count {
        let mut journal = Journal::default();
        for event in shuffled(&shop.events, &[first]) {
            journal.hear(&event);
        }
        journal.settle();
        let open = journal.balances().into_iter().filter(|(account, _)| account.subject.is_some());
        assert_eq!(open.collect::<Vec<_>>(), []);
    }
}

#[test]
fn an_event_whose_amounts_make_no_sense_is_refused() {
    let shop = Shop::new(1_000, false);
    let mut confirmed = shop.events[0].clone();
    confirmed.data["breakdown"]["tax"]["amount"] = "9.99".into();
    assert!(matches!(entry(&confirmed, &SoFar::default()), Err(InvalidEvent::Parts)));
    confirmed.data["breakdown"]["tax"]["currency"] = "USD".into();
    assert!(matches!(entry(&confirmed, &SoFar::default()), Err(InvalidEvent::Currencies(..))));
    confirmed.data["total"] = serde_json::Value::Null;
    assert!(matches!(entry(&confirmed, &SoFar::default()), Err(InvalidEvent::Unreadable(_))));
}

#[test]
fn an_exchange_of_old_leaves_no_two_accounts_open() {
    for then in [Then::Kept, Then::CalledOff, Then::GivenBack] {
        let mut shop = Shop::new(5_000, true);
        shop.exchange(1_000, 3_000, then, true);
        assert_eq!(shop.left_open(), BTreeMap::new(), "{then:?}");
        // In the order in which they happened each account is at zero, and not only their sum.
        let mut journal = Journal::default();
        for event in &shop.events {
            journal.hear(event);
        }
        let owed = journal.balances().into_iter().filter(|(it, _)| it.kind == Kind::Receivable);
        assert_eq!(owed.collect::<Vec<_>>(), [], "{then:?}");
    }
}
