//! `stoa keys`

use std::process::ExitCode;

use clap::Subcommand;
use kernel::Clock;

use super::{Failure, say};
use crate::settings::Settings;

/// What to do with the keys that sign access tokens.
#[derive(Debug, Subcommand)]
pub(super) enum Keys {
    /// Make a new key, and remove those whose tokens have all expired
    Rotate,
}

/// Works on the folder of keys; servers that run notice.
pub(super) fn keys(settings: &Settings, what: &Keys) -> Result<ExitCode, Failure> {
    let Keys::Rotate = what;
    let signs_from = auth::rotate_keys(&settings.keys_folder(), Clock::system().now())?;
    say(format!("a new key is published and signs from {signs_from} on"));
    Ok(ExitCode::SUCCESS)
}
