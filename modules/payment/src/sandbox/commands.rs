//! What the commands of a merchant do to a charge, in the unit of work that answers them.

use chrono::TimeDelta;
use kernel::id::PaymentId;
use kernel::{Money, Timestamp};
use platform::sql::{self, Tx};

use super::behaviour::{self, Behaviour, Check, Response};
use super::store::{self, ChargeRow, SANDBOX_CAPTURABLE, SANDBOX_REFUNDABLE, Status};
use super::{NoAnswer, Sandbox};
use crate::domain::authentication::{Authentication, Exemption};
use crate::processor::{AUTHENTICATION_REQUIRED, Outcome};

pub(super) fn no(code: &str, detail: &str) -> Outcome {
    Outcome::Declined { code: code.to_owned(), detail: detail.to_owned() }
}

pub(super) fn challenge_url(reference: PaymentId) -> String {
    format!("/v1/payments/{reference}/challenge")
}

/// What is to be set aside.
pub(super) struct Asked<'a> {
    pub reference: PaymentId,
    pub amount: Money,
    pub token: &'a str,
    /// Whether the shopper has to authenticate whatever the card does.
    pub challenge: bool,
    /// Why authentication may be left out.
    pub exemption: Option<Exemption>,
    /// When it is let go by itself.
    pub until: Timestamp,
}

/// None when the card cannot be processed now and the merchant should try again. The charge that was
/// `made` belongs to the answer, a refusal too.
pub(super) async fn authorize(
    tx: &mut Tx,
    asked: &Asked<'_>,
    tries: i64,
    made: &mut Option<String>,
) -> Result<Option<Outcome>, NoAnswer> {
    let Asked { reference, amount, token, challenge, exemption, until } = *asked;
    let Some(card) = store::card(tx, token).await? else {
        return Ok(Some(no("invalid_token", "The card's token is not known.")));
    };
    let behaviour: Behaviour = card
        .behaviour
        .parse()
        .map_err(|error: behaviour::UnknownWord| sql::Error::Inconsistent(error.to_string()))?;
    let mut response = behaviour.respond(tries);
    let mut authentication = Authentication::None;
    if response == Response::Approve {
        match behaviour.check(challenge, exemption) {
            Check::Done(how) => authentication = how,
            Check::Challenge => response = Response::Challenge,
            // No charge is made: the merchant asks again, for the same payment.
            Check::NotExempt => {
                let detail = "The card's bank wants its holder to authenticate.";
                return Ok(Some(no(AUTHENTICATION_REQUIRED, detail)));
            }
            Check::Unavailable => {
                let detail = "The card's holder could not be authenticated.";
                response = Response::Decline { code: "authentication_unavailable", detail };
            }
        }
    }
    let (status, authorized) = match &response {
        Response::TryAgain => return Ok(None),
        Response::Approve => (Status::Authorized, amount.minor()),
        Response::Challenge => (Status::RequiresAction, 0),
        Response::Decline { .. } => (Status::Declined, 0),
    };
    let until = (authorized > 0).then_some(until);
    let card = &card;
    let new =
        store::NewChargeRow { reference, amount, card, status, authorized, authentication, until };
    let charge = store::insert_charge(tx, &new, behaviour == Behaviour::Dispute).await?;
    let Some(charge) = charge else {
        return Ok(Some(no("duplicate_reference", "The payment has a charge already.")));
    };
    *made = Some(charge.id.clone());
    Ok(Some(match response {
        Response::Decline { code, detail } => no(code, detail),
        Response::Challenge => {
            let charge = charge.stands(tx.now());
            Outcome::RequiresAction { url: challenge_url(reference), charge }
        }
        Response::Approve | Response::TryAgain => Outcome::Approved(charge.stands(tx.now())),
    }))
}

impl Sandbox {
    pub(super) async fn challenged(
        &self,
        tx: &mut Tx,
        id: &str,
        approve: bool,
    ) -> Result<Outcome, NoAnswer> {
        let Some(mut charge) = store::lock(tx, id).await? else { return Ok(unknown_charge()) };
        if charge.status()? != Status::RequiresAction {
            return Ok(no("charge_state", "The charge does not wait for the shopper."));
        }
        let now = tx.now();
        if approve {
            charge.authorized_minor = charge.amount_minor;
            Authentication::Challenged.word().clone_into(&mut charge.authentication);
            charge.authorized_until = Some(self.authorized_until(now));
            store::save(tx, &mut charge, Status::Authorized).await?;
            self.tell(tx, id, "charge.authorized").await?;
            return Ok(Outcome::Approved(charge.stands(now)));
        }
        store::save(tx, &mut charge, Status::Declined).await?;
        self.tell(tx, id, "charge.declined").await?;
        Ok(no("authentication_failed", "The card's holder did not authenticate."))
    }
}

