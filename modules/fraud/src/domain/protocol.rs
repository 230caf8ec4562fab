//! How a model is measured: the protocol of the Fraud Detection Handbook, chapters 3 and 5. A model learns
//! from seven days, nothing is known of the seven that follow, and it is measured on the next seven.
//! A random split would let it look into the future.

use std::collections::HashSet;

use super::features::Features;
use super::transaction::Transaction;

/// Days a model learns from.
pub const TRAIN_DAYS: i64 = 7;
/// Days until labels are known.
pub const DELAY_DAYS: i64 = 7;
/// Days it is measured on.
pub const TEST_DAYS: i64 = 7;
/// How many tests there are; each begins a week after the one before.
pub const FOLDS: i64 = 4;

/// A payment with what is known of it.
pub type Row = (Transaction, Features);

/// A week to learn from and a week to be measured on.
#[derive(Debug, Clone, Copy)]
pub struct Fold {
    /// The first day of training.
    pub first: i64,
    /// How many days are learnt from; the last is always the same.
    pub train_days: i64,
}

impl Fold {
    /// The fold whose test week begins on this day.
    pub const fn before(test: i64, train_days: i64) -> Self {
        Self { first: test - DELAY_DAYS - train_days, train_days }
    }

    /// The first day of the test.
    pub const fn test(&self) -> i64 {
        self.first + self.train_days + DELAY_DAYS
    }

    /// What is learnt from.
    pub fn training<'a>(&self, rows: &'a [Row]) -> Vec<&'a Row> {
        let days = self.first..self.first + self.train_days;
        rows.iter().filter(|(made, _)| days.contains(&made.day())).collect()
    }

    /// What it is measured on: the payments of a day, but for those with cards that were known to be
    /// compromised by then. They are blocked, and would be easy to find.
    pub fn testing<'a>(&self, rows: &'a [Row]) -> Vec<&'a Row> {
        let (begin, end) = (self.first + self.train_days - TRAIN_DAYS, self.test() + TEST_DAYS);
        let mut frauds: Vec<(i64, u64)> = rows
            .iter()
            .filter(|(made, _)| made.is_fraud && (begin..end).contains(&made.day()))
            .map(|(made, _)| (made.day(), made.customer))
            .collect();
        frauds.sort_unstable();
        let mut testing = Vec::new();
        for day in self.test()..end {
            let known = frauds.partition_point(|(of, _)| *of < day - DELAY_DAYS);
            let blocked: HashSet<u64> = frauds[..known].iter().map(|(_, card)| *card).collect();
            let of_day = rows.iter().filter(|(made, _)| made.day() == day);
            testing.extend(of_day.filter(|(made, _)| !blocked.contains(&made.customer)));
        }
        testing
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::features::COUNT;
    use crate::domain::transaction::DAY;

    fn row(day: i64, customer: u64, is_fraud: bool) -> Row {
        let made = Transaction {
            id: 0,
            at: day * DAY,
            customer,
            terminal: 1,
            cents: 1,
            is_fraud,
            scenario: 0,
        };
        (made, [0.0; COUNT])
    }

    #[test]
    fn a_card_is_blocked_when_its_fraud_is_known() {
        let fold = Fold::before(114, TRAIN_DAYS);
        assert_eq!((fold.first, fold.test()), (100, 114));
        let rows = [
            row(100, 1, true),
            row(108, 2, true),
            row(114, 1, false),
            row(115, 2, false),
            row(116, 2, false),
            row(121, 3, false),
        ];
        assert_eq!(fold.training(&rows).len(), 1);
        let days: Vec<_> = fold.testing(&rows).iter().map(|(made, _)| made.day()).collect();
        assert_eq!(days, [115], "day 116 is the first that knows of day 108");
    }
}
