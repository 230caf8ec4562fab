use std::collections::{BTreeMap, BTreeSet, HashSet};

use chrono::TimeDelta;

use super::super::super::fee::Terms;
use super::super::super::matching::matched;
use super::super::super::replacement::shares;
use super::super::super::settlement::Line;
use super::*;

/// A journal in memory.
#[derive(Default)]
pub struct Journal {
    entries: Vec<Entry>,
    movements: Vec<Movement>,
    called_off: BTreeSet<OrderId>,
    replacements: BTreeMap<OrderId, OrderId>,
}

impl Journal {
    fn so_far(&self, order: OrderId) -> SoFar {
        let mut sold: BTreeMap<(Account, Account), i64> = BTreeMap::new();
        let sales = self.entries.iter().filter(|it| it.order_id == Some(order));
        for posting in
            sales.filter(|it| SALE.contains(&it.kind.as_str())).flat_map(|it| &it.postings)
        {
            let (debit, credit) = (posting.debit.clone(), posting.credit.clone());
            if debit.kind == Kind::Receivable {
                *sold.entry((debit, credit)).or_default() += posting.amount;
            } else {
                *sold.entry((credit, debit)).or_default() -= posting.amount;
            }
        }
        let sold = sold.into_iter().map(|((receivable, account), minor)| Sold {
            receivable,
            account,
            minor,
            currency: Currency::EUR,
        });
        let balances = self.balances();
        let of = |account| balances.get(&account).copied().map(euros);
        SoFar {
            sold: sold.collect(),
            goodwill: of(Account::goodwill(order)),
            dispute_losses: of(Account::dispute_losses(order)),
            is_called_off: self.called_off.contains(&order),
            replacement: None,
        }
    }

    pub fn hear(&mut self, event: &Envelope) {
        let about = event.data["order_id"].as_str().unwrap();
        let so_far = self.so_far(Uuid::parse_str(about).unwrap().into());
        let so_far = SoFar { replacement: self.replacement(event), ..so_far };
        self.called_off.extend(ends(event));
        self.entries.extend(entry(event, &so_far).unwrap());
        self.movements.extend(movement(event).unwrap());
    }

    fn replacement(&mut self, event: &Envelope) -> Option<Replacement> {
        let (order_id, account) = shares(event).unwrap()?;
        if let Some(account) = account {
            self.replacements.entry(order_id).or_insert(account);
        }
        let account_id = *self.replacements.get(&order_id)?;
        let balances = self.balances();
        let owed = balances.get(&Account::receivable(order_id)).copied().unwrap_or_default();
        Some(Replacement { order_id, account_id, owed })
    }

    pub fn balances(&self) -> BTreeMap<Account, i64> {
        let mut balances = BTreeMap::new();
        for posting in self.entries.iter().flat_map(|entry| &entry.postings) {
            assert!(posting.amount > 0 && posting.debit != posting.credit);
            *balances.entry(posting.debit.clone()).or_default() += posting.amount;
            *balances.entry(posting.credit.clone()).or_default() -= posting.amount;
        }
        balances.retain(|_, minor: &mut i64| *minor != 0);
        balances
    }

    /// The processor settles everything as it happened.
    pub fn settle(&mut self) {
        let terms = Terms { fee_ppm: 14_000, fee_fixed_minor: 25, payout_days: 2 };
        let line = |movement: &Movement| {
            let gross = movement.kind.signed(movement.amount.minor());
            let fee = if movement.kind == LineKind::Charge { terms.fee(gross) } else { 0 };
            Line {
                id: movement.id.clone(),
                kind: movement.kind,
                payment_id: Some(movement.payment_id),
                charge: None,
                gross: euros(gross),
                fee: euros(fee),
                created_at: movement.occurred_at,
                available_on: movement.occurred_at + TimeDelta::days(1),
            }
        };
        let lines: Vec<Line> = self.movements.iter().map(line).collect();
        for found in matched(&lines, &self.movements, HashSet::new(), &terms) {
            assert_eq!(found.difference, None);
            self.entries.extend(found.entry);
        }
    }
}
