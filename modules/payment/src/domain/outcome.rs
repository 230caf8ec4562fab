//! What answers of the processor do to a payment, and what is told of it.

use kernel::Timestamp;
use platform::personal::{ERASED, Kept};

use super::authentication::Authentication;
use super::payment::{Action, CardShown, Decline, Operation, Payment};
use super::status::{Fact, Kind, Standing, Status};
use crate::processor::{AUTHENTICATION_REQUIRED, Charge, Outcome};

/// Why a payment whose shopper never authenticated was given up.
const ABANDONED: (&str, &str) = ("abandoned", "The payment was not authenticated in time.");
/// Why an authorization was let go by the processor.
const NOT_TAKEN: &str = "authorization_expired";
/// What a dispute came to, as events tell it.
const WON: &str = "won";
const LOST: &str = "lost";

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
    /// `payment.disputed`
    Disputed,
    /// `payment.dispute_closed`
    DisputeClosed,
}

/// An event of a payment that is to be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Telling {
    /// Which.
    pub told: Told,
    /// What it is about, in minor units.
    pub amount: i64,
    /// Why, where there is a reason.
    pub reason: Option<String>,
}

/// What follows an answer in time.
#[derive(Debug, Clone, Copy)]
pub struct Times {
    /// When it is recorded.
    pub now: Timestamp,
    /// How long a shopper may take to authenticate.
    pub challenge_until: Timestamp,
    /// When a capture that is refused is tried again; None leaves it to the staff.
    pub retry_at: Option<Timestamp>,
}

impl Payment {
    /// Applies the processor's answer to a call. `refunded` is what has been given back for good,
    /// this call included. Returns what is to be told, or None when the answer changes nothing.
    pub fn record(
        &mut self,
        operation: &Operation,
        outcome: &Outcome,
        refunded: i64,
        times: &Times,
    ) -> Option<Telling> {
        let fact = self.fact(operation.kind, outcome, refunded)?;
        let before = self.released;
        self.status = self.status.after(fact)?;
        match (fact, outcome) {
            (Fact::Lapsed, _) => {
                let (code, detail) = ABANDONED;
                self.decline = Some(Decline { code: code.to_owned(), detail: detail.to_owned() });
            }
            (Fact::Declined, Outcome::Declined { code, detail }) => {
                self.decline = Some(Decline { code: code.clone(), detail: detail.clone() });
            }
            (Fact::ActionRequired, Outcome::RequiresAction { url, .. }) => {
                self.action = Some(Action { url: url.clone(), until: times.challenge_until });
            }
            (Fact::CaptureFailed, _) => {
                self.tries += 1;
                self.due_at = times.retry_at;
            }
            // It is looked at at once how much there is to give back.
            (Fact::Late, _) => self.due_at = Some(times.now),
            _ => {}
        }
        if let Outcome::Approved(charge) | Outcome::RequiresAction { charge, .. } = outcome {
            self.charged(charge);
        }
        match fact {
            Fact::Voided(_) | Fact::Lapsed => self.released = self.authorized - self.captured,
            Fact::Late => self.released = 0,
            _ => {}
        }
        self.forget_due();
        self.telling(fact, operation, self.released - before)
    }

    fn fact(&self, kind: Kind, outcome: &Outcome, refunded: i64) -> Option<Fact> {
        let charge = match outcome {
            Outcome::Approved(charge) => Some(charge),
            Outcome::RequiresAction { .. } | Outcome::Declined { .. } => None,
        };
        Some(match (kind, charge) {
            (Kind::Authorize | Kind::Approve | Kind::Decline, Some(charge)) => {
                match self.status.is_given_up() {
                    true if charge.is_kept() => Fact::Late,
                    true => return None,
                    false => Fact::Approved,
                }
            }
            (Kind::Authorize | Kind::Approve | Kind::Decline, None) => match outcome {
                Outcome::RequiresAction { .. } => Fact::ActionRequired,
                Outcome::Approved(_) | Outcome::Declined { .. } => Fact::Declined,
            },
            (Kind::Capture, Some(_)) => Fact::Captured(self.standing(refunded)),
            (Kind::Capture, None) => Fact::CaptureFailed,
            (Kind::Void, Some(_)) if self.authorized > 0 => {
                Fact::Voided(self.without_rest(refunded))
            }
            (Kind::Void, Some(_)) => Fact::Lapsed,
            (Kind::Void, None) => {
                let is_set_aside = self.authorized > 0;
                Fact::VoidFailed(is_set_aside.then(|| self.standing(refunded)))
            }
            (Kind::Refund, Some(_)) => Fact::Refunded(self.standing(refunded)),
            // What a dispute comes to is told by the dispute.
            (Kind::Refund, None) | (Kind::Evidence | Kind::Accept, _) => return None,
        })
    }

