//! `stoa routes`

use std::process::ExitCode;

use super::{Failure, say};
use crate::edge;
use crate::settings::Settings;

/// Prints every endpoint with what its route says.
pub(super) fn routes(settings: &Settings) -> Result<ExitCode, Failure> {
    for line in edge::listed(&settings.edge)? {
        say(line);
    }
    Ok(ExitCode::SUCCESS)
}
