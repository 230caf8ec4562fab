//! `stoa fraud`

mod history;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use chrono::{Days, NaiveDate};
use clap::{Args, Subcommand, ValueEnum};
use fraud::domain::boosting::Boosting;
use fraud::domain::features::{HANDBOOK, NAMES, SCALE_FREE};
use fraud::domain::metrics::{Figures, Scored};
use fraud::domain::model::Model;
use fraud::domain::protocol::{DELAY_DAYS, FOLDS, Fold, Row, TEST_DAYS, TRAIN_DAYS};
use fraud::domain::replay::replay;
use fraud::domain::simulator::{Simulation, simulate, summary};
use fraud::domain::training;
use fraud::domain::transaction::{DAY, Transaction};

use self::history::{Line, lines, read};
use super::{Failure, say};
use crate::app::Shop;
use crate::settings::Settings;

/// What can be done about models of fraud.
#[derive(Debug, Subcommand)]
pub(super) enum Fraud {
    /// Make payments up, some of them fraud, as a CSV file
    Simulate {
        #[command(flatten)]
        what: Made,
        /// The file; standard output unless given
        #[arg(long)]
        out: Option<PathBuf>,
    },
    /// Train a model on history, and print or write it as JSON for `fraud.model`
    Train {
        #[command(flatten)]
        source: Source,
        /// What the model is told
        #[arg(long, default_value = "scale-free")]
        features: FeatureSet,
        /// How many days it learns from, up to a week before the end of history: younger labels are not known
        #[arg(long, default_value_t = 84, value_parser = clap::value_parser!(i64).range(1..))]
        days: i64,
        /// What the model is called in decisions
        #[arg(long)]
        name: String,
        /// The file; standard output unless given
        #[arg(long)]
        out: Option<PathBuf>,
    },
    /// Train and measure by the protocol of the Fraud Detection Handbook: learn, wait a week, be measured on the next
    Measure {
        #[command(flatten)]
        source: Source,
        /// What the model is told
        #[arg(long, default_value = "all")]
        features: FeatureSet,
        /// How many days it learns from
        #[arg(long, default_value_t = TRAIN_DAYS, value_parser = clap::value_parser!(i64).range(1..))]
        days: i64,
        /// The first day of the first test; the book's (2018-08-08), or of a CSV file its last seven days
        #[arg(long)]
        test: Option<NaiveDate>,
        /// How many weeks are tests: 4, or of a CSV file 1
        #[arg(long, value_parser = clap::value_parser!(i64).range(1..=52))]
        folds: Option<i64>,
        /// A CSV file of the book's features (may be .csv.gz), which ours are compared with
        #[arg(long)]
        published: Option<PathBuf>,
        /// Train none: measure the model of `fraud.model`, or the program's
        #[arg(long, conflicts_with_all = ["features", "days"])]
        served: bool,
    },
}

/// Where history comes from: it is made up unless a file or the shop is named.
#[derive(Debug, Args)]
pub(super) struct Source {
    /// A CSV file (may be .csv.gz) with the columns transaction_id, tx_datetime, customer_id, terminal_id,
    /// tx_amount, tx_fraud and perhaps tx_fraud_scenario
    #[arg(long, conflicts_with = "shop")]
    csv: Option<PathBuf>,
    /// The shop's own decisions with the verdicts of its staff
    #[arg(long)]
    shop: bool,
    #[command(flatten)]
    made: Made,
}

/// What is made up, by the parameters of the Fraud Detection Handbook: 5,000 customers, 10,000 terminals, 183 days.
#[derive(Debug, Args)]
pub(super) struct Made {
    /// What chance follows from
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Leave out that whatever costs more than 220 is fraud (scenario 1)
    #[arg(long)]
    any_amount: bool,
}

/// What a model is told.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum FeatureSet {
    /// The fifteen features of the Fraud Detection Handbook
    Handbook,
    /// These and eight of our own
    All,
    /// Those that do not depend on what the shop sells and how often
    ScaleFree,
}

impl FeatureSet {
    fn names(self) -> &'static [&'static str] {
        match self {
            Self::Handbook => &NAMES[..HANDBOOK],
            Self::All => &NAMES,
            Self::ScaleFree => &SCALE_FREE,
        }
    }
}

