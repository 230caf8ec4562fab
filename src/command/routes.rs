//! `stoa routes`

use std::process::ExitCode;

use super::{Failure, say};
use crate::edge;
use crate::settings::Settings;

/// Prints every endpoint with who may come in, how often, with how much and for how long.
pub(super) fn routes(settings: &Settings) -> Result<ExitCode, Failure> {
    for line in edge::listed(&settings.edge)? {
        say(line);
    }
    Ok(ExitCode::SUCCESS)
}
