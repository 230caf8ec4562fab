//! A payment, the calls made for it, and what their outcomes do to it.

use kernel::id::{ChangeId, OrderId, PaymentId};
use kernel::{Currency, Money, Timestamp};
use uuid::Uuid;

use super::status::{Fact, Kind, Progress, Status};
use crate::error::Refusal;
use crate::processor::{Charge, Outcome};

/// Why a payment whose shopper never authenticated was given up.
const ABANDONED: (&str, &str) = ("abandoned", "The payment was not authenticated in time.");

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
    /// How much was or is being taken.
    pub captured: i64,
    /// How much of it was or is being given back.
    pub refunded: i64,
    /// Moves with every change.
    pub version: i64,
    /// How many events told of it.
    pub events: i64,
    /// The card, as the processor knows it.
    pub token: String,
    /// The processor's id of the charge.
    pub processor_ref: Option<String>,
    /// The card, as people know it.
    pub card: Option<CardShown>,
    /// Why it was declined or given up.
    pub decline: Option<Decline>,
    /// What the shopper has to do.
    pub action: Option<Action>,
    /// When it was begun.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// What may be shown of a card.
#[derive(Debug, Clone, PartialEq, Eq)]
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
    /// How far it is.
    pub progress: Progress,
    /// The command whose stored answer is written at its end: scope and key.
    pub answers: Option<(String, String)>,
}

/// What is told of a payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// `payment.action_required`
    ActionRequired,
    /// `payment.authorized`
    Authorized,
    /// `payment.captured`
    Captured,
    /// `payment.failed`
    Failed,
    /// `payment.voided`
    Voided,
    /// `payment.refunded`
    Refunded,
}

impl Payment {
    /// Its currency.
    pub const fn currency(&self) -> Currency {
        self.amount.currency()
    }

    /// How much could still be refunded, in minor units.
    pub const fn refundable(&self) -> i64 {
        self.captured - self.refunded
    }

    /// Moves it to where it stands while a call of this kind is made, or refuses. The amounts are
    /// moved by their guards.
    pub fn start(&mut self, kind: Kind) -> Result<(), Refusal> {
        let started = match kind {
            Kind::Authorize => (self.status == Status::Authorizing).then_some(self.status),
            Kind::Approve | Kind::Decline => {
                (self.status == Status::ActionRequired).then_some(self.status)
            }
            Kind::Capture => self.status.after(Fact::CaptureStarted),
            Kind::Void => self.status.after(Fact::VoidStarted),
            Kind::Refund => self.status.is_refundable().then_some(self.status),
        };
        self.status = started.ok_or(Refusal::State { status: self.status, wanted: kind })?;
        Ok(())
    }

    /// Applies the processor's answer to a call. `refunded` is what has been given back for good,
    /// this call included; `until` is how long a shopper may take to authenticate. Returns what is
    /// to be told, or None when the answer changes nothing.
    pub fn record(
        &mut self,
        kind: Kind,
        outcome: &Outcome,
        refunded: i64,
        until: Timestamp,
    ) -> Option<Told> {
        let fact = self.fact(kind, outcome, refunded)?;
        self.status = self.status.after(fact)?;
        match (fact, outcome) {
            (Fact::Lapsed, _) => {
                let (code, detail) = ABANDONED;
                self.decline = Some(Decline { code: code.to_owned(), detail: detail.to_owned() });
            }
            (Fact::Declined, Outcome::Declined { code, detail }) => {
                self.decline = Some(Decline { code: code.clone(), detail: detail.clone() });
            }
            (_, Outcome::Approved(charge)) => self.charged(charge),
            (Fact::ActionRequired, Outcome::RequiresAction { charge, url }) => {
                self.charged(charge);
                self.action = Some(Action { url: url.clone(), until });
            }
            _ => {}
        }
        told(fact)
    }

    fn fact(&self, kind: Kind, outcome: &Outcome, refunded: i64) -> Option<Fact> {
        let charge = match outcome {
            Outcome::Approved(charge) => Some(charge),
            Outcome::RequiresAction { .. } | Outcome::Declined { .. } => None,
        };
        Some(match (kind, charge) {
            (Kind::Authorize | Kind::Approve | Kind::Decline, Some(_)) => Fact::Approved,
            (Kind::Authorize | Kind::Approve | Kind::Decline, None) => match outcome {
                Outcome::RequiresAction { .. } => Fact::ActionRequired,
                Outcome::Approved(_) | Outcome::Declined { .. } => Fact::Declined,
            },
            (Kind::Capture, Some(_)) => Fact::Captured,
            (Kind::Capture, None) => Fact::CaptureFailed,
            (Kind::Void, Some(charge)) if charge.authorized > 0 => Fact::Voided,
            (Kind::Void, Some(_)) => Fact::Lapsed,
            (Kind::Void, None) => Fact::VoidFailed { held: self.authorized > 0 },
            (Kind::Refund, Some(_)) => Fact::Refunded { all: refunded >= self.captured },
            (Kind::Refund, None) => return None,
        })
    }

    /// Amounts that only grow are taken over from the charge; the others belong to their guards.
    fn charged(&mut self, charge: &Charge) {
        self.authorized = self.authorized.max(charge.authorized);
        self.processor_ref = Some(charge.id.clone());
        self.card = Some(CardShown { brand: charge.brand.clone(), last4: charge.last4.clone() });
    }
}

const fn told(fact: Fact) -> Option<Told> {
    match fact {
        Fact::ActionRequired => Some(Told::ActionRequired),
        Fact::Approved => Some(Told::Authorized),
        Fact::Declined | Fact::Lapsed => Some(Told::Failed),
        Fact::Captured => Some(Told::Captured),
        Fact::Voided => Some(Told::Voided),
        Fact::Refunded { .. } => Some(Told::Refunded),
        Fact::Lost
        | Fact::CaptureStarted
        | Fact::CaptureFailed
        | Fact::VoidStarted
        | Fact::VoidFailed { .. } => None,
    }
}
