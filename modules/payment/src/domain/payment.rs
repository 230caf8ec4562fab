//! A payment, its amounts, and the calls made for it.

use kernel::id::{ChangeId, CustomerId, OrderId, PaymentId};
use kernel::{Currency, Money, Timestamp};
use platform::personal::{ERASED, Kept};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::authentication::{Authentication, Exemption, Liability};
use super::status::{Fact, Kind, Progress, Standing, Status};
use crate::error::Refusal;

/// What a payment pays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pays {
    /// The order as it was placed.
    Order,
    /// What an edit of the order made it cost more.
    Edit(ChangeId),
    /// What goods cost more that were sent for others.
    Exchange(ChangeId),
}

impl Pays {
    /// The stable word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Order => "order",
            Self::Edit(_) => "edit",
            Self::Exchange(_) => "exchange",
        }
    }

    /// What stands for this word, with the id of the order or of its change.
    pub fn from_word(word: &str, id: Uuid) -> Option<Self> {
        match word {
            "order" => Some(Self::Order),
            "edit" => Some(Self::Edit(id.into())),
            "exchange" => Some(Self::Exchange(id.into())),
            _ => None,
        }
    }

    /// The change that it pays, if it pays one.
    pub const fn change(self) -> Option<ChangeId> {
        match self {
            Self::Order => None,
            Self::Edit(id) | Self::Exchange(id) => Some(id),
        }
    }
}

/// One attempt to pay for an order or for a change of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payment {
    /// Its id.
    pub id: PaymentId,
    /// The order it pays.
    pub order_id: OrderId,
    /// Who pays, if that was told.
    pub customer: Option<CustomerId>,
    /// What of it.
    pub pays: Pays,
    /// Which attempt of the order it is, from 1.
    pub attempt: i64,
    /// How much is to be paid.
    pub amount: Money,
    /// Where it stands.
    pub status: Status,
    /// How much was set aside, in minor units.
    pub authorized: i64,
    /// How much of it was let go again.
    pub released: i64,
    /// How much was or is being taken.
    pub captured: i64,
    /// How much of it was or is being given back.
    pub refunded: i64,
    /// How much of it an open dispute is about.
    pub disputed: i64,
    /// How much of it disputes took away.
    pub lost: i64,
    /// Moves with every change.
    pub version: i64,
    /// How many events told of it.
    pub events: i64,
    /// The card, as the processor knows it.
    pub token: String,
    /// What tells the card again behind whatever token, if the processor says that.
    pub fingerprint: Option<String>,
    /// How its holder was authenticated.
    pub authentication: Authentication,
    /// The processor's id of the charge.
    pub processor_ref: Option<String>,
    /// The card, as people know it. What was just learnt of it is plain until it is sealed.
    pub card: Option<Kept<CardShown>>,
    /// Whether whoever paid was erased when the row was read.
    pub is_erased: bool,
    /// Why it was declined or given up.
    pub decline: Option<Decline>,
    /// What the shopper has to do.
    pub action: Option<Action>,
    /// When the processor lets go by itself of what was not taken.
    pub authorized_until: Option<Timestamp>,
    /// Since when what it pays stands: its order is confirmed and was not called off.
    pub confirmed_at: Option<Timestamp>,
    /// How often what was refused was tried.
    pub tries: i64,
    /// When it is tried again without anybody's asking.
    pub due_at: Option<Timestamp>,
    /// When it was begun.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// What may be shown of a card.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CardShown {
    /// Its scheme.
    pub brand: String,
    /// Its last four digits.
    pub last4: String,
}

/// A reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decline {
    /// A stable word.
    pub code: String,
    /// What the shopper may be told.
    pub detail: String,
}

/// What the shopper has to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Action {
    /// Where to send them.
    pub url: String,
    /// After this the payment is given up.
    pub until: Timestamp,
}

/// A call to the processor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operation {
    /// Its id.
    pub id: Uuid,
    /// The payment it is made for.
    pub payment_id: PaymentId,
    /// What is asked.
    pub kind: Kind,
    /// The idempotency key that goes to the processor.
    pub key: String,
    /// How much it is about, in minor units.
    pub amount: i64,
    /// Whether the processor is asked to let the shopper authenticate.
    pub challenge: bool,
    /// Why the processor is asked to leave authentication out, if it is.
    pub exemption: Option<Exemption>,
    /// How far it is.
    pub progress: Progress,
    /// The command whose stored answer is written at its end: scope and key.
    pub answers: Option<(String, String)>,
}

impl Payment {
    /// Its currency.
    pub const fn currency(&self) -> Currency {
        self.amount.currency()
    }

    /// Who bears it when the card's holder says that they did not pay.
    pub const fn liability(&self) -> Liability {
        self.authentication.liability()
    }

    /// The card, as people know it, where it is plain.
    pub const fn shown(&self) -> Option<&CardShown> {
        match &self.card {
            Some(Kept::Plain(card)) => Some(card),
            Some(Kept::Sealed(_)) | None => None,
        }
    }

    /// What its card is counted by.
    pub fn card_key(&self) -> &str {
        self.fingerprint.as_deref().unwrap_or(&self.token)
    }

    /// Whether a card is the one it is paid with, as far as that is still known.
    pub fn is_paid_with(&self, token: &str) -> bool {
        self.token == token || self.token == ERASED
    }

    /// How much is set aside and could still be taken, in minor units.
    pub const fn held(&self) -> i64 {
        self.authorized - self.captured - self.released
    }

    /// How much could still be refunded, in minor units.
    pub const fn refundable(&self) -> i64 {
        self.captured - self.refunded - self.lost
    }

    /// What its amounts say. `refunded` is what was given back for good; nothing is being taken.
    pub const fn standing(&self, refunded: i64) -> Standing {
        match (self.captured, self.held() > 0) {
            (0, true) => Standing::Held,
            (0, false) => Standing::LetGo,
            (captured, false) if refunded + self.lost >= captured => Standing::Given,
            _ if refunded > 0 => Standing::PartlyGiven,
            (_, true) => Standing::PartlyTaken,
            (_, false) => Standing::Taken,
        }
    }

    /// Moves it to where it stands while a call of this kind is made, or refuses. The amounts are
    /// moved by their guards.
    pub fn start(&mut self, kind: Kind) -> Result<(), Refusal> {
        let stays = |may: bool| may.then_some(self.status);
        let started = match kind {
            Kind::Authorize => stays(self.status == Status::Authorizing),
            Kind::Approve | Kind::Decline => stays(self.status == Status::ActionRequired),
            Kind::Capture if self.held() > 0 => self.status.after(Fact::CaptureStarted),
            Kind::Void if self.held() > 0 || self.status == Status::ActionRequired => {
                self.status.after(Fact::VoidStarted)
            }
            Kind::Capture | Kind::Void => None,
            Kind::Refund => stays(self.status.is_refundable()),
            Kind::Evidence | Kind::Accept => stays(self.status == Status::Disputed),
        };
        self.status = started.ok_or(Refusal::State { status: self.status, wanted: kind })?;
        Ok(())
    }
}