    /// Takes over what the processor says of the charge beside any call: that it let go by itself, or
    /// that it holds or keeps money of a payment that was given up. No call is under way.
    pub fn compare(&mut self, charge: &Charge, refunded: i64, now: Timestamp) -> Option<Telling> {
        if self.status.is_given_up() && self.status != Status::Reversing && charge.is_kept() {
            self.status = self.status.after(Fact::Late)?;
            self.charged(charge);
            let rest = charge.authorized - charge.captured;
            self.released = if charge.held { 0 } else { rest };
            (self.tries, self.due_at) = (0, Some(now));
            return Some(Telling {
                told: Told::Authorized,
                amount: charge.authorized,
                reason: None,
            });
        }
        let rest = self.held();
        if rest == 0 {
            return None;
        }
        if charge.held {
            self.authorized_until = charge.authorized_until;
            return None;
        }
        if charge.captured != self.captured {
            return None;
        }
        self.status = self.status.after(Fact::Ended(self.without_rest(refunded)))?;
        self.released = self.authorized - self.captured;
        self.forget_due();
        Some(Telling { told: Told::Voided, amount: rest, reason: Some(NOT_TAKEN.to_owned()) })
    }

    /// The card's holder disputes an amount.
    pub fn dispute(&mut self, amount: i64, reason: &str, respond_by: Timestamp) -> Option<Telling> {
        self.status = self.status.after(Fact::DisputeOpened)?;
        self.disputed = amount;
        // It is looked at then, should nobody tell how it ended.
        (self.tries, self.due_at) = (0, Some(respond_by));
        Some(Telling { told: Told::Disputed, amount, reason: Some(reason.to_owned()) })
    }

    /// The dispute over an amount has ended; `refunded` is what was given back for good.
    pub fn close_dispute(
        &mut self,
        (amount, is_won): (i64, bool),
        refunded: i64,
        now: Timestamp,
    ) -> Option<Telling> {
        let lost = self.lost + if is_won { 0 } else { amount };
        let left = Self { lost, ..self.clone() }.standing(refunded);
        let (fact, word) =
            if is_won { (Fact::DisputeWon, WON) } else { (Fact::DisputeLost(left), LOST) };
        self.status = self.status.after(fact)?;
        (self.disputed, self.lost) = (0, lost);
        // What is being undone goes on at once.
        let is_undone = self.status == Status::Reversing;
        (self.tries, self.due_at) = (0, is_undone.then_some(now));
        Some(Telling { told: Told::DisputeClosed, amount, reason: Some(word.to_owned()) })
    }

    /// Only what was refused, is being undone or is disputed is looked at without anybody's asking.
    const fn forget_due(&mut self) {
        if !matches!(
            self.status,
            Status::CaptureFailed
                | Status::Capturing
                | Status::Reversing
                | Status::Voiding
                | Status::Disputed
        ) {
            (self.tries, self.due_at) = (0, None);
        }
    }

    /// What its amounts say once the rest is let go.
    fn without_rest(&self, refunded: i64) -> Standing {
        let released = self.authorized - self.captured;
        Self { released, ..self.clone() }.standing(refunded)
    }

    /// Amounts that only grow are taken over from the charge; the others belong to their guards.
    fn charged(&mut self, charge: &Charge) {
        self.authorized = self.authorized.max(charge.authorized);
        self.authorized_until = charge.authorized_until.or(self.authorized_until);
        self.processor_ref = Some(charge.id.clone());
        // What was answered before this was told says nothing of it.
        if charge.authentication != Authentication::None {
            self.authentication = charge.authentication;
        }
        self.card = Some(Kept::Plain(charge.card()));
    }

    fn telling(&self, fact: Fact, operation: &Operation, let_go: i64) -> Option<Telling> {
        let (told, amount) = match fact {
            Fact::ActionRequired => (Told::ActionRequired, self.amount.minor()),
            Fact::Approved | Fact::Late => (Told::Authorized, self.amount.minor()),
            Fact::Declined | Fact::Lapsed => (Told::Failed, self.amount.minor()),
            Fact::Captured(_) => (Told::Captured, operation.amount),
            Fact::Voided(_) => (Told::Voided, let_go),
            Fact::Refunded(_) => (Told::Refunded, operation.amount),
            _ => return None,
        };
        let decline = self.decline.as_ref().filter(|_| told == Told::Failed);
        Some(Telling { told, amount, reason: decline.map(|decline| decline.code.clone()) })
    }
}

impl Operation {
    /// Whether an outcome of it asks for nothing but that the shopper authenticates: an exemption was asked for, and
    /// the card's bank does not grant it. `status` is where its payment stands.
    pub fn is_to_be_authenticated(&self, outcome: &Outcome, status: Status) -> bool {
        let is_soft = matches!(outcome, Outcome::Declined { code, .. }
            if code == AUTHENTICATION_REQUIRED);
        let is_open = matches!(status, Status::Authorizing | Status::Unknown);
        self.kind == Kind::Authorize && self.exemption.is_some() && is_soft && is_open
    }
}

impl Outcome {
    /// What comes of a call when what it was to say was erased.
    pub fn erased() -> Self {
        let detail = "What there was to say is erased.".to_owned();
        Self::Declined { code: ERASED.to_owned(), detail }
    }
}

impl Charge {
    /// Its card, as people know it.
    pub fn card(&self) -> CardShown {
        CardShown { brand: self.brand.clone(), last4: self.last4.clone() }
    }

    /// Whether the processor holds or keeps money of it.
    fn is_kept(&self) -> bool {
        self.held || self.captured > self.refunded + self.lost
    }
}
