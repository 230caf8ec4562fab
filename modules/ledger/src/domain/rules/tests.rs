//! Random histories of orders and their payments, told in any order that the bus may deliver them in.
#![cfg(test)]

mod cases;
mod journal;

use std::collections::BTreeMap;

use kernel::Timestamp;
use kernel::events::{CategoryGoods, SoldLine};
use kernel::id::{ChangeId, CustomerId};
use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use journal::Journal;

fn euros(minor: i64) -> Money {
    Money::from_minor(minor, Currency::EUR)
}

fn told<E: Event>(event: &E) -> Envelope {
    platform::testing::told(event, Timestamp::UNIX_EPOCH)
}

/// A total as it may be made up; of an order of old that is not told.
fn made_of(total: i64, is_old: bool) -> Option<Breakdown> {
    let (tax, shipping) = (total / 6, total.min(490) / 3);
    let home = (total - tax - shipping) / 2;
    let goods = [(Some("Home"), home), (None, total - tax - shipping - home)];
    let goods = goods.map(|(category, minor)| CategoryGoods {
        category: category.map(str::to_owned),
        amount: euros(minor),
    });
    let told = Breakdown { goods: goods.to_vec(), shipping: euros(shipping), tax: euros(tax) };
    (!is_old).then_some(told)
}

/// What becomes of goods that were sent for others.
#[derive(Debug, Clone, Copy)]
enum Then {
    Kept,
    CalledOff,
    GivenBack,
}

/// What may happen to an order.
#[derive(Debug, Clone)]
enum Step {
    Dearer(i64),
    Cheaper(i64),
    Refund(i64),
    ByStaff(i64),
    Exchange { value: i64, price: i64, then: Then, is_untold: bool },
    CallOff,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (1..5_000_i64).prop_map(Step::Dearer),
        (1..5_000_i64).prop_map(Step::Cheaper),
        (1..5_000_i64).prop_map(Step::Refund),
        (1..2_000_i64).prop_map(Step::ByStaff),
        exchange(),
        Just(Step::CallOff),
    ]
}

fn exchange() -> impl Strategy<Value = Step> {
    let then = prop_oneof![Just(Then::Kept), Just(Then::CalledOff), Just(Then::GivenBack)];
    let drawn = (1..5_000_i64, 0..8_000_i64, then, any::<bool>());
    drawn.prop_map(|(value, price, then, is_untold)| Step::Exchange {
        value,
        price,
        then,
        is_untold,
    })
}

/// An order, its payments, and what is told of them.
struct Shop {
    order: OrderId,
    is_old: bool,
    total: i64,
    /// What the order can still give back.
    left: i64,
    has_left: bool,
    /// Each payment, with what can be given back of it.
    payments: Vec<(PaymentId, i64)>,
    events: Vec<Envelope>,
}

impl Shop {
    fn new(total: i64, is_old: bool) -> Self {
        let order = OrderId::new();
        let mut shop = Self {
            order,
            is_old,
            total,
            left: total,
            has_left: false,
            payments: vec![],
            events: vec![],
        };
        shop.confirm(order, total, None);
        shop.capture(total);
        shop
    }

    fn confirm(&mut self, order_id: OrderId, total: i64, account_id: Option<OrderId>) {
        let (number, customer_id) = ("S-1".to_owned(), CustomerId::new());
        let (lines, breakdown) = (Vec::<SoldLine>::new(), made_of(total, self.is_old));
        let total = euros(total);
        let event =
            OrderConfirmed { order_id, number, customer_id, lines, total, breakdown, account_id };
        self.events.push(told(&event));
    }

    fn capture(&mut self, minor: i64) {
        let payment_id = PaymentId::new();
        self.payments.push((payment_id, minor));
        self.events.push(told(&PaymentCaptured {
            payment_id,
            order_id: self.order,
            change_id: None,
            amount: euros(minor),
            reason: None,
            charge: None,
            by_staff: false,
        }));
    }

    fn refundable(&self) -> i64 {
        self.payments.iter().map(|(_, left)| left).sum()
    }

    /// The payments give so much, the first as much as it can.
    fn give(&mut self, minor: i64, by_staff: bool) {
        let mut missing = minor;
        for (payment_id, left) in &mut self.payments {
            let part = missing.min(*left);
            (missing, *left) = (missing - part, *left - part);
            if part > 0 {
                self.events.push(told(&PaymentRefunded {
                    payment_id: *payment_id,
                    order_id: self.order,
                    change_id: None,
                    amount: euros(part),
                    reason: None,
                    charge: None,
                    by_staff,
                }));
            }
        }
        assert_eq!(missing, 0);
    }

    fn refunded(&mut self, order_id: OrderId, minor: i64, is_sold: bool, is_difference: bool) {
        self.events.push(told(&OrderRefunded {
            order_id,
            change_id: ChangeId::new(),
            customer_id: CustomerId::new(),
            amount: euros(minor),
            tax: (!self.is_old).then_some(euros(minor / 7)),
            account_id: (order_id != self.order).then_some(self.order),
            confirmed_at: Timestamp::UNIX_EPOCH,
            is_sold,
            is_difference,
            lines: vec![],
        }));
    }

