//! `stoa vault`

use std::process::ExitCode;

use clap::Subcommand;
use platform::audit::Actor;
use vault::KeyFiles;

use super::{Failure, say};
use crate::app::Shop;
use crate::settings::Settings;

/// What to do with the keys of the vault.
#[derive(Debug, Subcommand)]
pub(super) enum Vault {
    /// Make a new key for card numbers; the vault that runs seals the cards of before again and deletes the old key
    Rotate {
        /// Make a new key file too, under which all of the vault's keys are wrapped from now on
        #[arg(long)]
        wrapping_key: bool,
    },
}

/// Works on the keys of the vault.
pub(super) async fn vault(settings: Settings, what: Vault) -> Result<ExitCode, Failure> {
    let Vault::Rotate { wrapping_key } = what;
    let folder = settings.vault_keys_folder();
    let keeper = Shop::beside(settings).await?.vault;
    let keeper =
        keeper.ok_or("the vault's keys are not here; see vault.keys_dir and server.roles")?;
    if wrapping_key {
        say(format!("made {}", KeyFiles::vault(&folder).add()?.display()));
    }
    keeper.rotate(&Actor::OPERATOR).await?;
    say("a new key seals cards; the vault seals those of before again");
    Ok(ExitCode::SUCCESS)
}
