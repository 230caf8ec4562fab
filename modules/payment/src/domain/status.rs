//! Where a payment can stand and what moves it.

use std::str::FromStr;

macro_rules! words {
    ($(#[$meta:meta])* $name:ident { $($(#[$doc:meta])+ $variant:ident = $word:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum $name { $($(#[$doc])+ $variant,)+ }

        impl $name {
            /// The stable word.
            pub const fn word(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }
        }

        impl FromStr for $name {
            type Err = UnknownWord;

            fn from_str(word: &str) -> Result<Self, UnknownWord> {
                match word {
                    $($word => Ok(Self::$variant),)+
                    _ => Err(UnknownWord(word.to_owned())),
                }
            }
        }
    };
}

/// A stored word this program does not know.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a known word")]
pub struct UnknownWord(pub String);

words! {
    /// Where a payment stands.
    Status {
        /// The processor is being asked to set the amount aside.
        Authorizing = "authorizing",
        /// The processor's answer was lost; it is being asked for.
        Unknown = "unknown",
        /// The shopper has to authenticate first.
        ActionRequired = "action_required",
        /// The amount is set aside.
        Authorized = "authorized",
        /// The processor is being asked to take the amount.
        Capturing = "capturing",
        /// The amount was taken.
        Captured = "captured",
        /// A part of it was given back.
        PartiallyRefunded = "partially_refunded",
        /// All of it was given back.
        Refunded = "refunded",
        /// The processor is being asked to let the amount go.
        Voiding = "voiding",
        /// The amount was let go before it was taken.
        Voided = "voided",
        /// The answer was no.
        Declined = "declined",
        /// The shopper never authenticated, and the attempt was given up.
        Expired = "expired",
    }
}

words! {
    /// What is asked of the processor.
    Kind {
        /// To set an amount aside.
        Authorize = "authorize",
        /// To end a challenge of the sandbox: the shopper is who they say.
        Approve = "approve",
        /// To end a challenge of the sandbox: they are not.
        Decline = "decline",
        /// To take the amount set aside.
        Capture = "capture",
        /// To let it go.
        Void = "void",
        /// To give a part of what was taken back.
        Refund = "refund",
    }
}

words! {
    /// How far a call to the processor is.
    Progress {
        /// It was or will be made.
        Started = "started",
        /// Its answer was lost.
        Unknown = "unknown",
        /// The answer was yes.
        Succeeded = "succeeded",
        /// The answer was no.
        Failed = "failed",
    }
}

impl Progress {
    /// Whether somebody still has to find out what came of it.
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Started | Self::Unknown)
    }
}

/// What became known of a payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fact {
    /// The processor's answer to the authorization was lost.
    Lost,
    /// The processor wants the shopper to authenticate.
    ActionRequired,
    /// The processor set the amount aside.
    Approved,
    /// The processor said no.
    Declined,
    /// We are about to ask for the capture.
    CaptureStarted,
    /// The amount was taken.
    Captured,
    /// The processor did not take it.
    CaptureFailed,
    /// We are about to ask for the void.
    VoidStarted,
    /// An amount that was set aside was let go.
    Voided,
    /// The charge was ended before anything was set aside.
    Lapsed,
    /// The processor did not let go; `held` tells whether an amount is set aside.
    VoidFailed {
        /// Whether an amount is set aside.
        held: bool,
    },
    /// An amount was given back; `all` tells whether nothing is left.
    Refunded {
        /// Whether nothing is left.
        all: bool,
    },
}

impl Status {
    /// Where a payment stands after `fact`, or None when the fact changes nothing there: it is a
    /// repetition, or came too late. Every pair is decided here and nowhere else.
    pub const fn after(self, fact: Fact) -> Option<Self> {
        use Status::{
            ActionRequired, Authorized, Authorizing, Captured, Capturing, Declined, Expired,
            PartiallyRefunded, Refunded, Unknown, Voided, Voiding,
        };
        match fact {
            Fact::Lost => match self {
                Authorizing => Some(Unknown),
                Unknown | ActionRequired | Authorized | Capturing | Captured
                | PartiallyRefunded | Refunded | Voiding | Voided | Declined | Expired => None,
            },
            Fact::ActionRequired => match self {
                Authorizing | Unknown => Some(ActionRequired),
                ActionRequired | Authorized | Capturing | Captured | PartiallyRefunded
                | Refunded | Voiding | Voided | Declined | Expired => None,
            },
            Fact::Approved => match self {
                Authorizing | Unknown | ActionRequired => Some(Authorized),
                Authorized | Capturing | Captured | PartiallyRefunded | Refunded | Voiding
                | Voided | Declined | Expired => None,
            },
            Fact::Declined => match self {
                Authorizing | Unknown | ActionRequired => Some(Declined),
                Authorized | Capturing | Captured | PartiallyRefunded | Refunded | Voiding
                | Voided | Declined | Expired => None,
            },
            Fact::CaptureStarted => match self {
                Authorized => Some(Capturing),
                Authorizing | Unknown | ActionRequired | Capturing | Captured
                | PartiallyRefunded | Refunded | Voiding | Voided | Declined | Expired => None,
            },
            Fact::Captured => match self {
                Capturing => Some(Captured),
                Authorizing | Unknown | ActionRequired | Authorized | Captured
                | PartiallyRefunded | Refunded | Voiding | Voided | Declined | Expired => None,
            },
            Fact::CaptureFailed => match self {
                Capturing => Some(Authorized),
                Authorizing | Unknown | ActionRequired | Authorized | Captured
                | PartiallyRefunded | Refunded | Voiding | Voided | Declined | Expired => None,
            },
            Fact::VoidStarted => match self {
                ActionRequired | Authorized => Some(Voiding),
                Authorizing | Unknown | Capturing | Captured | PartiallyRefunded | Refunded
                | Voiding | Voided | Declined | Expired => None,
            },
            Fact::Voided => match self {
                Voiding => Some(Voided),
                Authorizing | Unknown | ActionRequired | Authorized | Capturing | Captured
                | PartiallyRefunded | Refunded | Voided | Declined | Expired => None,
            },
            Fact::Lapsed => match self {
                Voiding => Some(Expired),
                Authorizing | Unknown | ActionRequired | Authorized | Capturing | Captured
                | PartiallyRefunded | Refunded | Voided | Declined | Expired => None,
            },
            Fact::VoidFailed { held } => match self {
                Voiding if held => Some(Authorized),
                Voiding => Some(ActionRequired),
                Authorizing | Unknown | ActionRequired | Authorized | Capturing | Captured
                | PartiallyRefunded | Refunded | Voided | Declined | Expired => None,
            },
            Fact::Refunded { all } => match self {
                Captured | PartiallyRefunded if all => Some(Refunded),
                Captured | PartiallyRefunded => Some(PartiallyRefunded),
                Authorizing | Unknown | ActionRequired | Authorized | Capturing | Refunded
                | Voiding | Voided | Declined | Expired => None,
            },
        }
    }

