//! A payment of history, as a model learns from it.

/// Seconds of a day.
pub const DAY: i64 = 86_400;

/// A payment, and whether it turned out to be fraud. It is what a row of the Fraud Detection Handbook's data
/// says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Transaction {
    /// Its number; among payments of the same second it says which came first.
    pub id: u64,
    /// When it was made, in seconds since 1970 (UTC).
    pub at: i64,
    /// Whose card it was made with. In a shop: the account.
    pub customer: u64,
    /// Where it was made. In a shop: where the goods go to.
    pub terminal: u64,
    /// The amount in hundredths.
    pub cents: i64,
    /// Whether it was fraud.
    pub is_fraud: bool,
    /// The scenario that made it fraud, 1 to 3; 0 for none.
    pub scenario: u8,
}

impl Transaction {
    /// The day it was made, counted from 1970-01-01.
    pub const fn day(&self) -> i64 {
        self.at.div_euclid(DAY)
    }
}
