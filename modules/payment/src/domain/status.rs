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

pub(super) use words;

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
        /// The processor is being asked to take an amount.
        Capturing = "capturing",
        /// The processor refused to take it; it is tried again for a while, and then the staff decides.
        CaptureFailed = "capture_failed",
        /// A part of it was taken, and the rest is set aside.
        PartiallyCaptured = "partially_captured",
        /// The amount was taken.
        Captured = "captured",
        /// A part of what was taken was given back.
        PartiallyRefunded = "partially_refunded",
        /// All of it was given back.
        Refunded = "refunded",
        /// The card's holder disputes it; until that ends nothing is given back.
        Disputed = "disputed",
        /// A dispute ended for the shop, which keeps the amount.
        Won = "won",
        /// A dispute took away what was left of the amount.
        Lost = "lost",
        /// The processor is being asked to let the amount go.
        Voiding = "voiding",
        /// The amount was let go before it was taken.
        Voided = "voided",
        /// The answer was no.
        Declined = "declined",
        /// The shopper never authenticated, or nobody took the amount in time.
        Expired = "expired",
        /// The processor succeeded after the payment was given up; that is being undone.
        Reversing = "reversing",
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
        /// To take an amount that is set aside.
        Capture = "capture",
        /// To let what is set aside go.
        Void = "void",
        /// To give a part of what was taken back.
        Refund = "refund",
        /// To judge a dispute by what the staff has to say.
        Evidence = "evidence",
        /// To close a dispute for the card's holder.
        Accept = "accept",
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

impl Kind {
    /// Whether it answers a dispute.
    pub const fn is_of_dispute(self) -> bool {
        matches!(self, Self::Evidence | Self::Accept)
    }
}

impl Progress {
    /// Whether somebody still has to find out what came of it.
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Started | Self::Unknown)
    }
}

/// What the amounts of a payment say by themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// All of it is set aside.
    Held,
    /// Nothing was taken and nothing is set aside any more.
    LetGo,
    /// A part was taken, nothing was given back, and the rest is set aside.
    PartlyTaken,
    /// What was taken is kept, and nothing is set aside.
    Taken,
    /// Some of what was taken was given back, or all of it while a rest is set aside.
    PartlyGiven,
    /// What was taken is gone, and nothing is set aside.
    Given,
}

/// What became known of a payment. A standing is that of the amounts after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fact {
    /// The processor's answer to the authorization was lost.
    AnswerLost,
    /// The processor wants the shopper to authenticate.
    ActionRequired,
    /// The processor set the amount aside.
    Approved,
    /// The processor said no.
    Declined,
    /// We are about to ask for a capture.
    CaptureStarted,
    /// An amount was taken.
    Captured(Standing),
    /// The processor did not take it.
    CaptureFailed,
    /// We are about to ask for the void.
    VoidStarted,
    /// An amount that was set aside was let go.
    Voided(Standing),
    /// The charge was ended before anything was set aside for us.
    Lapsed,
    /// The processor did not let go; without a standing nothing was set aside.
    VoidFailed(Option<Standing>),
    /// An amount was given back.
    Refunded(Standing),
    /// The processor let go by itself: nobody took the amount in time.
    Ended(Standing),
    /// The processor holds or keeps money of a payment that was given up.
    Late,
    /// The card's holder disputes what was taken.
    DisputeOpened,
    /// The dispute ended for the shop.
    DisputeWon,
    /// The dispute ended against it.
    DisputeLost(Standing),
}

impl Standing {
    /// Where a payment with these amounts stands when nothing else is to be said of it.
    const fn status(self) -> Status {
        match self {
            Self::Held => Status::Authorized,
            Self::LetGo => Status::Voided,
            Self::PartlyTaken => Status::PartiallyCaptured,
            Self::Taken => Status::Captured,
            Self::PartlyGiven => Status::PartiallyRefunded,
            Self::Given => Status::Refunded,
        }
    }

    /// Where a payment with these amounts stands that is being undone.
    const fn undone(self) -> Status {
        match self {
            Self::LetGo => Status::Voided,
            Self::Given => Status::Refunded,
            Self::Held | Self::PartlyTaken | Self::Taken | Self::PartlyGiven => Status::Reversing,
        }
    }
}

impl Status {
    /// Every status.
    pub const ALL: [Self; 18] = [
        Self::Authorizing,
        Self::Unknown,
        Self::ActionRequired,
        Self::Authorized,
        Self::Capturing,
        Self::CaptureFailed,
        Self::PartiallyCaptured,
        Self::Captured,
        Self::PartiallyRefunded,
        Self::Refunded,
        Self::Disputed,
        Self::Won,
        Self::Lost,
        Self::Voiding,
        Self::Voided,
        Self::Declined,
        Self::Expired,
        Self::Reversing,
    ];

