//! `stoa sandbox`

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use chrono::{NaiveDate, NaiveTime, TimeDelta};
use clap::Subcommand;
use kernel::Timestamp;

use super::{Failure, say};
use crate::app::{Shop, sandbox_terms};
use crate::settings::Settings;

/// What the sandbox processor tells.
#[derive(Debug, Subcommand)]
pub(super) enum Sandbox {
    /// Write what it settles as CSV, for `stoa ledger settle`
    Settlement {
        /// The file
        #[arg(long)]
        out: PathBuf,
        /// Only what happened on this day (UTC), e.g. 2026-11-29
        #[arg(long)]
        day: Option<NaiveDate>,
    },
}

/// Asks the sandbox.
pub(super) async fn sandbox(settings: Settings, what: Sandbox) -> Result<ExitCode, Failure> {
    let Sandbox::Settlement { out, day } = what;
    settlement(settings, &out, day).await
}

async fn settlement(
    settings: Settings,
    out: &Path,
    day: Option<NaiveDate>,
) -> Result<ExitCode, Failure> {
    let shop = Shop::beside(settings).await?;
    let (settings, db) = (&shop.settings, shop.database("sandbox")?.clone());
    let sandbox = payment::Sandbox::new(db, &settings.payment.sandbox)?;
    let sandbox = sandbox.settling(sandbox_terms(settings.ledger));
    let when = day.map_or((Timestamp::MIN_UTC, Timestamp::MAX_UTC), |day| {
        let from = day.and_time(NaiveTime::MIN).and_utc();
        (from, from + TimeDelta::days(1))
    });
    let file = sandbox.settlement(when).await?;
    std::fs::write(out, &file).map_err(|error| format!("{}: {error}", out.display()))?;
    say(format!("{} lines in {}", file.lines().count() - 1, out.display()));
    Ok(ExitCode::SUCCESS)
}
