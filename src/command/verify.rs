//! `stoa verify`

use std::process::ExitCode;
use std::time::Duration;

use super::{Failure, say};
use crate::app::Shop;
use crate::books;
use crate::settings::Settings;

/// Proves the books. Prints each invariant with the number of rows that were looked at.
pub(super) async fn verify(settings: Settings, grace_s: u64) -> Result<ExitCode, Failure> {
    let shop = Shop::beside(settings).await?;
    let mut broken = 0;
    for (module, check) in books::verify(&shop, Duration::from_secs(grace_s)).await? {
        let mark = if check.holds() { "ok    " } else { "BROKEN" };
        say(format!("{mark} {:>9} rows  {module}: {}", check.rows, check.invariant));
        for row in &check.broken {
            say(format!("       {row}"));
        }
        broken += usize::from(!check.holds());
    }
    let retrying = platform::bus::retrying(&shop.bus).await?;
    if retrying > 0 {
        say(format!("{retrying} parked events are tried again"));
    }
    if shop.vault.is_none() {
        say("cards were not opened: the vault's keys are not here");
    }
    if broken == 0 {
        say("the books are right");
        return Ok(ExitCode::SUCCESS);
    }
    say(format!("{broken} invariants are broken"));
    Ok(ExitCode::FAILURE)
}
