//! `stoa doctor`

use std::process::ExitCode;

use super::{Failure, say};
use crate::doctor::{Mark, examine};
use crate::settings::Settings;

/// Prints what was looked at. Exits 1 when the shop would not run or would break a promise.
pub(super) async fn doctor(settings: &Settings) -> Result<ExitCode, Failure> {
    let findings = examine(settings).await;
    for finding in &findings {
        let mark = match finding.mark {
            Mark::Fine => "ok      ",
            Mark::Doubtful => "doubtful",
            Mark::Bad => "BAD     ",
        };
        say(format!("{mark}  {}: {}", finding.about, finding.text));
    }
    let is_bad = findings.iter().any(|finding| finding.mark == Mark::Bad);
    Ok(if is_bad { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
