//! The load harness behind `make bench`: starts the shop with a new data folder, drives it with a
//! closed loop of clients, and compares it with a bare handler on the same machine in the same run.
//!
//! The shop's promises come first: after the run `stoa verify` must find the books in order.

mod bare;
mod client;
mod drive;
mod error;
mod fake;
mod process;
mod report;
mod scenario;
mod shop;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;

use crate::error::{Error, Result};
use crate::process::Server;
use crate::report::{Report, Row};
use crate::scenario::Scenario;
use crate::shop::Shop;

/// What is measured, and how.
#[derive(Debug, Parser)]
#[command(about, version)]
struct Arguments {
    /// The shop's program.
    #[arg(long, required_unless_present = "serve_bare")]
    stoa: Option<PathBuf>,
    /// The demo catalogue that the shop loads: names what there is to buy.
    #[arg(long, default_value = "demo/catalog.jsonl")]
    catalog: PathBuf,
    /// Where the data folder is made; the system's temporary folder without it. A folder in memory
    /// makes commits look faster than they are.
    #[arg(long)]
    data: Option<PathBuf>,
    /// Seconds per scenario and number of clients.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=3600))]
    seconds: u64,
    /// Numbers of clients, each with one request on its way at a time.
    #[arg(long, value_delimiter = ',', default_values_t = [1, 16, 64])]
    clients: Vec<usize>,
    /// A further argument of `stoa serve`; may be repeated.
    #[arg(long = "server-arg", allow_hyphen_values = true)]
    server_args: Vec<String>,
    /// A setting of the shop, such as `STOA__SECTION__KEY=value`; may be repeated.
    #[arg(long = "server-env", value_parser = setting)]
    server_env: Vec<(String, String)>,
    /// Serves the bare handler at this address: how the harness starts it beside itself.
    #[arg(long, hide = true)]
    serve_bare: Option<SocketAddr>,
}

fn setting(text: &str) -> std::result::Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("expected KEY=VALUE")?;
    Ok((key.to_owned(), value.to_owned()))
}

#[expect(clippy::print_stdout, clippy::print_stderr, reason = "the report is the purpose")]
fn main() -> ExitCode {
    let outcome = match Arguments::parse() {
        Arguments { serve_bare: Some(address), .. } => {
            actix_web::rt::System::new().block_on(bare::serve(address)).map_err(Error::from)
        }
        arguments => run(&arguments).and_then(|report| {
            println!("{report}");
            report.fault().map_or(Ok(()), |fault| Err(Error::Fault(fault)))
        }),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("load: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<Report> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(measure(arguments))
}

async fn measure(arguments: &Arguments) -> Result<Report> {
    let stoa = arguments.stoa.clone().ok_or_else(|| Error::Setup("--stoa is missing".into()))?;
    let folder = match &arguments.data {
        Some(parent) => tempfile::tempdir_in(parent),
        None => tempfile::tempdir(),
    }?;
    let data = folder.path().join("data");
    let mut report = Report::new(process::filesystem_of(folder.path()), arguments.seconds);

    let mut bare = Server::start_bare(folder.path()).await?;
    bench(arguments, &bare, Scenario::bare(), &mut report).await?;
    bare.stop().await?;

    let mut server = Server::start_shop(&stoa, &data, folder.path(), arguments).await?;
    let most = arguments.clients.iter().copied().max().unwrap_or(1);
    match Shop::prepare(server.address, &arguments.catalog, most).await {
        Ok(shop) => {
            for scenario in shop.scenarios() {
                bench(arguments, &server, scenario, &mut report).await?;
            }
        }
        Err(error) => return Err(Error::Shop { source: Box::new(error), log: server.log_end() }),
    }
    server.stop().await?;
    report.verified = Some(process::verify(&stoa, &data, &arguments.server_env).await?);
    Ok(report)
}

async fn bench(
    arguments: &Arguments,
    server: &Server,
    scenario: Scenario,
    report: &mut Report,
) -> Result<()> {
    let lasting = Duration::from_secs(arguments.seconds);
    for clients in arguments.clients.iter().copied() {
        let before = (server.usage()?, process::own_usage()?);
        let measured = drive::run(server.address, &scenario, clients, lasting).await?;
        let after = (server.usage()?, process::own_usage()?);
        report.rows.push(Row::new(scenario.name(), clients, &measured, before, after));
    }
    Ok(())
}
