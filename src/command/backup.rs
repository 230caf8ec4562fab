//! `stoa backup`

use std::path::Path;
use std::process::ExitCode;

use super::{Failure, say};
use crate::backup::{self, Taken};
use crate::settings::Settings;

/// Makes a backup, and says what is needed beside it.
pub(super) async fn backup(settings: &Settings, to: &Path) -> Result<ExitCode, Failure> {
    let Taken { manifest, pause, took } = backup::take(settings, to).await?;
    let bytes: u64 = manifest.files.iter().map(|file| file.bytes).sum();
    say(format!(
        "{}: {} files, {} MB, in {} ms; writers waited {} ms",
        to.display(),
        manifest.files.len(),
        bytes / 1_000_000,
        took.as_millis(),
        pause.as_millis()
    ));
    let keys: Vec<&str> = manifest.keys.iter().map(|key| key.path.as_str()).collect();
    say(format!("it opens with these key files alone, which are not in it: {}", keys.join(", ")));
    say("keep them elsewhere, and beside them what `stoa customer erasures` prints");
    Ok(ExitCode::SUCCESS)
}
