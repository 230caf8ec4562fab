//! The sandbox: a payment processor in process, and still a party of its own.
//!
//! It has its own database and books and knows nothing of the shop's. It does what a key asks at
//! most once: the same key with the same parameters gives the stored answer, with others a refusal.
//! A card number never reaches its database; what a number does is decided when it is tokenized.
//!
//! An amount that ends in .51 takes effect, but its first answer is lost.

mod behaviour;
mod store;

use std::time::Duration;

use async_trait::async_trait;
use kernel::Money;
use kernel::id::PaymentId;
use kernel::ports::Unavailable;
use platform::module::Schema;
use platform::sql::{self, Db, Tx};
use serde::{Deserialize, Serialize};

use crate::domain::card::Card;
use crate::processor::{Charge, NewCharge, Outcome, Processor, Token};
use behaviour::{Behaviour, Response, amount_loses_its_answer};
use store::{ChargeRow, SANDBOX_CAPTURABLE, SANDBOX_REFUNDABLE, Status};

platform::migrations! { "sandbox": "0001_sandbox" }

/// The tables of the sandbox.
pub const SANDBOX_SCHEMA: Schema = Schema {
    module: "sandbox",
    migrations: MIGRATIONS,
    statements: &[store::STATEMENTS],
    guards: &[SANDBOX_CAPTURABLE, SANDBOX_REFUNDABLE],
};

/// How the sandbox works: section `[payment.sandbox]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// How long it takes for an answer, in milliseconds.
    pub latency_ms: u64,
}

/// The sandbox processor.
#[derive(Clone)]
pub struct Sandbox {
    db: Db,
    latency: Duration,
}

