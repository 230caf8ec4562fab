//! `stoa keys`

use std::process::ExitCode;

use clap::Subcommand;
use kernel::Clock;
use platform::audit::Actor;

use super::{Failure, say};
use crate::app::open_migrated;
use crate::settings::Settings;

/// What to do with the keys that sign access tokens.
#[derive(Debug, Subcommand)]
pub(super) enum Keys {
    /// Make a new key, and remove those whose tokens have all expired
    Rotate,
}

/// Works on the folder of keys; servers that run notice.
pub(super) async fn keys(settings: &Settings, what: Keys) -> Result<ExitCode, Failure> {
    let Keys::Rotate = what;
    let db = open_migrated(settings, &auth::SCHEMA, &Clock::system()).await?;
    let signs_from = auth::rotate_keys(&db, &settings.keys_folder(), &Actor::OPERATOR).await?;
    db.close().await;
    say(format!("a new key is published and signs from {signs_from} on"));
    Ok(ExitCode::SUCCESS)
}
