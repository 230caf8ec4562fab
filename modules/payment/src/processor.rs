//! What a payment processor is to us. Every command carries our key, and the processor does what it
//! says at most once for each key.

use async_trait::async_trait;
use kernel::Money;
use kernel::id::PaymentId;
use kernel::ports::Unavailable;
use serde::{Deserialize, Serialize};

use crate::domain::card::Card;

/// What stands for a card from now on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// Unguessable.
    pub token: String,
    /// The card's scheme, e.g. `visa`.
    pub brand: String,
    /// The last four digits.
    pub last4: String,
    /// The month it expires, 1 to 12.
    pub exp_month: i64,
    /// The year it expires.
    pub exp_year: i64,
}

/// A charge in the processor's books. Amounts are in minor units.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Charge {
    /// The processor's own id of it.
    pub id: String,
    /// Our payment, as we named it.
    pub reference: PaymentId,
    /// The currency of the amounts.
    pub currency: String,
    /// What was set aside, also after it was let go again.
    pub authorized: i64,
    /// Whether it is set aside now: neither taken nor let go.
    pub held: bool,
    /// What was taken.
    pub captured: i64,
    /// What of it was given back.
    pub refunded: i64,
    /// The card's scheme.
    pub brand: String,
    /// The card's last four digits.
    pub last4: String,
}

/// The processor's definite answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    /// Done.
    Approved(Charge),
    /// The shopper has to authenticate first.
    RequiresAction {
        /// The charge that waits for it.
        charge: Charge,
        /// Where the shopper is sent.
        url: String,
    },
    /// Not done, and never will be for this key.
    Declined {
        /// A stable word, e.g. `insufficient_funds`.
        code: String,
        /// What the shopper may be told.
        detail: String,
    },
}

/// An authorization to be made.
#[derive(Clone)]
pub struct NewCharge {
    /// Our payment.
    pub reference: PaymentId,
    /// How much.
    pub amount: Money,
    /// The card.
    pub token: String,
}

/// A payment processor. [`Unavailable`] always means that the outcome is unknown: the command may
/// have taken effect, so ask [`Processor::find`] or repeat it with the same key.
#[async_trait]
pub trait Processor: Send + Sync {
    /// Keeps a card and gives a token for it.
    async fn tokenize(&self, card: Card) -> Result<Token, Unavailable>;

    /// Sets an amount aside.
    async fn authorize(&self, key: &str, charge: NewCharge) -> Result<Outcome, Unavailable>;

    /// Takes an amount that was set aside.
    async fn capture(&self, key: &str, charge: &str, amount: Money)
    -> Result<Outcome, Unavailable>;

    /// Lets go of an amount that was set aside, or ends a charge that waits for the shopper.
    async fn void(&self, key: &str, charge: &str) -> Result<Outcome, Unavailable>;

    /// Gives back an amount that was taken.
    async fn refund(&self, key: &str, charge: &str, amount: Money) -> Result<Outcome, Unavailable>;

    /// How the command with this key stands now; None when there is no final answer to it yet.
    async fn find(&self, key: &str) -> Result<Option<Outcome>, Unavailable>;

    /// The charges for payments after this one, in the order of the payments' ids.
    async fn charges(
        &self,
        after: Option<PaymentId>,
        limit: u32,
    ) -> Result<Vec<Charge>, Unavailable>;
}