/// What a merchant asks for; its text is how the sandbox knows a repetition.
#[derive(Serialize)]
#[serde(tag = "command", rename_all = "snake_case")]
enum Command<'a> {
    Authorize { reference: PaymentId, amount: Money, token: &'a str },
    Challenge { charge: &'a str, approve: bool },
    Capture { charge: &'a str, amount: Money },
    Void { charge: &'a str },
    Refund { charge: &'a str, amount: Money },
}

/// Why the sandbox gives no answer.
#[derive(Debug, thiserror::Error)]
enum NoAnswer {
    #[error("the sandbox took too long to answer")]
    TimedOut,
    #[error("the sandbox could not process the card; try again with the same key")]
    ProcessingError,
    #[error(transparent)]
    Storage(#[from] sql::Error),
}

impl From<NoAnswer> for Unavailable {
    fn from(error: NoAnswer) -> Self {
        Self::new("the sandbox processor", error)
    }
}

impl Command<'_> {
    fn loses_its_answer(&self) -> bool {
        match self {
            Self::Authorize { amount, .. }
            | Self::Capture { amount, .. }
            | Self::Refund { amount, .. } => amount_loses_its_answer(*amount),
            Self::Challenge { .. } | Self::Void { .. } => false,
        }
    }
}

impl Sandbox {
    /// A sandbox over its own database.
    pub fn new(db: Db, settings: &Settings) -> Self {
        Self { db, latency: Duration::from_millis(settings.latency_ms) }
    }

    /// The shopper's answer on the 3-D Secure page of the sandbox.
    pub async fn challenge(
        &self,
        key: &str,
        charge: &str,
        approve: bool,
    ) -> Result<Outcome, Unavailable> {
        Ok(self.run(key, &Command::Challenge { charge, approve }).await?)
    }

    async fn run(&self, key: &str, command: &Command<'_>) -> Result<Outcome, NoAnswer> {
        let answered = self.commit(key, command).await;
        tokio::time::sleep(self.latency).await;
        answered
    }

    async fn commit(&self, key: &str, command: &Command<'_>) -> Result<Outcome, NoAnswer> {
        let parameters = serde_json::to_string(command)
            .map_err(|error| sql::Error::Inconsistent(error.to_string()))?;
        let mut tx = self.db.begin("sandbox.operation").await?;
        let opened = store::open(&mut tx, key, &parameters).await?;
        if opened.parameters != parameters {
            return Ok(no("key_reused", "The key was used with other parameters."));
        }
        if let Some(answer) = opened.answer {
            // Who stored it may share this unit's group: only the commit makes it durable.
            tx.commit().await?;
            return Ok(answer.0);
        }
        let mut made = None;
        let outcome = match command {
            Command::Authorize { reference, amount, token } => {
                let tries = opened.tries;
                authorize(&mut tx, (*reference, *amount, token), tries, &mut made).await?
            }
            Command::Challenge { charge, approve } => {
                Some(challenge(&mut tx, charge, *approve).await?)
            }
            Command::Capture { charge, amount } => Some(capture(&mut tx, charge, *amount).await?),
            Command::Void { charge } => Some(void(&mut tx, charge).await?),
            Command::Refund { charge, amount } => Some(refund(&mut tx, charge, *amount).await?),
        };
        if let Some(outcome) = &outcome {
            store::answer(&mut tx, key, outcome, made.as_deref()).await?;
        }
        tx.commit().await?;
        match outcome {
            Some(_) if command.loses_its_answer() => Err(NoAnswer::TimedOut),
            Some(outcome) => Ok(outcome),
            None => Err(NoAnswer::ProcessingError),
        }
    }
}

fn no(code: &str, detail: &str) -> Outcome {
    Outcome::Declined { code: code.to_owned(), detail: detail.to_owned() }
}

fn challenge_url(reference: PaymentId) -> String {
    format!("/v1/payments/{reference}/challenge")
}

/// None when the card cannot be processed now and the merchant should try again. The charge that was
/// `made` belongs to the answer, a refusal too.
async fn authorize(
    tx: &mut Tx,
    (reference, amount, token): (PaymentId, Money, &str),
    tries: i64,
    made: &mut Option<String>,
) -> Result<Option<Outcome>, NoAnswer> {
    let Some(card) = store::card(tx, token).await? else {
        return Ok(Some(no("invalid_token", "The card's token is not known.")));
    };
    let behaviour: Behaviour = card
        .behaviour
        .parse()
        .map_err(|error: behaviour::UnknownWord| sql::Error::Inconsistent(error.to_string()))?;
    let response = behaviour.respond(tries);
    let (status, authorized) = match &response {
        Response::TryAgain => return Ok(None),
        Response::Approve => (Status::Authorized, amount.minor()),
        Response::Challenge => (Status::RequiresAction, 0),
        Response::Decline { .. } => (Status::Declined, 0),
    };
    let new = store::NewChargeRow { reference, amount, card: &card, status, authorized };
    let charge = store::insert_charge(tx, &new, behaviour == Behaviour::Dispute).await?;
    let Some(charge) = charge else {
        return Ok(Some(no("duplicate_reference", "The payment has a charge already.")));
    };
    *made = Some(charge.id.clone());
    Ok(Some(match response {
        Response::Decline { code, detail } => no(code, detail),
        Response::Challenge => {
            Outcome::RequiresAction { url: challenge_url(reference), charge: charge.into() }
        }
        Response::Approve | Response::TryAgain => Outcome::Approved(charge.into()),
    }))
}

async fn challenge(tx: &mut Tx, id: &str, approve: bool) -> Result<Outcome, NoAnswer> {
    let Some(mut charge) = store::lock(tx, id).await? else { return Ok(unknown_charge()) };
    if charge.status()? != Status::RequiresAction {
        return Ok(no("charge_state", "The charge does not wait for the shopper."));
    }
    if approve {
        charge.authorized_minor = charge.amount_minor;
        store::save(tx, &mut charge, Status::Authorized).await?;
        return Ok(Outcome::Approved(charge.into()));
    }
    store::save(tx, &mut charge, Status::Declined).await?;
    Ok(no("authentication_failed", "The card's holder did not authenticate."))
}

async fn capture(tx: &mut Tx, id: &str, amount: Money) -> Result<Outcome, NoAnswer> {
    let Some(mut charge) = store::lock(tx, id).await? else { return Ok(unknown_charge()) };
    if charge.status()? != Status::Authorized || charge.currency != amount.currency().code() {
        return Ok(no("charge_state", "There is nothing to capture in this currency."));
    }
    if amount.minor() <= 0 || SANDBOX_CAPTURABLE.take(tx, &[(id, amount.minor())]).await?.is_err() {
        return Ok(no("amount_too_large", "Not more than was authorized can be captured."));
    }
    charge.captured_minor += amount.minor();
    store::save(tx, &mut charge, Status::Captured).await?;
    Ok(Outcome::Approved(charge.into()))
}

async fn void(tx: &mut Tx, id: &str) -> Result<Outcome, NoAnswer> {
    let Some(mut charge) = store::lock(tx, id).await? else { return Ok(unknown_charge()) };
    match charge.status()? {
        Status::RequiresAction | Status::Authorized => {
            store::save(tx, &mut charge, Status::Voided).await?;
        }
        Status::Voided | Status::Declined => {}
        Status::Captured => return Ok(no("charge_state", "The charge was captured; refund it.")),
    }
    Ok(Outcome::Approved(charge.into()))
}

async fn refund(tx: &mut Tx, id: &str, amount: Money) -> Result<Outcome, NoAnswer> {
    let Some(mut charge) = store::lock(tx, id).await? else { return Ok(unknown_charge()) };
    if charge.status()? != Status::Captured || charge.currency != amount.currency().code() {
        return Ok(no("charge_state", "There is nothing to refund in this currency."));
    }
    if amount.minor() <= 0 || SANDBOX_REFUNDABLE.take(tx, &[(id, amount.minor())]).await?.is_err() {
        return Ok(no("amount_too_large", "Not more than was captured can be refunded."));
    }
    charge.refunded_minor += amount.minor();
    Ok(Outcome::Approved(charge.into()))
}

fn unknown_charge() -> Outcome {
    no("invalid_charge", "There is no such charge.")
}

/// An authorization stands as its charge does: the shopper may have answered a challenge since.
fn stands(answer: Outcome, charge: Option<ChargeRow>) -> Result<Outcome, NoAnswer> {
    let Some(charge) = charge else { return Ok(answer) };
    Ok(match (charge.status()?, answer) {
        (Status::Authorized | Status::Captured | Status::Voided, _) => {
            Outcome::Approved(charge.into())
        }
        (Status::RequiresAction, _) => Outcome::RequiresAction {
            url: challenge_url(charge.reference.into()),
            charge: charge.into(),
        },
        (Status::Declined, declined @ Outcome::Declined { .. }) => declined,
        (Status::Declined, Outcome::Approved(_) | Outcome::RequiresAction { .. }) => {
            no("authentication_failed", "The card's holder did not authenticate.")
        }
    })
}

#[async_trait]
impl Processor for Sandbox {
    async fn tokenize(&self, card: Card) -> Result<Token, Unavailable> {
        let kept = store::CardRow {
            token: format!("tok_{}", platform::random::token()),
            brand: card.number.brand().to_owned(),
            last4: card.number.last4(),
            exp_month: card.exp_month,
            exp_year: card.exp_year,
            behaviour: Behaviour::of(card.number.digits()).word().to_owned(),
        };
        drop(card);
        store::insert_card(&self.db, &kept).await.map_err(NoAnswer::Storage)?;
        tokio::time::sleep(self.latency).await;
        Ok(Token {
            token: kept.token,
            brand: kept.brand,
            last4: kept.last4,
            exp_month: kept.exp_month,
            exp_year: kept.exp_year,
        })
    }

    async fn authorize(&self, key: &str, charge: NewCharge) -> Result<Outcome, Unavailable> {
        let NewCharge { reference, amount, token } = &charge;
        let command = Command::Authorize { reference: *reference, amount: *amount, token };
        Ok(self.run(key, &command).await?)
    }

    async fn capture(
        &self,
        key: &str,
        charge: &str,
        amount: Money,
    ) -> Result<Outcome, Unavailable> {
        Ok(self.run(key, &Command::Capture { charge, amount }).await?)
    }

    async fn void(&self, key: &str, charge: &str) -> Result<Outcome, Unavailable> {
        Ok(self.run(key, &Command::Void { charge }).await?)
    }

    async fn refund(&self, key: &str, charge: &str, amount: Money) -> Result<Outcome, Unavailable> {
        Ok(self.run(key, &Command::Refund { charge, amount }).await?)
    }

    async fn find(&self, key: &str) -> Result<Option<Outcome>, Unavailable> {
        let found = store::find(&self.db, key).await.map_err(NoAnswer::Storage)?;
        let Some((answer, charge)) = found else { return Ok(None) };
        Ok(Some(stands(answer, charge)?))
    }

    async fn charges(
        &self,
        after: Option<PaymentId>,
        limit: u32,
    ) -> Result<Vec<Charge>, Unavailable> {
        let rows = store::charges(&self.db, after, limit).await.map_err(NoAnswer::Storage)?;
        Ok(rows.into_iter().map(Charge::from).collect())
    }
}
