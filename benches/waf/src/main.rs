//! What the firewall sees and what it mistakes: reads folders of attacks and of a shop's words and
//! prints the share that is detected, by class and by source.
//!
//! Payloads are split in two halves by a hash of their text. Rules are changed by looking at the
//! `tuned` half alone; the other says how good they are.

mod corpus;
mod speed;
mod tally;

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use firewall::{Detector, Settings};

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
    /// The folder with payloads_dev.jsonl and benign_shop_dev.jsonl; others in it are read if present.
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
    let detector = Detector::new()?;
    let threshold = Settings::default().threshold;
    let mut tallies = [Tally::default(), Tally::default()];
    for sample in corpus::read(arguments)? {
        let rules = detector.detect(&sample.text);
        let seen = Detector::score(&rules) >= threshold;
        let half = sample.half();
        if let Some(class) = &arguments.missed
            && half == Half::Tuned
            && seen != sample.attack
            && *class == sample.class
        {
            say(format!("{} {:?} {}", sample.source, sample.text, tally::names(&rules)))?;
        }
        tallies[usize::from(half == Half::Unseen)].add(&sample, seen);
    }
    if arguments.missed.is_none() {
        for (title, tally) in
            ["Half that was tuned on", "Half that was not looked at"].iter().zip(&tallies)
        {
            say(format!("\n## {title}\n\n{tally}"))?;
        }
    }
    Ok(())
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