    /// Whether the payment can still hold or move money. An order has at most one such payment.
    pub const fn is_live(self) -> bool {
        !matches!(self, Self::Declined | Self::Voided | Self::Refunded | Self::Expired)
    }

    /// Whether a part of it can be refunded.
    pub const fn is_refundable(self) -> bool {
        matches!(self, Self::Captured | Self::PartiallyRefunded)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const FACTS: &[Fact] = &[
        Fact::Lost,
        Fact::ActionRequired,
        Fact::Approved,
        Fact::Declined,
        Fact::CaptureStarted,
        Fact::Captured,
        Fact::CaptureFailed,
        Fact::VoidStarted,
        Fact::Voided,
        Fact::Lapsed,
        Fact::VoidFailed { held: true },
        Fact::VoidFailed { held: false },
        Fact::Refunded { all: false },
        Fact::Refunded { all: true },
    ];

    const ALL: &[Status] = &[
        Status::Authorizing,
        Status::Unknown,
        Status::ActionRequired,
        Status::Authorized,
        Status::Capturing,
        Status::Captured,
        Status::PartiallyRefunded,
        Status::Refunded,
        Status::Voiding,
        Status::Voided,
        Status::Declined,
        Status::Expired,
    ];

    fn rank(status: Status) -> u8 {
        match status {
            Status::Authorizing => 0,
            Status::Unknown => 1,
            Status::ActionRequired => 2,
            Status::Authorized => 3,
            Status::Capturing | Status::Voiding => 4,
            Status::Captured => 5,
            Status::PartiallyRefunded => 6,
            Status::Refunded | Status::Voided | Status::Declined | Status::Expired => 7,
        }
    }

    fn run(facts: &[Fact]) -> Status {
        facts.iter().fold(Status::Authorizing, |at, fact| at.after(*fact).unwrap_or(at))
    }

    #[test]
    fn words_are_read_back() {
        for status in ALL {
            assert_eq!(status.word().parse(), Ok(*status));
        }
        assert!("paid".parse::<Status>().is_err());
    }

    #[test]
    fn what_has_ended_never_moves() {
        for status in ALL.iter().filter(|status| !status.is_live()) {
            for fact in FACTS {
                assert_eq!(status.after(*fact), None, "{status:?} {fact:?}");
            }
        }
    }

    #[test]
    fn only_a_call_that_failed_brings_a_payment_back() {
        for status in ALL {
            for fact in FACTS {
                let Some(next) = status.after(*fact) else { continue };
                let back = matches!(fact, Fact::CaptureFailed | Fact::VoidFailed { .. });
                assert_eq!(rank(next) < rank(*status), back, "{status:?} {fact:?}");
            }
        }
    }

    #[test]
    fn a_repeated_fact_changes_nothing() {
        for status in ALL {
            for fact in FACTS {
                let Some(next) = status.after(*fact) else { continue };
                let again = next.after(*fact);
                assert!(again.is_none() || again == Some(next), "{status:?} {fact:?}");
            }
        }
    }

    proptest! {
        #[test]
        fn late_and_repeated_authorization_outcomes_move_nothing_back(
            order in proptest::collection::vec(0_usize..4, 0..12),
        ) {
            // Whatever follows the final answer of an authorization, that answer stands.
            for (last, stands) in
                [(Fact::Approved, Status::Authorized), (Fact::Declined, Status::Declined)]
            {
                let mut facts = vec![Fact::Lost, Fact::ActionRequired, last];
                facts.extend(order.iter().map(|place| FACTS[*place]));
                prop_assert_eq!(run(&facts), stands);
            }
        }

        #[test]
        fn money_is_taken_only_after_it_was_set_aside(
            order in proptest::collection::vec(0..FACTS.len(), 0..24),
        ) {
            let facts: Vec<Fact> = order.iter().map(|place| FACTS[*place]).collect();
            let end = run(&facts);
            let took = matches!(
                end, Status::Captured | Status::PartiallyRefunded | Status::Refunded);
            let approved = facts.iter().position(|fact| *fact == Fact::Approved);
            let captured = facts.iter().rposition(|fact| *fact == Fact::Captured);
            let held = facts.contains(&Fact::VoidFailed { held: true });
            let in_order = matches!((approved, captured), (Some(a), Some(c)) if a < c);
            prop_assert!(!took || held || in_order);
        }
    }
}
