//! How well the search ranks: imports a catalogue into a shop of its own, asks it the queries that
//! people graded products for, and prints NDCG@10 (Järvelin, Kekäläinen 2002; gain 2^grade - 1,
//! products without a grade count as 0, queries without any good product are left out).
//!
//! `--ablate` prints what each part of the ranking is worth. `--tune` looks for better numbers, one
//! at a time, and judges them by queries that were not used to find them.

mod graded;
mod shop;
mod tune;

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;

use crate::graded::Graded;
use crate::shop::{Result, Shop};

/// What is measured, and how.
#[derive(Debug, Parser)]
#[command(version, about = "NDCG@10 of the shop's search")]
struct Arguments {
    /// The catalogue, as JSON lines.
    #[arg(long)]
    catalog: PathBuf,
    /// The queries: `query_id`, `query`, separated by tabs, with a heading.
    #[arg(long)]
    queries: PathBuf,
    /// The grades: `query_id`, `sku`, `grade` of 0 to 3, separated by tabs, with a heading.
    #[arg(long)]
    qrels: PathBuf,
    /// A folder that keeps the imported catalogue for the next run.
    #[arg(long)]
    data: Option<PathBuf>,
    /// A change to the ranking, e.g. `name.weight=4`; may be repeated.
    #[arg(long)]
    set: Vec<String>,
    /// Prints what each part of the ranking is worth.
    #[arg(long)]
    ablate: bool,
    /// Looks for better numbers.
    #[arg(long)]
    tune: bool,
    /// Only these numbers are changed by `--tune`, e.g. `saturation`; all unless said.
    #[arg(long)]
    only: Vec<String>,
    /// Prints each query's figure.
    #[arg(long)]
    each: bool,
}

fn say(line: impl std::fmt::Display) -> Result<()> {
    Ok(writeln!(std::io::stdout().lock(), "{line}")?)
}

async fn measure(arguments: Arguments) -> Result<()> {
    let graded = Graded::read(&arguments.queries, &arguments.qrels)?;
    let shop = Shop::open(&arguments.catalog, arguments.data).await?;
    let mut ranking = catalog::Ranking::default();
    for change in &arguments.set {
        tune::set(&mut ranking, change)?;
    }
    let figures = shop.figures(&graded, &ranking).await?;
    say(format!("{} queries, NDCG@10 {:.4}", figures.len(), graded::mean(&figures)))?;
    if arguments.each {
        for (query, figure) in graded.queries.iter().zip(&figures) {
            say(format!("{figure:.3} {}", query.text))?;
        }
    }
    if arguments.ablate {
        tune::ablate(&shop, &graded, &ranking).await?;
    }
    if arguments.tune {
        tune::tune(&shop, &graded, &ranking, &arguments.only).await?;
    }
    shop.close().await;
    Ok(())
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let outcome = runtime.map_err(Into::into).and_then(|on| on.block_on(measure(arguments)));
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr().lock(), "{error}");
            ExitCode::FAILURE
        }
    }
}
