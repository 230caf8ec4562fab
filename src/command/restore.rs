//! `stoa restore`

use std::fs::File;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::{Failure, say};
use crate::backup::{self, Asked, Opened};
use crate::settings::{EngineName, Settings};

/// What is to be restored, and what of a shop that is there.
#[derive(Debug, Args)]
pub(super) struct Restore {
    /// The folder of the backup
    #[arg(long, required_unless_present = "recovered")]
    from: Option<PathBuf>,
    /// The databases were brought back by other means, such as PostgreSQL's recovery to a point in time: do the rest
    #[arg(long, conflicts_with_all = ["from", "check", "replace"])]
    recovered: bool,
    /// Only look whether it could be: that each file is what it was, and each database sound
    #[arg(long)]
    check: bool,
    /// Put a shop that is there aside, into a folder replaced-TIME of the data folder
    #[arg(long, conflicts_with = "check")]
    replace: bool,
    /// What `stoa customer erasures` printed last: they are erased again. Those of a shop that is replaced are known
    #[arg(long, conflicts_with = "check")]
    erasures: Option<PathBuf>,
}

/// Makes a shop of a backup, or only looks at the backup. Exits 1 when somebody who was erased is in it and cannot be
/// erased again yet.
pub(super) async fn restore(settings: &Settings, what: Restore) -> Result<ExitCode, Failure> {
    let Restore { from, check, replace, erasures, .. } = what;
    let Some(from) = from else {
        let _locks = locks(settings)?;
        return Ok(told(&backup::recovered(settings, erasures.as_deref()).await?));
    };
    if check {
        let manifest = backup::checked(settings, &from).await?;
        say(format!("ok: the backup of {}, by Stoa {}", manifest.begun_at, manifest.program));
        return Ok(ExitCode::SUCCESS);
    }
    let _locks = locks(settings)?;
    let asked = Asked { from, replace, erasures };
    let restored = backup::restore(settings, &asked).await?;
    say(format!("restored what was there at {}", restored.manifest.begun_at));
    for aside in &restored.aside {
        say(format!("what was here is in {}", aside.display()));
    }
    if !restored.vault_keys_missing.is_empty() {
        say(format!("no card opens without {}", restored.vault_keys_missing.join(", ")));
    }
    if restored.log_of_backup {
        say(
            "no `ledger` was here: the log goes on from the backup's, and a newer checkpoint or receipt is of another log",
        );
    }
    Ok(told(&restored.opened))
}

/// Nothing is taken away from a shop that runs.
fn locks(settings: &Settings) -> Result<Vec<File>, Failure> {
    match settings.database.engine {
        EngineName::Sqlite => super::serve::locks(settings),
        EngineName::Postgres => Ok(Vec::new()),
    }
}

/// Says what was done to the shop in the end, and what is left to do.
fn told(opened: &Opened) -> ExitCode {
    let Opened { adopted, erased, in_the_way } = opened;
    if *adopted > 0 {
        say(format!(
            "{adopted} entries of the log were signed after that: `stoa verify` counts those of them that are lost"
        ));
    }
    say(format!("{erased} people were erased after that, and are erased again"));
    for (person, reasons) in in_the_way {
        say(format!("{person} was erased after that, and cannot be yet: {}", reasons.join(", ")));
    }
    say(
        "start the shop, let it settle, and run `stoa verify`; docs/backup.md says what else to look at",
    );
    if in_the_way.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