    fn call_off(&mut self, order_id: OrderId, was_confirmed: bool) {
        self.events.push(told(&OrderCancelled {
            order_id,
            customer_id: CustomerId::new(),
            lines: vec![],
            total: euros(self.total),
            confirmed_at: Timestamp::UNIX_EPOCH,
            reason: "other".to_owned(),
            was_confirmed,
            refunded: None,
            replaces: None,
        }));
    }

    fn edit(&mut self, total: i64) {
        self.events.push(told(&OrderEdited {
            order_id: self.order,
            change_id: ChangeId::new(),
            customer_id: CustomerId::new(),
            lines_before: vec![],
            lines: vec![],
            released: vec![],
            total_before: euros(self.total),
            total: euros(total),
            breakdown_before: made_of(self.total, self.is_old),
            breakdown: made_of(total, self.is_old),
            confirmed_at: Timestamp::UNIX_EPOCH,
            reason: "other".to_owned(),
        }));
        self.left += total - self.total;
        self.total = total;
    }

    /// Events of old, which do not tell everything, have other payments than their own hold the money too.
    fn exchange(&mut self, value: i64, price: i64, then: Then, is_untold: bool) {
        let replacement = OrderId::new();
        let credit = value.min(price);
        self.confirm(replacement, price, (!is_untold).then_some(self.order));
        self.events.push(told(&OrderExchanged {
            order_id: self.order,
            change_id: ChangeId::new(),
            customer_id: CustomerId::new(),
            replacement_id: replacement,
            account_id: self.order,
            credit: euros(credit),
            credit_tax: (!is_untold).then_some(euros(credit / 7)),
            charged: euros(price - credit),
            refund: euros(value - credit),
            confirmed_at: Timestamp::UNIX_EPOCH,
        }));
        if price > credit {
            self.capture(price - credit);
        }
        if value > credit {
            self.give(value - credit, false);
            self.refunded(self.order, value - credit, true, false);
        }
        if price == 0 || price > self.refundable() {
            return;
        }
        match then {
            Then::Kept => {}
            Then::CalledOff => {
                self.call_off(replacement, true);
                self.give(price, false);
                self.refunded(replacement, price, false, false);
            }
            Then::GivenBack => {
                self.give(price, false);
                self.refunded(replacement, price, true, false);
                let untold = self.events.last_mut().filter(|_| is_untold);
                untold.map(|event| event.data.as_object_mut().unwrap().remove("account_id"));
            }
        }
    }

    /// Does a step as far as it is possible. False when nothing can come after it.
    fn step(&mut self, step: &Step) -> bool {
        let most = self.left.min(self.refundable());
        match *step {
            Step::Dearer(more) if !self.has_left => {
                self.edit(self.total + more);
                self.capture(more);
            }
            Step::Cheaper(less) if !self.has_left && less <= most && less < self.total => {
                self.edit(self.total - less);
                self.give(less, false);
                self.refunded(self.order, less, true, true);
            }
            Step::Refund(amount) if amount <= most => {
                self.left -= amount;
                self.give(amount, false);
                self.refunded(self.order, amount, true, false);
            }
            Step::ByStaff(amount) if amount <= self.refundable() => self.give(amount, true),
            Step::Exchange { value, price, then, is_untold } if value <= most => {
                (self.left, self.has_left) = (self.left - value, true);
                self.exchange(value, price, then, is_untold);
            }
            Step::CallOff if !self.has_left => {
                self.call_off(self.order, true);
                self.give(self.refundable(), false);
                return false;
            }
            _ => {}
        }
        true
    }
}

/// The events in another order: `picks` says whose event comes next, and those of one subject stay in theirs.
fn shuffled(events: &[Envelope], picks: &[usize]) -> Vec<Envelope> {
    let mut queues: Vec<Vec<Envelope>> = Vec::new();
    for event in events.iter().rev() {
        match queues.iter_mut().find(|queue| queue[0].subject == event.subject) {
            Some(queue) => queue.push(event.clone()),
            None => queues.push(vec![event.clone()]),
        }
    }
    let mut told = Vec::new();
    let mut picks = picks.iter().copied().cycle();
    while !queues.is_empty() {
        let n = picks.next().unwrap_or(0) % queues.len();
        told.extend(queues[n].pop());
        queues.retain(|queue| !queue.is_empty());
    }
    told
}

proptest! {
    #[test]
    fn when_all_is_done_nothing_is_owed_and_the_processor_holds_nothing(
        total in 1..20_000_i64, is_old in any::<bool>(),
        steps in prop::collection::vec(step(), 0..8),
        orders in prop::collection::vec(prop::collection::vec(0..50_usize, 1..40), 2..4),
    ) {
        let mut shop = Shop::new(total, is_old);
        let mut steps = steps.iter();
        while steps.next().is_some_and(|step| shop.step(step)) {}
        let mut all = Vec::new();
        for picks in &orders {
            let mut journal = Journal::default();
            for event in shuffled(&shop.events, picks) {
                journal.hear(&event);
            }
            journal.settle();
            let balances = journal.balances();
            for (account, minor) in &balances {
                let is_done = !matches!(account.kind, Kind::Receivable | Kind::Clearing);
                prop_assert!(is_done, "{} has {}", account.code, minor);
            }
            prop_assert_eq!(balances.values().sum::<i64>(), 0);
            all.push(balances);
        }
        for balances in &all {
            prop_assert_eq!(balances, &all[0], "the order of events matters");
        }
    }
}
