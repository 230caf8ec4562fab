use async_trait::async_trait;

use super::Unavailable;
use crate::clock::Timestamp;
use crate::id::PaymentId;
use crate::money::Money;

/// What a line of a settlement is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum SettledKind {
    /// The processor took an amount.
    Charge,
    /// It gave one back.
    Refund,
    /// A dispute that was lost took one away.
    Dispute,
}

/// An amount that a processor took, gave back or took away, as it settles it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettledLine {
    /// The processor's id of the line; the same each time it is told.
    pub id: String,
    /// What it is about.
    pub kind: SettledKind,
    /// The payment, where the processor has noted it.
    pub payment_id: Option<PaymentId>,
    /// The charge, as the shop knows it from the processor.
    pub charge: Option<String>,
    /// What the shop has more of by it: below zero when money leaves.
    pub gross: Money,
    /// What the processor keeps, in the currency of `gross`.
    pub fee: Money,
    /// When it was booked.
    pub created_at: Timestamp,
    /// When its money is available.
    pub available_on: Timestamp,
}

/// Why it is not known what a processor settled.
#[derive(Debug, thiserror::Error)]
pub enum SettlementError {
    /// It is more than was asked for; ask for a shorter time.
    #[error("the processor settled more than {0} amounts in that time; ask for a shorter one")]
    TooMany(usize),
    /// It did not answer.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// Knows what the processor of payments settles.
#[async_trait]
pub trait Settlements: Send + Sync {
    /// What was booked from one moment on and before another, all of it or an error; `most` is how many amounts are
    /// read at the most. A dispute that was lost is told when it is known to be, also where its money was taken before `from`.
    async fn settled(
        &self,
        from: Timestamp,
        until: Timestamp,
        most: usize,
    ) -> Result<Vec<SettledLine>, SettlementError>;
}