    /// Where a payment stands after `fact`, or None when the fact changes nothing there: it is a
    /// repetition, or came too late. Every pair is decided here and nowhere else. A payment that stays
    /// where it is although the fact counts (money moved beside another call) is `Some` of the same.
    pub const fn after(self, fact: Fact) -> Option<Self> {
        match self {
            Self::Authorizing | Self::Unknown => self.answered(fact),
            Self::ActionRequired => match fact {
                Fact::VoidStarted => Some(Self::Voiding),
                _ => self.answered(fact),
            },
            Self::Capturing => match fact {
                Fact::Captured(standing) => Some(standing.status()),
                Fact::CaptureFailed => Some(Self::CaptureFailed),
                Fact::Refunded(_) => Some(self),
                _ => None,
            },
            Self::Voiding => match fact {
                // The shopper was faster than our void; it is let go all the same.
                Fact::Approved | Fact::Refunded(_) => Some(self),
                Fact::Voided(standing) | Fact::VoidFailed(Some(standing)) => {
                    Some(standing.status())
                }
                Fact::Lapsed => Some(Self::Expired),
                Fact::VoidFailed(None) => Some(Self::ActionRequired),
                _ => None,
            },
            Self::Authorized
            | Self::CaptureFailed
            | Self::PartiallyCaptured
            | Self::Captured
            | Self::PartiallyRefunded
            | Self::Won => self.with_money(fact),
            Self::Disputed | Self::Lost => self.in_dispute(fact),
            Self::Declined | Self::Expired | Self::Voided => match fact {
                Fact::Late => Some(Self::Reversing),
                _ => None,
            },
            Self::Reversing => match fact {
                Fact::DisputeLost(Standing::Given) => Some(Self::Lost),
                Fact::VoidStarted
                | Fact::VoidFailed(_)
                | Fact::DisputeOpened
                | Fact::DisputeWon
                | Fact::DisputeLost(_) => Some(self),
                Fact::Voided(standing) | Fact::Refunded(standing) | Fact::Ended(standing) => {
                    Some(standing.undone())
                }
                Fact::Lapsed => Some(Self::Expired),
                _ => None,
            },
            Self::Refunded => None,
        }
    }

    /// An authorization is under way, here or at the shopper's bank.
    const fn answered(self, fact: Fact) -> Option<Self> {
        match (self, fact) {
            (Self::Authorizing, Fact::AnswerLost) => Some(Self::Unknown),
            (Self::Authorizing | Self::Unknown, Fact::ActionRequired) => Some(Self::ActionRequired),
            (_, Fact::Approved) => Some(Self::Authorized),
            (_, Fact::Declined) => Some(Self::Declined),
            _ => None,
        }
    }

    /// Money is set aside or was taken, and no call is under way that moves it all.
    const fn with_money(self, fact: Fact) -> Option<Self> {
        let is_taken = !matches!(self, Self::Authorized);
        match fact {
            Fact::CaptureStarted if !matches!(self, Self::Captured) => Some(Self::Capturing),
            Fact::VoidStarted if !matches!(self, Self::Captured) => Some(Self::Voiding),
            Fact::Refunded(_) if matches!(self, Self::CaptureFailed) => Some(self),
            Fact::Refunded(standing) if is_taken => Some(standing.status()),
            Fact::Ended(Standing::LetGo) => Some(Self::Expired),
            Fact::Ended(_) if matches!(self, Self::Won) => Some(self),
            Fact::Ended(standing) => Some(standing.status()),
            Fact::DisputeOpened if is_taken => Some(Self::Disputed),
            _ => None,
        }
    }

    /// What was taken is disputed, or was lost to a dispute.
    const fn in_dispute(self, fact: Fact) -> Option<Self> {
        match (self, fact) {
            (_, Fact::Refunded(_) | Fact::Ended(_)) => Some(self),
            (Self::Disputed, Fact::DisputeWon) => Some(Self::Won),
            (Self::Disputed, Fact::DisputeLost(Standing::Given)) => Some(Self::Lost),
            // It was about a part alone; the rest is the shop's.
            (Self::Disputed, Fact::DisputeLost(standing)) => Some(standing.status()),
            _ => None,
        }
    }

    /// Whether the payment can still hold or move money of what it pays. An order has at most one such
    /// payment, and each of its changes.
    pub const fn is_live(self) -> bool {
        !matches!(
            self,
            Self::Declined
                | Self::Voided
                | Self::Refunded
                | Self::Expired
                | Self::Lost
                | Self::Reversing
        )
    }

    /// Whether the shop has given the payment up, or is giving it up.
    pub const fn is_given_up(self) -> bool {
        matches!(self, Self::Declined | Self::Voided | Self::Expired | Self::Reversing)
    }

    /// Whether what was taken can be refunded.
    pub const fn is_refundable(self) -> bool {
        matches!(
            self,
            Self::PartiallyCaptured
                | Self::Captured
                | Self::PartiallyRefunded
                | Self::Won
                | Self::Reversing
        )
    }
}

#[cfg(test)]
mod tests;
