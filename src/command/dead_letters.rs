//! `stoa dead-letters`

use std::process::ExitCode;

use clap::Subcommand;
use platform::audit::Actor;
use platform::bus;
use uuid::Uuid;

use super::{Failure, say};
use crate::app::Shop;
use crate::settings::Settings;

/// How many dead letters of a module are listed.
const LISTED_MAX: i64 = 1_000;

/// What to do with dead letters.
#[derive(Debug, Subcommand)]
pub(super) enum DeadLetters {
    /// List them: state, subscription, event, what went wrong
    List {
        /// Only those of a subscription
        subscription: Option<String>,
    },
    /// Let dead ones be tried again
    Redrive {
        /// The subscription, e.g. payment.capture
        subscription: String,
        /// Only this event
        #[arg(long)]
        event: Option<Uuid>,
    },
}

/// Lists or redrives dead letters.
pub(super) async fn dead_letters(
    settings: Settings,
    what: DeadLetters,
) -> Result<ExitCode, Failure> {
    let shop = Shop::beside(settings).await?;
    match what {
        DeadLetters::List { subscription } => {
            for db in shop.databases() {
                for letter in bus::dead_letters(db, subscription.as_deref(), LISTED_MAX).await? {
                    say(format!(
                        "{} {} {} {} {} attempts: {}",
                        letter.state,
                        letter.subscription,
                        letter.envelope.kind,
                        letter.event_id,
                        letter.attempts,
                        letter.last_error.unwrap_or_default(),
                    ));
                }
            }
        }
        DeadLetters::Redrive { subscription, event } => {
            let found = shop.bus.subscriptions().iter().find(|known| known.name == subscription);
            let found = found.ok_or_else(|| format!("there is no subscription {subscription}"))?;
            let redriven = bus::redrive(&found.db, &subscription, event, &Actor::OPERATOR).await?;
            say(format!("{redriven} will be tried again"));
        }
    }
    Ok(ExitCode::SUCCESS)
}