/// Takes a part of what is set aside; the rest stays so until it is taken, let go or too old.
pub(super) async fn capture(
    tx: &mut Tx,
    id: &str,
    amount: Money,
    dispute_after_ms: u32,
) -> Result<Outcome, NoAnswer> {
    let Some(mut charge) = store::lock(tx, id).await? else { return Ok(unknown_charge()) };
    let now = tx.now();
    if charge.status()? != Status::Authorized || charge.currency != amount.currency().code() {
        return Ok(no("charge_state", "There is nothing to capture in this currency."));
    }
    if !charge.is_held(now) {
        return Ok(no("authorization_expired", "The amount was set aside for too long."));
    }
    let behaviour = charge.behaviour()?;
    if behaviour == Behaviour::CaptureDeclined {
        return Ok(no("capture_declined", "The card's bank does not let the amount be taken."));
    }
    if amount.minor() <= 0 || SANDBOX_CAPTURABLE.take(tx, &[(id, amount.minor())]).await?.is_err() {
        return Ok(no("amount_too_large", "Not more than was authorized can be captured."));
    }
    let is_first = charge.captured_minor == 0;
    charge.captured_minor += amount.minor();
    if behaviour == Behaviour::Dispute && is_first {
        charge.dispute_at = Some(now + TimeDelta::milliseconds(dispute_after_ms.into()));
    }
    let is_all = charge.captured_minor == charge.authorized_minor;
    let status = if is_all { Status::Captured } else { Status::Authorized };
    store::save(tx, &mut charge, status).await?;
    Ok(Outcome::Approved(charge.stands(now)))
}

pub(super) async fn void(tx: &mut Tx, id: &str) -> Result<Outcome, NoAnswer> {
    let Some(mut charge) = store::lock(tx, id).await? else { return Ok(unknown_charge()) };
    match charge.status()? {
        Status::Authorized if charge.captured_minor > 0 => {
            store::save(tx, &mut charge, Status::Captured).await?;
        }
        Status::RequiresAction | Status::Authorized => {
            store::save(tx, &mut charge, Status::Voided).await?;
        }
        Status::Voided | Status::Declined => {}
        Status::Captured => return Ok(no("charge_state", "The charge was captured; refund it.")),
    }
    Ok(Outcome::Approved(charge.stands(tx.now())))
}

pub(super) async fn refund(tx: &mut Tx, id: &str, amount: Money) -> Result<Outcome, NoAnswer> {
    let Some(mut charge) = store::lock(tx, id).await? else { return Ok(unknown_charge()) };
    if charge.captured_minor == 0 || charge.currency != amount.currency().code() {
        return Ok(no("charge_state", "There is nothing to refund in this currency."));
    }
    if store::dispute_in(tx, id).await?.is_some_and(|dispute| dispute.closed_at.is_none()) {
        return Ok(no("charge_disputed", "The charge is disputed; wait for the end of that."));
    }
    if amount.minor() <= 0 || SANDBOX_REFUNDABLE.take(tx, &[(id, amount.minor())]).await?.is_err() {
        return Ok(no("amount_too_large", "Not more than was captured can be refunded."));
    }
    charge.refunded_minor += amount.minor();
    Ok(Outcome::Approved(charge.stands(tx.now())))
}

pub(super) fn unknown_charge() -> Outcome {
    no("invalid_charge", "There is no such charge.")
}

/// An authorization stands as its charge does: the shopper may have answered a challenge since.
pub(super) fn stands(
    answer: Outcome,
    charge: Option<ChargeRow>,
    now: Timestamp,
) -> Result<Outcome, NoAnswer> {
    let Some(charge) = charge else { return Ok(answer) };
    Ok(match (charge.status()?, answer) {
        (Status::Authorized | Status::Captured | Status::Voided, _) => {
            Outcome::Approved(charge.stands(now))
        }
        (Status::RequiresAction, _) => Outcome::RequiresAction {
            url: challenge_url(charge.reference.into()),
            charge: charge.stands(now),
        },
        (Status::Declined, declined @ Outcome::Declined { .. }) => declined,
        (Status::Declined, Outcome::Approved(_) | Outcome::RequiresAction { .. }) => {
            no("authentication_failed", "The card's holder did not authenticate.")
        }
    })
}
