//! A dispute: the holder of a card wants back what was taken, and the card's bank decides.

use kernel::Timestamp;
use kernel::id::PaymentId;
use platform::personal::Kept;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::authentication::{Authentication, Liability};

/// Why a payment is disputed that the card's holder says they did not make, as processors spell it.
const FRAUD: &str = "fraudulent";

/// Where a dispute stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = DisputeState)]
pub enum State {
    /// The shop is asked what it has to say.
    NeedsResponse,
    /// The bank weighs it.
    UnderReview,
    /// The shop keeps the amount.
    Won,
    /// The amount is gone.
    Lost,
}

impl State {
    const ALL: [Self; 4] = [Self::NeedsResponse, Self::UnderReview, Self::Won, Self::Lost];

    /// The stable word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::NeedsResponse => "needs_response",
            Self::UnderReview => "under_review",
            Self::Won => "won",
            Self::Lost => "lost",
        }
    }

    /// What a word stands for.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.word() == word)
    }

    /// Whether it has ended.
    pub const fn is_closed(self) -> bool {
        matches!(self, Self::Won | Self::Lost)
    }
}

/// A dispute of a payment, as the shop knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dispute {
    /// The shop's id of it.
    pub id: Uuid,
    /// The payment.
    pub payment_id: PaymentId,
    /// The processor's id of it.
    pub processor_ref: String,
    /// What it is about, in minor units.
    pub amount: i64,
    /// Why, as the processor puts it.
    pub reason: String,
    /// Where it stands.
    pub state: State,
    /// What the staff had to say.
    pub evidence: Option<Kept<String>>,
    /// Until when it can say something.
    pub respond_by: Timestamp,
    /// When it was opened.
    pub opened_at: Timestamp,
    /// When it ended.
    pub closed_at: Option<Timestamp>,
}

impl Dispute {
    /// Who bears it by the rules of the schemes: a fraud is for the bank that authenticated the payment, whatever else
    /// is disputed is for the shop.
    pub fn liability(&self, authentication: Authentication) -> Liability {
        if self.reason == FRAUD { authentication.liability() } else { Liability::Merchant }
    }
}
