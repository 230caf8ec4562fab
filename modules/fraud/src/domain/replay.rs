//! History, one payment after the other, as a shop lives through it.

use std::collections::{HashMap, VecDeque};

use super::features::{CUSTOMER_SPAN, Features, PAST_MAX, Past, TERMINAL_SPAN, features};
use super::transaction::Transaction;

/// The payments of customers and terminals that are young enough to be looked at. Of each only the newest
/// [`PAST_MAX`] are kept.
#[derive(Debug, Default)]
pub struct Replay {
    customers: HashMap<u64, VecDeque<Past>>,
    terminals: HashMap<u64, VecDeque<Past>>,
}

impl Replay {
    /// What is known of a payment when it is made. They must come in the order of time.
    pub fn features(&mut self, of: &Transaction) -> Features {
        let customer = self.customers.entry(of.customer).or_default().make_contiguous();
        let terminal = self.terminals.entry(of.terminal).or_default().make_contiguous();
        features(of.at, of.cents, customer, terminal)
    }

    /// Keeps a payment for those that follow.
    pub fn keep(&mut self, made: &Transaction) {
        let Transaction { at, cents, is_fraud, .. } = *made;
        let past = Past { at, cents, is_fraud };
        push(self.customers.entry(made.customer).or_default(), past, CUSTOMER_SPAN);
        push(self.terminals.entry(made.terminal).or_default(), past, TERMINAL_SPAN);
    }
}

fn push(kept: &mut VecDeque<Past>, past: Past, span: i64) {
    while kept.front().is_some_and(|oldest| oldest.at <= past.at - span) || kept.len() >= PAST_MAX {
        kept.pop_front();
    }
    kept.push_back(past);
}

/// The features of those payments that are `wanted`, with the payment of each. They must be in the order of
/// time; all of them are history of those that follow.
pub fn replay(
    history: &[Transaction],
    wanted: impl Fn(&Transaction) -> bool,
) -> Vec<(Transaction, Features)> {
    let mut replay = Replay::default();
    let mut told = Vec::new();
    for made in history {
        if wanted(made) {
            told.push((*made, replay.features(made)));
        }
        replay.keep(made);
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::simulator::{Simulation, simulate};

    /// Only what a shop's statements would find, from nothing but the rows.
    fn looked_up(rows: &[Transaction], of: &Transaction) -> Features {
        let find = |is_mine: &dyn Fn(&Transaction) -> bool, span: i64| {
            let young = rows.iter().filter(|row| is_mine(row) && row.at > of.at - span);
            let mut past: Vec<Past> = young
                .map(|row| Past { at: row.at, cents: row.cents, is_fraud: row.is_fraud })
                .collect();
            past.drain(..past.len().saturating_sub(PAST_MAX));
            past
        };
        let customer = find(&|row| row.customer == of.customer, CUSTOMER_SPAN);
        let terminal = find(&|row| row.terminal == of.terminal, TERMINAL_SPAN);
        features(of.at, of.cents, &customer, &terminal)
    }

    #[test]
    fn what_is_kept_says_the_same_as_what_is_looked_up() {
        let small = Simulation { customers: 30, terminals: 40, days: 60, ..Simulation::default() };
        let history = simulate(&Simulation { radius: 30.0, ..small });
        assert!(history.len() > 2_000);
        for (place, (made, told)) in replay(&history, |_| true).into_iter().enumerate() {
            let found = looked_up(&history[..place], &made);
            assert_eq!(told.map(f64::to_bits), found.map(f64::to_bits), "payment {place}");
        }
    }
}
