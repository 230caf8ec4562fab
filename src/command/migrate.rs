//! `stoa migrate`

use std::process::ExitCode;

use kernel::Clock;

use super::{Failure, say};
use crate::app::{SCHEMAS, open_database};
use crate::settings::Settings;

/// Brings the databases up to date and says what ran.
pub(super) async fn migrate(settings: &Settings) -> Result<ExitCode, Failure> {
    std::fs::create_dir_all(&settings.server.data_dir)?;
    for schema in &SCHEMAS {
        let db = open_database(settings, schema, &Clock::system()).await?;
        match schema.migrate(&db).await?.as_slice() {
            [] => say(format!("{}: up to date", schema.module)),
            ran => say(format!("{}: {}", schema.module, ran.join(", "))),
        }
        db.close().await;
    }
    Ok(ExitCode::SUCCESS)
}
