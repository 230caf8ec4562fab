//! Who processes payments, and whether cards are kept here.

use std::sync::Arc;

use chrono::TimeDelta;
use kernel::Clock;
use payment::stripe::Stripe;
use payment::{Payments, ProcessorName, Sandbox};
use platform::sql::Db;
use vault::{KeyFiles, LocalKeys, Vault};

use crate::command::Failure;
use crate::settings::{Role, Settings};

/// Payments, behind the processor that the shop wants.
pub fn processed(
    payments: Payments,
    settings: &Settings,
    clock: &Clock,
) -> Result<Payments, Failure> {
    Ok(match settings.payment.processor {
        ProcessorName::Sandbox => payments,
        ProcessorName::Stripe => {
            payments.behind(Arc::new(Stripe::new(&settings.payment.stripe, clock.clone())?))
        }
    })
}

/// How the sandbox settles: as was agreed.
pub fn sandbox_terms(agreed: ledger::Terms) -> payment::sandbox::Terms {
    payment::sandbox::Terms {
        fee: Arc::new(move |charged| agreed.fee(charged)),
        payout: TimeDelta::days(agreed.payout_days.into()),
    }
}

/// Where cards are kept; only a process that has this role reads the keys.
pub async fn keeper(
    db: Db,
    settings: &Settings,
    sandbox: Arc<Sandbox>,
) -> Result<Option<Vault>, Failure> {
    // Cards that Stripe's fields take are never seen here.
    if !settings.has(Role::Vault) || settings.payment.processor == ProcessorName::Stripe {
        return Ok(None);
    }
    let keys = Arc::new(LocalKeys::open(KeyFiles::vault(&settings.vault_keys_folder()))?);
    Ok(Some(Vault::open(db, settings.vault.clone(), keys, sandbox).await?))
}
