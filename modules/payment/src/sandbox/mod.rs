//! The sandbox: a payment processor in process, and still a party of its own.
//!
//! It has its own database and books and knows nothing of the shop's. It does what a key asks at
//! most once: the same key with the same parameters gives the stored answer, with others a refusal.
//! A card number never reaches its database; what a number does is decided when it is tokenized.
//!
//! An amount that ends in .51 takes effect, but its first answer is lost.

mod behaviour;
mod commands;
mod dispute;
pub mod http;
mod notify;
mod port;
mod settlement;
mod store;

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use kernel::id::PaymentId;
use kernel::ports::Unavailable;
use kernel::{Money, Timestamp};
use platform::module::Schema;
use platform::sql::{self, Db};
use platform::tasks::Tasks;
use platform::webhook::{Target, TargetError};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use tokio::sync::{OnceCell, watch};

use crate::domain::authentication::Exemption;
use crate::processor::Outcome;
use behaviour::amount_loses_its_answer;
use commands::{Asked, authorize, capture, no, refund, void};
pub use notify::{Fault, Told};
pub use settlement::Terms;
use store::{SANDBOX_CAPTURABLE, SANDBOX_REFUNDABLE};

/// What it is called, also in the path of its webhooks below the shop's own address.
const NAME: &str = "sandbox";
const PATH: &str = "/v1/webhooks/sandbox";
const AGENT: &str = "stoa-sandbox-processor/1";

platform::migrations! { "sandbox": "0001_sandbox", "0002_disputes", "0003_http", "0004_authentication" }

/// The tables of the sandbox.
pub const SANDBOX_SCHEMA: Schema = Schema {
    module: "sandbox",
    migrations: MIGRATIONS,
    statements: &[store::STATEMENTS, store::DISPUTES, store::NOTICES, store::INTENTS],
    guards: &[SANDBOX_CAPTURABLE, SANDBOX_REFUNDABLE],
};

/// How the sandbox works: section `[payment.sandbox]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// How long it takes for an answer, in milliseconds.
    pub latency_ms: u64,
    /// How long an amount stays set aside that nobody takes, in seconds.
    pub authorized_s: u32,
    /// How long after the capture the holder of a card that is made for it disputes, in milliseconds.
    pub dispute_after_ms: u32,
    /// How long the merchant may take to answer a dispute, in seconds.
    pub respond_s: u32,
    /// Where webhooks go; empty is this process.
    pub webhook_url: String,
    /// How often it is looked for what is due, in milliseconds.
    pub poll_ms: u64,
    /// How long a webhook is held back that comes late, or at most one out of its order, in milliseconds.
    pub late_ms: u32,
    /// What goes wrong with every webhook.
    pub faults: Vec<Fault>,
}

/// The sandbox processor.
#[derive(Clone)]
pub struct Sandbox {
    db: Db,
    settings: Arc<Settings>,
    target: Arc<Target>,
    secret: Arc<OnceCell<Vec<u8>>>,
    /// What webhooks in Stripe's shape are signed with, if they have that shape.
    stripe_secret: Option<Arc<SecretString>>,
    /// How it settles.
    terms: Terms,
    wake: Arc<watch::Sender<u64>>,
}

/// What a merchant asks for; its text is how the sandbox knows a repetition.
#[derive(Serialize)]
#[serde(tag = "command", rename_all = "snake_case")]
enum Command<'a> {
    Authorize {
        reference: PaymentId,
        amount: Money,
        token: &'a str,
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        challenge: bool,
        #[serde(skip_serializing_if = "Option::is_none")]
        exemption: Option<Exemption>,
    },
    Challenge {
        charge: &'a str,
        approve: bool,
    },
    Capture {
        charge: &'a str,
        amount: Money,
    },
    Void {
        charge: &'a str,
    },
    Refund {
        charge: &'a str,
        amount: Money,
    },
    Dispute {
        charge: &'a str,
        evidence: Option<&'a str>,
    },
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
            Self::Challenge { .. } | Self::Void { .. } | Self::Dispute { .. } => false,
        }
    }
}

impl Sandbox {
    /// A sandbox over its own database.
    pub fn new(db: Db, settings: &Settings) -> Result<Self, TargetError> {
        Ok(Self {
            db,
            settings: Arc::new(settings.clone()),
            target: Arc::new(Target::new(&settings.webhook_url, PATH, AGENT)?),
            secret: Arc::default(),
            stripe_secret: None,
            terms: Terms::default(),
            wake: Arc::new(watch::Sender::new(0)),
        })
    }

    /// The same sandbox, whose webhooks are Stripe's events, signed with this secret.
    #[must_use]
    pub fn telling_as_stripe(self, secret: &str) -> Self {
        Self { stripe_secret: Some(Arc::new(secret.into())), ..self }
    }

    /// The same sandbox, which settles as was agreed.
    #[must_use]
    pub fn settling(self, terms: Terms) -> Self {
        Self { terms, ..self }
    }

    /// Sends webhooks to the shop at `origin` unless the settings say where they go.
    pub fn serve(&self, origin: &str) {
        self.target.default_to(origin);
        self.wake.send_modify(|times| *times += 1);
    }

    /// Starts the clock that lets disputes happen and end, and the sending of webhooks.
    pub fn start(&self, tasks: &Tasks) {
        let poll = Duration::from_millis(self.settings.poll_ms);
        let sandbox = self.clone();
        tasks.every("sandbox.webhooks", poll, Some(self.wake.subscribe()), move || {
            let sandbox = sandbox.clone();
            async move { sandbox.notify().await }
        });
        let sandbox = self.clone();
        tasks.every("sandbox.clock", poll, None, move || {
            let sandbox = sandbox.clone();
            async move { sandbox.tick().await }
        });
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
        self.wait().await;
        answered
    }

    async fn wait(&self) {
        tokio::time::sleep(Duration::from_millis(self.settings.latency_ms)).await;
    }

    /// Until when an amount stays set aside that is set aside now.
    fn authorized_until(&self, now: Timestamp) -> Timestamp {
        now + TimeDelta::seconds(self.settings.authorized_s.into())
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
            Command::Authorize { reference, amount, token, challenge, exemption } => {
                let asked = Asked {
                    reference: *reference,
                    amount: *amount,
                    token,
                    challenge: *challenge,
                    exemption: *exemption,
                    until: self.authorized_until(tx.now()),
                };
                authorize(&mut tx, &asked, opened.tries, &mut made).await?
            }
            Command::Challenge { charge, approve } => {
                Some(self.challenged(&mut tx, charge, *approve).await?)
            }
            Command::Capture { charge, amount } => {
                let dispute_after = self.settings.dispute_after_ms;
                Some(capture(&mut tx, charge, *amount, dispute_after).await?)
            }
            Command::Dispute { charge, evidence } => {
                Some(self.judge(&mut tx, charge, *evidence).await?)
            }
            Command::Void { charge } => Some(void(&mut tx, charge).await?),
            Command::Refund { charge, amount } => Some(refund(&mut tx, charge, *amount).await?),
        };
        if let Some(outcome) = &outcome {
            store::answer(&mut tx, key, outcome, made.as_deref()).await?;
        }
        if matches!(command, Command::Challenge { .. } | Command::Dispute { .. }) {
            self.wake_after(&mut tx);
        }
        tx.commit().await?;
        match outcome {
            Some(_) if command.loses_its_answer() => Err(NoAnswer::TimedOut),
            Some(outcome) => Ok(outcome),
            None => Err(NoAnswer::ProcessingError),
        }
    }
}
