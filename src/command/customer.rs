//! `stoa customer`

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Subcommand;
use kernel::id::CustomerId;
use platform::audit::Actor;
use platform::key_file;
use vault::KeyFiles;

use super::{Failure, say};
use crate::app::Shop;
use crate::backup;
use crate::settings::Settings;

/// What to do with what is kept about people.
#[derive(Debug, Subcommand)]
pub(super) enum Customer {
    /// Everything that is kept about a person, as JSON for them to read
    Export {
        /// Their e-mail address, or their id
        who: String,
        /// A new file, readable by its owner alone; without it, standard output
        #[arg(long)]
        to: Option<PathBuf>,
    },
    /// Destroy what is kept about a person: account, addresses, sessions, what stands on their cards. Their orders,
    /// payments and the journal stay and name nobody. Exits 1 while an order of theirs is under way, a payment is disputed, the shop owes them something or nobody else is its admin
    Erase {
        /// Their e-mail address, or their id
        who: String,
        /// Their invoices too, once the law no longer wants them kept
        #[arg(long)]
        with_records: bool,
        /// Do it; without it, it is only said what would be done
        #[arg(long)]
        for_good: bool,
    },
    /// The ids of everybody who was erased, as lines of JSON: `stoa restore --erasures` erases them again
    Erasures,
    /// Wrap the keys of all people again by the newest file people-*.key: the older ones are needed for backups alone
    /// then. What was cut short is gone on with
    RotateKeys {
        /// Make a new file first
        #[arg(long)]
        wrapping_key: bool,
    },
}

/// Works on what is kept about people, and on their keys.
pub(super) async fn customer(settings: Settings, what: Customer) -> Result<ExitCode, Failure> {
    if let Customer::Erasures = what {
        let erased = backup::erasures(&settings).await?;
        write!(std::io::stdout(), "{}", backup::write_erasures(&erased))?;
        return Ok(ExitCode::SUCCESS);
    }
    let shop = Shop::beside(settings).await?;
    match what {
        // Told before.
        Customer::Erasures => Ok(ExitCode::SUCCESS),
        Customer::Export { who, to } => {
            let person = known(&shop, &who).await?;
            let kept = serde_json::to_string_pretty(&shop.kept_about(person).await?)?;
            match to {
                None => say(kept),
                Some(file) => write(&file, &kept)?,
            }
            Ok(ExitCode::SUCCESS)
        }
        Customer::Erase { who, with_records, for_good } => {
            let person = known(&shop, &who).await?;
            erase(&shop, person, with_records, for_good).await
        }
        Customer::RotateKeys { wrapping_key } => {
            if wrapping_key {
                let made = KeyFiles::people(&shop.settings.keys_folder()).add()?;
                say(format!("made {}", made.display()));
            }
            let again = shop.privacy.rotate(&Actor::OPERATOR).await?;
            say(format!("{again} keys are wrapped again, all by the newest file people-*.key"));
            Ok(ExitCode::SUCCESS)
        }
    }
}

async fn erase(
    shop: &Shop,
    person: CustomerId,
    with_records: bool,
    for_good: bool,
) -> Result<ExitCode, Failure> {
    let reasons = shop.in_the_way_of_erasing(person).await?;
    if !reasons.is_empty() {
        say(format!("{person} cannot be erased yet:"));
        for reason in reasons {
            say(format!("  {reason}"));
        }
        return Ok(ExitCode::FAILURE);
    }
    let invoices = if with_records { "and their invoices" } else { "their invoices are kept" };
    if !for_good {
        say(format!("{person} would be erased, {invoices}; add --for-good to do it"));
        return Ok(ExitCode::SUCCESS);
    }
    let erased = shop.erase(person, with_records, &Actor::OPERATOR).await?;
    let when = if erased { "is erased" } else { "was erased before" };
    say(format!("{person} {when}, {invoices}; backups of privacy.db still hold the keys"));
    Ok(ExitCode::SUCCESS)
}

async fn known(shop: &Shop, who: &str) -> Result<CustomerId, Failure> {
    if let Some(person) = shop.accounts.find(who).await?
        && shop.knows(person).await?
    {
        return Ok(person);
    }
    Err(format!("{who} is no e-mail address or id of anybody").into())
}

fn write(file: &Path, text: &str) -> Result<(), Failure> {
    if file.exists() {
        return Err(format!("{} is there already", file.display()).into());
    }
    key_file::make(file, text).map_err(|error| format!("{}: {error}", file.display()))?;
    say(format!("written to {}", file.display()));
    Ok(())
}
