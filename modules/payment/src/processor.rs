//! What a payment processor is to us. Every command carries our key, and the processor does what it
//! says at most once for each key.

use actix_web::HttpRequest;
use async_trait::async_trait;
use kernel::id::PaymentId;
use kernel::ports::{SettledLine, SettlementError, Unavailable};
use kernel::problem::Problem;
use kernel::{Money, Timestamp};
use platform::webhook::Signed;
use serde::{Deserialize, Serialize};

use crate::domain::authentication::{Authentication, Exemption};
use crate::domain::dispute::State;

/// The code of a refusal that asks for authentication: an exemption was not granted.
pub const AUTHENTICATION_REQUIRED: &str = "authentication_required";

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
    /// What of it disputes took away.
    #[serde(default)]
    pub lost: i64,
    /// When what is set aside is let go by itself.
    #[serde(default)]
    pub authorized_until: Option<Timestamp>,
    /// How the card's holder was authenticated.
    #[serde(default)]
    pub authentication: Authentication,
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

/// A dispute in the processor's books.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disputed {
    /// The processor's own id of it.
    pub id: String,
    /// What it is about, in minor units.
    pub amount: i64,
    /// Why, as the processor puts it.
    pub reason: String,
    /// Where it stands.
    pub state: State,
    /// Until when the merchant may say something.
    pub respond_by: Timestamp,
    /// When it was opened.
    pub opened_at: Timestamp,
    /// When it ended.
    pub closed_at: Option<Timestamp>,
}

/// What a merchant says to a dispute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer<'a> {
    /// That it is wrong, and why.
    Evidence(&'a str),
    /// That it is right.
    Accept,
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
    /// Whether the shopper has to authenticate, whatever the processor thinks of the card.
    pub challenge: bool,
    /// Why authentication may be left out. Whoever does not grant it declines with [`AUTHENTICATION_REQUIRED`]; Stripe is
    /// not told, and claims exemptions by itself.
    pub exemption: Option<Exemption>,
}

/// What a processor tells by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct News {
    /// The event; the same each time it is told.
    pub id: String,
    /// What happened, in a word of the house where there is one.
    pub kind: String,
    /// Our payment.
    pub reference: PaymentId,
}

/// Why it is not known what a processor tells.
#[derive(Debug, thiserror::Error)]
pub enum NoNews {
    /// It is signed, and says nothing that can be read.
    #[error("{0}")]
    Unreadable(Problem),
    /// The processor has to be asked which payment it means, and does not answer.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

impl From<Problem> for NoNews {
    fn from(problem: Problem) -> Self {
        Self::Unreadable(problem)
    }
}

/// A payment processor. [`Unavailable`] always means that the outcome is unknown: the command may
/// have taken effect, so ask [`Processor::find`] or repeat it with the same key.
#[async_trait]
pub trait Processor: Send + Sync {
    /// What it is called in the path of its webhooks.
    fn name(&self) -> &'static str;

    /// What tells the card behind a token again: the same for the same number, and nothing that the number could be
    /// made of. None when the token is not known or the processor does not say that.
    async fn fingerprint(&self, _token: &str) -> Result<Option<String>, Unavailable> {
        Ok(None)
    }

    /// Sets an amount aside.
    async fn authorize(&self, key: &str, charge: NewCharge) -> Result<Outcome, Unavailable>;

    /// Takes an amount that was set aside.
    async fn capture(&self, key: &str, charge: &str, amount: Money)
    -> Result<Outcome, Unavailable>;

    /// Lets go of an amount that was set aside, or ends a charge that waits for the shopper.
    async fn void(&self, key: &str, charge: &str) -> Result<Outcome, Unavailable>;

    /// Gives back an amount that was taken.
    async fn refund(&self, key: &str, charge: &str, amount: Money) -> Result<Outcome, Unavailable>;

    /// Answers the open dispute of a charge.
    async fn answer(
        &self,
        key: &str,
        charge: &str,
        answer: Answer<'_>,
    ) -> Result<Outcome, Unavailable>;

    /// A charge as it stands now; None when there is none with this id.
    async fn charge(&self, id: &str) -> Result<Option<Charge>, Unavailable>;

    /// The newest dispute of a charge.
    async fn dispute(&self, charge: &str) -> Result<Option<Disputed>, Unavailable>;

    /// What a call that came to the shop says of its signature; None when it is not signed at all.
    fn signed<'a>(&self, request: &'a HttpRequest, body: &'a [u8]) -> Option<Signed<'a>> {
        Signed::of(request, body)
    }

    /// Whether a call that came to the shop is signed by the processor.
    async fn has_signed(&self, call: Signed<'_>) -> Result<bool, Unavailable>;

    /// What a call tells that the processor has signed; None when it is about no payment of the shop.
    async fn news(&self, call: Signed<'_>) -> Result<Option<News>, NoNews>;

    /// How the command with this key stands now; None when there is no final answer to it yet, or none
    /// that can be found but by its repetition. `charge` is the charge it was made for, once it is known.
    async fn find(&self, key: &str, charge: Option<&str>) -> Result<Option<Outcome>, Unavailable>;

    /// The charges for payments after this one, in the order of the payments' ids.
    async fn charges(
        &self,
        after: Option<PaymentId>,
        limit: u32,
    ) -> Result<Vec<Charge>, Unavailable>;

    /// What was booked from one moment on and before another, in no order: all of it, or an error when that is more
    /// than `most` amounts. A dispute that was lost is told whenever its money was taken.
    async fn settled(
        &self,
        from: Timestamp,
        until: Timestamp,
        most: usize,
    ) -> Result<Vec<SettledLine>, SettlementError>;
}
