//! `stoa import`

use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use catalog::Format;
use clap::Subcommand;
use indicatif::{ProgressBar, ProgressStyle};
use platform::audit::Actor;

use super::{Failure, say};
use crate::app::Shop;
use crate::settings::Settings;

/// What to bring in.
#[derive(Debug, Subcommand)]
pub(super) enum Import {
    /// Products, from JSON lines (.jsonl) or CSV (.csv). One that was interrupted goes on where it
    /// stopped; one that is run again changes nothing.
    Products {
        /// The file
        file: PathBuf,
        /// Decide about every line, tell what would be done, and write nothing
        #[arg(long)]
        dry_run: bool,
        /// Where every line that is left out is written to, as CSV: line, field, message
        #[arg(long)]
        errors: Option<PathBuf>,
    },
    /// Tax rates, from CSV: country,region,category,percent,valid_from,valid_until. All of the file or
    /// nothing; rates that it does not name stay
    Taxes {
        /// The file
        file: PathBuf,
    },
}

/// How many wrong lines are named.
const NAMED_MAX: usize = 50;

/// What an interrupted import wrote there is kept: its next run goes on behind it.
fn open_errors(path: &Path) -> Result<File, Failure> {
    let opened = OpenOptions::new().write(true).create(true).truncate(false).open(path);
    opened.map_err(|error| format!("{}: {error}", path.display()).into())
}

/// Imports a file. Exits 1 when some of its lines were not allowed; the others are in.
pub(super) async fn import(settings: Settings, what: Import) -> Result<ExitCode, Failure> {
    match what {
        Import::Products { file, dry_run, errors } => {
            products(settings, &file, dry_run, errors.as_deref()).await
        }
        Import::Taxes { file } => taxes(settings, &file).await,
    }
}

async fn taxes(settings: Settings, path: &Path) -> Result<ExitCode, Failure> {
    let told = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    let csv = std::fs::read_to_string(path).map_err(|error| told(&error))?;
    let shop = Shop::beside(settings).await?;
    let imported = shop.orders.import_taxes(&csv, &Actor::OPERATOR).await;
    let imported = imported.map_err(|error| told(&error))?;
    say(format!("{} rates read, {} new or changed", imported.lines, imported.written));
    Ok(ExitCode::SUCCESS)
}

async fn products(
    settings: Settings,
    path: &Path,
    dry_run: bool,
    errors: Option<&Path>,
) -> Result<ExitCode, Failure> {
    let format = Format::of_file(path).ok_or("the file's name must end in .jsonl or .csv")?;
    let mut file = File::open(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let how = catalog::Import {
        dry_run,
        actor: Actor::OPERATOR,
        errors: errors.map(open_errors).transpose()?,
        ..format.into()
    };
    let bar = ProgressBar::new(file.metadata()?.len());
    bar.set_style(ProgressStyle::with_template("{bar:40} {percent}% {msg} {elapsed}")?);
    let shop = Shop::beside(settings).await?;
    let report = shop
        .catalog
        .import(&mut file, how, &mut |progress| {
            bar.set_position(progress.bytes);
            bar.set_message(format!("{} products", progress.records));
        })
        .await?;
    bar.finish_and_clear();
    if dry_run {
        say("nothing was written; it would come to this:");
    }
    for error in report.errors.iter().take(NAMED_MAX) {
        say(error);
    }
    say(format!(
        "{} created, {} updated, {} unchanged, {} lines not allowed",
        report.created, report.updated, report.unchanged, report.failed,
    ));
    for field in &report.ignored_fields {
        say(format!("field {field} was not read: the catalogue does not know it"));
    }
    if !dry_run {
        // What a running server would do with the events: without one, stock would wait for it.
        shop.bus.drain().await?;
    }
    Ok(if report.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
