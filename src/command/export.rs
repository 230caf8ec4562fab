//! `stoa export`

use std::path::PathBuf;
use std::process::ExitCode;

use catalog::Format;
use clap::Subcommand;
use tokio::fs::File;
use tokio::io::AsyncWriteExt;

use super::{Failure, say};
use crate::app::Shop;
use crate::settings::Settings;

/// What to take out.
#[derive(Debug, Subcommand)]
pub(super) enum Export {
    /// All products in every status, as JSON lines (.jsonl) or CSV (.csv) that `import` reads
    Products {
        /// The file, which is replaced once the export is whole
        file: PathBuf,
    },
}

/// Exports to a file.
pub(super) async fn export(settings: Settings, what: Export) -> Result<ExitCode, Failure> {
    let Export::Products { file: path } = what;
    let format = Format::of_file(&path).ok_or("the file's name must end in .jsonl or .csv")?;
    let shop = Shop::beside(settings).await?;
    let unfinished = path.with_added_extension("part");
    let failed = |error| format!("{}: {error}", unfinished.display());
    let mut file = File::create(&unfinished).await.map_err(failed)?;
    let mut export = shop.catalog.export(format);
    let mut bytes = 0;
    while let Some(piece) = export.next().await? {
        file.write_all(&piece).await.map_err(failed)?;
        bytes += piece.len();
    }
    file.sync_all().await.map_err(failed)?;
    tokio::fs::rename(&unfinished, &path).await?;
    say(format!("{bytes} bytes in {}", path.display()));
    Ok(ExitCode::SUCCESS)
}