/// Does what was asked.
pub(super) async fn fraud(settings: Settings, what: Fraud) -> Result<ExitCode, Failure> {
    match what {
        Fraud::Simulate { what, out } => {
            let made = simulate(&what.simulation());
            tell(&summary(&made));
            let mut lines = csv::Writer::from_writer(Vec::new());
            for one in &made {
                lines.serialize(Line::from(one))?;
            }
            write(out.as_deref(), &lines.into_inner()?)?;
        }
        Fraud::Train { source, features, days, name, out } => {
            let (history, from) = history(settings, &source).await?;
            let end = last_day(&history)? + 1;
            let fold = Fold::before(end, days);
            let rows = replay(&history, |made| made.day() >= fold.first);
            let rows = fold.training(&rows);
            let frauds = rows.iter().filter(|(made, _)| made.is_fraud).count();
            let trained_on =
                format!("{days} days of {from}: {} payments, {frauds} fraud", rows.len());
            if frauds == 0 {
                return Err(format!(
                    "{trained_on}. There is nothing to learn: give verdicts first"
                )
                .into());
            }
            tell(&trained_on);
            let how = Boosting::default();
            let model = training::model(&rows, features.names(), &how, &name, &trained_on)?;
            write(out.as_deref(), format!("{}\n", serde_json::to_string(&model)?).as_bytes())?;
        }
        Fraud::Measure { source, features, days, test, folds, published, served } => {
            let model = served.then(|| fraud::model(&settings.fraud)).transpose()?;
            let (history, from) = history(settings, &source).await?;
            say(format!("{from}: {}", summary(&history)));
            if let Some(file) = published {
                compare(&history, &file)?;
            }
            let is_made = source.csv.is_none() && !source.shop;
            let last_week = last_day(&history)? + 1 - TEST_DAYS;
            let test = test.map_or(if is_made { FIRST_TEST } else { last_week }, day_of);
            let folds = folds.unwrap_or(if is_made { FOLDS } else { 1 });
            let by = match &model {
                Some(model) => By::Served(model),
                None => By::Trained(features.names()),
            };
            measure(&history, by, days, test, folds)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// 2018-08-08, the book's first test day.
const FIRST_TEST: i64 = 17_751;
/// How far a feature may be from the book's: it is printed with so many digits.
const APART_MAX: f64 = 1e-6;

impl Made {
    fn simulation(&self) -> Simulation {
        let book = Simulation { seed: self.seed, ..Simulation::default() };
        if self.any_amount { Simulation { dear_cents: None, ..book } } else { book }
    }
}

/// A remark beside what is printed.
fn tell(text: &str) {
    // Nothing can be done about a closed standard error.
    let _ = writeln!(std::io::stderr(), "{text}");
}

fn write(out: Option<&Path>, bytes: &[u8]) -> Result<(), Failure> {
    match out {
        Some(file) => std::fs::write(file, bytes).map_err(|error| named(file, &error)),
        None => Ok(std::io::stdout().write_all(bytes)?),
    }
}

fn named(file: &Path, error: &dyn std::fmt::Display) -> Failure {
    format!("{}: {error}", file.display()).into()
}

fn day_of(date: NaiveDate) -> i64 {
    date.and_time(chrono::NaiveTime::MIN).and_utc().timestamp() / DAY
}

fn date_of(day: i64) -> String {
    let epoch = NaiveDate::default();
    let date = u64::try_from(day).ok().and_then(|day| epoch.checked_add_days(Days::new(day)));
    date.map_or_else(|| format!("day {day}"), |date| date.to_string())
}

fn last_day(history: &[Transaction]) -> Result<i64, Failure> {
    Ok(history.last().map(Transaction::day).ok_or("there is no history")?)
}

async fn history(
    settings: Settings,
    source: &Source,
) -> Result<(Vec<Transaction>, String), Failure> {
    if source.shop {
        let shop = Shop::beside(settings).await?;
        return Ok((shop.fraud.history().await?, "the shop".to_owned()));
    }
    if let Some(file) = &source.csv {
        let history = read(file).map_err(|error| named(file, &error))?;
        let name = file.file_name().unwrap_or_default().display().to_string();
        return Ok((history, name));
    }
    let dear = if source.made.any_amount { " without scenario 1" } else { "" };
    let from = format!("the simulation{dear}, seed {}", source.made.seed);
    Ok((simulate(&source.made.simulation()), from))
}

/// Compares our features with those of a file, by the payments' numbers.
fn compare(history: &[Transaction], file: &Path) -> Result<(), Failure> {
    let mut lines = lines(file).map_err(|error| named(file, &error))?;
    let mut published = std::collections::HashMap::new();
    for line in lines.records() {
        let line = line?;
        let numbers: Vec<f64> = line
            .iter()
            .map(str::parse)
            .collect::<Result<_, _>>()
            .map_err(|error| named(file, &error))?;
        let id: u64 = line.get(0).unwrap_or_default().parse()?;
        published.insert(id, numbers);
    }
    let (mut count, mut apart) = (0_u64, 0.0_f64);
    for (made, told) in replay(history, |made| published.contains_key(&made.id)) {
        let theirs = published.remove(&made.id).unwrap_or_default();
        // Theirs have the number in the amount's place.
        for (our, their) in told[1..HANDBOOK].iter().zip(&theirs[1..]) {
            apart = apart.max((our - their).abs());
            count += 1;
        }
    }
    say(format!("{count} features compared with the book's: at most {apart:.1e} apart"));
    if apart > APART_MAX || count == 0 || !published.is_empty() {
        let why =
            format!("features differ, or {} payments are not in the history", published.len());
        return Err(why.into());
    }
    Ok(())
}

/// What is measured.
#[derive(Clone, Copy)]
enum By<'a> {
    /// The one model that a shop serves.
    Served(&'a Model),
    /// For each week another one, which is told these features.
    Trained(&'a [&'a str]),
}

fn measure(
    history: &[Transaction],
    by: By<'_>,
    days: i64,
    test: i64,
    folds: i64,
) -> Result<(), Failure> {
    let first = test - DELAY_DAYS - days;
    let rows: Vec<Row> = replay(history, |made| made.day() >= first);
    let how = Boosting::default();
    say("test week    AUC    AP     CP@100");
    let (mut all, mut scored) = (Vec::new(), Vec::new());
    for week in 0..folds {
        let fold = Fold::before(test + 7 * week, days);
        let (figures, of_fold) = match by {
            By::Served(model) => training::measure(model, &fold, &rows),
            By::Trained(names) => {
                let model = training::trained(&fold, &rows, names, &how)?;
                training::measure(&model, &fold, &rows)
            }
        };
        say(row(&date_of(fold.test()), &figures));
        all.push(figures);
        scored.extend(of_fold);
    }
    let mean = |of: fn(&Figures) -> f64| {
        all.iter().map(of).sum::<f64>() / all.iter().map(|_| 1.0).sum::<f64>()
    };
    let mean = Figures {
        auc: mean(|one| one.auc),
        average_precision: mean(|one| one.average_precision),
        card_precision: mean(|one| one.card_precision),
    };
    say(row("mean", &mean));
    for least in [0.1, 0.3, 0.5, 0.8, 0.9, 0.95] {
        say(reached(&scored, least));
    }
    Ok(())
}

fn row(name: &str, figures: &Figures) -> String {
    let Figures { auc, average_precision, card_precision } = figures;
    format!("{name:<12} {auc:.3}  {average_precision:.3}  {card_precision:.3}")
}

/// How many payments a threshold would strike, and how many of them rightly.
fn reached(scored: &[Scored], least: f64) -> String {
    let count = |test: &dyn Fn(&Scored) -> bool| -> f64 {
        scored.iter().filter(|one| test(one)).map(|_| 1.0).sum()
    };
    let (all, frauds) = (count(&|_| true), count(&|one| one.is_fraud));
    let struck = count(&|one| one.score >= least);
    let right = count(&|one| one.score >= least && one.is_fraud);
    format!(
        "score {least} and more: {:.2} % of payments, {:.1} % of these are fraud, {:.1} % of all fraud",
        100.0 * struck / all,
        100.0 * right / struck,
        100.0 * right / frauds
    )
}
