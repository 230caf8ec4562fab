//! `stoa move`

use std::process::ExitCode;
use std::time::Duration;

use clap::Args;

use super::{Failure, say};
use crate::moving::{self, Asked, Moved, Way};
use crate::settings::{EngineName, Settings};

/// From where to where. An address with a password is better named by the variable: whoever is logged in on the machine
/// sees what a command was called with.
#[derive(Debug, Args)]
pub(super) struct Move {
    /// Where the shop is: `sqlite:FOLDER` or `postgres://user:password@host/database`; the shop of the settings if it is
    /// not named
    #[arg(long, env = "STOA_MOVE_FROM", hide_env_values = true)]
    from: Option<String>,
    /// Where it goes; the shop of the settings if it is not named
    #[arg(long, env = "STOA_MOVE_TO", hide_env_values = true)]
    to: Option<String>,
    /// What the schemas are called where the shop goes, before the modules' names; as in the settings if it is not said
    #[arg(long)]
    schema_prefix: Option<String>,
    /// Only copy and compare, while the shop is served; the copy is nobody's shop, and the next move begins anew
    #[arg(long = "try")]
    is_trial: bool,
    /// Put a shop aside that was left there by an earlier move; PostgreSQL's is overwritten
    #[arg(long)]
    replace: bool,
    /// Events and operations younger than this many seconds may still be under way
    #[arg(long, default_value_t = 60)]
    grace_s: u64,
    /// Serve the shop of the settings again that was left, without what was sold since
    #[arg(long, conflicts_with_all = ["schema_prefix", "is_trial", "replace"])]
    reopen: bool,
}

/// Moves a shop, and says what is to be set.
pub(super) async fn relocate(settings: &Settings, what: Move) -> Result<ExitCode, Failure> {
    if what.reopen {
        let _locks = locks(settings)?;
        moving::reopen(settings).await?;
        say("the shop of the settings can be served again; see that the other place is not");
        return Ok(ExitCode::SUCCESS);
    }
    let Move { from, to, schema_prefix, is_trial, replace, grace_s, .. } = what;
    let way = Way::between(settings, from.as_deref(), to.as_deref(), schema_prefix)?;
    let _locks = [if is_trial { Vec::new() } else { locks(&way.from)? }, locks(&way.to)?];
    let asked = Asked { is_trial, replace, grace: Duration::from_secs(grace_s) };
    let moved = Box::pin(moving::relocate(&way, &asked, &|line| say(line))).await?;
    match moved {
        Some(moved) => tell(&moved, is_trial),
        None => say("the move that was killed had proved all, and is ended"),
    }
    if !is_trial {
        say("the shop is not served where it was; set this, and start it:");
        for line in way.to_set() {
            say(format!("  {line}"));
        }
        say(
            "what is left where it was knows people who are erased from now on: see docs/moving.md",
        );
    }
    Ok(ExitCode::SUCCESS)
}

fn tell(moved: &Moved, is_trial: bool) {
    let Moved { rows, tables, aside, held, verified } = moved;
    for aside in aside {
        say(format!("what was there is in {}", aside.display()));
    }
    say(format!("{rows} rows of {tables} tables were copied, and are the same on both sides"));
    let held = held.as_millis();
    if is_trial {
        say(format!(
            "nothing has moved; for that the shop stands still {held} ms, and for `stoa verify`"
        ));
    } else {
        let verified = verified.as_millis();
        say(format!(
            "the shop stood still for {held} ms, {verified} ms of them to prove its books"
        ));
    }
}

/// A shop in files is held by whoever works on it.
fn locks(settings: &Settings) -> Result<Vec<std::fs::File>, Failure> {
    match settings.database.engine {
        EngineName::Sqlite => super::serve::locks(settings),
        EngineName::Postgres => Ok(Vec::new()),
    }
}
