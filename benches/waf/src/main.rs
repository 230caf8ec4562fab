//! What the firewall sees and what it mistakes: reads folders of attacks and of a shop's words and
//! prints the share that is detected, by class and by source.
//!
//! Payloads are split in two halves by a hash of their text. Rules are changed by looking at the
//! tuned half alone. The other is no set that nobody has seen: it is from the same sources, and much in
//! it is like something in the first half. It says that rules were not made for single payloads.

mod corpus;
mod crs;
mod speed;
mod tally;

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use firewall::{Action, Firewall, Settings};

use crate::corpus::Half;
use crate::tally::Tally;

/// Why a measurement cannot be made.
#[derive(Debug, thiserror::Error)]
enum BenchError {
    #[error("{path}: {error}")]
    Read { path: PathBuf, error: std::io::Error },
    #[error("{path}, line {line}: {error}")]
    Line { path: PathBuf, line: usize, error: serde_json::Error },
    #[error(transparent)]
    Firewall(#[from] firewall::FirewallError),
    #[error(transparent)]
    Print(#[from] std::io::Error),
}

type Result<T> = std::result::Result<T, BenchError>;

/// What is measured.
#[derive(Debug, Parser)]
#[command(version, about = "What the firewall sees and what it mistakes")]
struct Arguments {
    /// The folder with payloads_dev.jsonl and benign_shop_dev.jsonl; crs_regression.jsonl and blns.json
    /// are read too if they are there.
    #[arg(long)]
    waf: PathBuf,
    /// A catalogue as JSON lines, whose names and descriptions are a shop's words.
    #[arg(long)]
    catalog: Option<PathBuf>,
    /// Reviews as JSON lines, which are a shop's words too.
    #[arg(long)]
    reviews: Option<PathBuf>,
    /// Queries with tabs between columns, of which the second is the text.
    #[arg(long)]
    queries: Option<PathBuf>,
    /// Prints what was missed in the tuned half and of this class, and what was taken for an attack.
    #[arg(long)]
    missed: Option<String>,
    /// Times typical requests instead.
    #[arg(long)]
    speed: bool,
}

fn say(line: impl std::fmt::Display) -> Result<()> {
    Ok(writeln!(std::io::stdout().lock(), "{line}")?)
}

fn measure(arguments: &Arguments) -> Result<()> {
    let firewall = Firewall::new(Settings::default())?;
    let mut tallies = [Tally::default(), Tally::default()];
    for sample in corpus::read(arguments)? {
        let verdict = sample.judge(&firewall);
        let seen = verdict.action == Action::Block;
        let half = sample.half();
        if let Some(class) = &arguments.missed
            && half == Half::Tuned
            && seen != sample.attack
            && *class == sample.class
        {
            say(format!("{} {:?} {verdict}", sample.source, sample.text))?;
        }
        tallies[usize::from(half == Half::Other)].add(&sample, seen);
    }
    if arguments.missed.is_some() {
        return Ok(());
    }
    for (title, tally) in ["Half that was tuned on", "Other half"].iter().zip(&tallies) {
        say(format!("\n## {title}\n\n{tally}"))?;
    }
    crs::measure(&firewall, &arguments.waf)
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let outcome = if arguments.speed { speed::measure() } else { measure(&arguments) };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr().lock(), "{error}");
            ExitCode::FAILURE
        }
    }
}
