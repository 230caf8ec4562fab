//! What the test cards do.

use kernel::Money;

use crate::domain::authentication::{Authentication, Exemption};
pub use crate::domain::status::UnknownWord;

/// How often a card with a processing error is tried before it is refused.
const PROCESSING_TRIES: i64 = 3;
/// The minor units of an amount whose answer is lost.
const LOST_MINOR: i64 = 51;

/// What a card does, decided when it was tokenized.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Behaviour {
    Approve,
    Decline,
    InsufficientFunds,
    Challenge,
    /// Approved; its holder will dispute the charge.
    Dispute,
    /// Approved; its bank does not let the amount be taken.
    CaptureDeclined,
    ProcessingError,
    /// Approved; its bank takes no part in authentication.
    Attempted,
    /// Approved without authentication: nobody can be asked; refused where it must be.
    Unavailable,
    /// Approved; its bank grants no exemption.
    NoExemption,
}

/// What comes of authentication before an amount is set aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Check {
    /// The amount may be set aside.
    Done(Authentication),
    /// The shopper is asked.
    Challenge,
    /// It cannot be left out.
    NotExempt,
    /// It cannot be done, and must be.
    Unavailable,
}

/// The answer to an authorization.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Response {
    Approve,
    Challenge,
    Decline {
        code: &'static str,
        detail: &'static str,
    },
    /// No answer yet.
    TryAgain,
}

const BEHAVIOURS: &[(Behaviour, &str, &str)] = &[
    (Behaviour::Decline, "decline", "4000000000000002"),
    (Behaviour::InsufficientFunds, "insufficient_funds", "4000000000009995"),
    (Behaviour::Challenge, "challenge", "4000002760003184"),
    (Behaviour::Dispute, "dispute", "4000000000000259"),
    (Behaviour::CaptureDeclined, "capture_declined", "4000000000000341"),
    (Behaviour::ProcessingError, "processing_error", "4000000000000119"),
    (Behaviour::Attempted, "attempted", "4000000000003055"),
    (Behaviour::Unavailable, "unavailable", "4000000000003097"),
    (Behaviour::NoExemption, "no_exemption", "4000002500003155"),
    (Behaviour::Approve, "approve", "4242424242424242"),
];

impl Behaviour {
    /// What a card with this number does; any number that is not listed is approved.
    pub fn of(number: &str) -> Self {
        BEHAVIOURS.iter().find(|row| row.2 == number).map_or(Self::Approve, |row| row.0)
    }

    /// The stored word.
    pub fn word(self) -> &'static str {
        BEHAVIOURS.iter().find(|row| row.0 == self).map_or("approve", |row| row.1)
    }

    /// The answer to the `tries`-th request, from 1.
    pub const fn respond(self, tries: i64) -> Response {
        match self {
            Self::Approve
            | Self::Dispute
            | Self::CaptureDeclined
            | Self::Attempted
            | Self::Unavailable
            | Self::NoExemption => Response::Approve,
            Self::Challenge => Response::Challenge,
            Self::Decline => {
                Response::Decline { code: "card_declined", detail: "The card was declined." }
            }
            Self::InsufficientFunds => Response::Decline {
                code: "insufficient_funds",
                detail: "The card does not have enough funds.",
            },
            Self::ProcessingError if tries < PROCESSING_TRIES => Response::TryAgain,
            Self::ProcessingError => Response::Decline {
                code: "processing_error",
                detail: "The card could not be processed.",
            },
        }
    }
}

impl Behaviour {
    /// What comes of authentication with a card that is approved, when the merchant insists on a challenge or asks to
    /// leave it out.
    pub const fn check(self, challenge: bool, exemption: Option<Exemption>) -> Check {
        match (self, challenge, exemption) {
            (Self::NoExemption, _, Some(_)) => Check::NotExempt,
            (Self::Attempted, true, _) | (Self::Attempted, false, None) => {
                Check::Done(Authentication::Attempted)
            }
            (Self::Unavailable, true, _) => Check::Unavailable,
            (_, true, _) => Check::Challenge,
            (_, false, Some(exemption)) => Check::Done(exemption.granted()),
            (Self::Unavailable, false, None) => Check::Done(Authentication::None),
            (_, false, None) => Check::Done(Authentication::Frictionless),
        }
    }
}

impl std::str::FromStr for Behaviour {
    type Err = UnknownWord;

    fn from_str(word: &str) -> Result<Self, UnknownWord> {
        let found = BEHAVIOURS.iter().find(|row| row.1 == word).map(|row| row.0);
        found.ok_or_else(|| UnknownWord(word.to_owned()))
    }
}

/// Whether the first answer to a command over this amount is lost.
pub fn amount_loses_its_answer(amount: Money) -> bool {
    amount.currency().digits() == 2 && amount.minor() % 100 == LOST_MINOR
}

#[cfg(test)]
mod tests {
    use kernel::Currency;

    use super::*;

    #[test]
    fn every_behaviour_is_read_back() {
        for (behaviour, word, number) in BEHAVIOURS {
            assert_eq!(behaviour.word().parse(), Ok(*behaviour));
            assert_eq!(behaviour.word(), *word);
            assert_eq!(Behaviour::of(number), *behaviour);
        }
        assert_eq!(Behaviour::of("5555555555554444"), Behaviour::Approve);
    }

    #[test]
    fn only_amounts_that_end_in_51_cents_lose_their_answer() {
        let loses = |minor, currency| amount_loses_its_answer(Money::from_minor(minor, currency));
        assert!(loses(1_051, Currency::EUR));
        assert!(!loses(5_100, Currency::EUR));
        assert!(!loses(1_051, Currency::JPY));
    }
}
