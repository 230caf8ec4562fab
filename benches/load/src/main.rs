//! The load harness behind `make bench`, `bench-catalog`, `bench-login`, `bench-edge`, `bench-orders` and `bench-cluster`:
//! starts the shop with a new data folder, drives it with clients in a closed or an open loop, and compares it with a bare
//! handler on the same machine in the same run.
//!
//! The shop's promises come first: after the run `stoa verify` must find the books in order.

mod bare;
mod client;
mod cluster;
mod drive;
mod edge;
mod error;
mod fake;
mod growth;
mod login;
mod open;
mod orders;
mod process;
mod rank;
mod report;
mod scenario;
mod shop;
mod stored;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand};

use crate::client::Client;
use crate::drive::Ready;
use crate::error::{Error, Result};
use crate::process::{Extra, Server};
use crate::report::{Report, Row};
use crate::scenario::Scenario;
use crate::shop::Shop;

/// Measures the shop.
#[derive(Debug, Parser)]
#[command(about, version)]
struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// What shoppers do in the demo shop, as ratios to a bare handler with the same bytes.
    Shop(Run),
    /// What the complete edge costs, and what a shop does that is asked for more than it can do.
    Edge(Run),
    /// What a catalogue costs as it grows: import, memory, index, and reads that nothing is kept for.
    Catalog {
        #[command(flatten)]
        run: Run,
        /// Numbers of products.
        #[arg(long, value_delimiter = ',', default_values_t = [1_000, 10_000, 100_000])]
        products: Vec<usize>,
    },
    /// Whether the time of a login tells who has an account, and what a storm of logins leaves to
    /// shoppers.
    Login {
        #[command(flatten)]
        run: Run,
        /// Wrong passwords of each kind.
        #[arg(long, default_value_t = 2_000)]
        samples: usize,
    },
    /// What a checkout with its quote costs: of many products, of one that all want, and of one that is
    /// wanted by twice as many as there is of it.
    Orders {
        #[command(flatten)]
        run: Run,
        /// Units of what sells out.
        #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..))]
        units: u32,
        /// How many want it at a time.
        #[arg(long, default_value_t = 256)]
        crowd: usize,
    },
    /// What a checkout costs beside the orders that a shop has had before, on SQLite.
    Stored {
        #[command(flatten)]
        run: Run,
        /// Numbers of orders, rising.
        #[arg(long, value_delimiter = ',', default_values_t = [10_000, 1_000_000])]
        stored: Vec<i64>,
    },
    /// What an order costs with one, two and three nodes over one PostgreSQL.
    Cluster {
        #[command(flatten)]
        run: Run,
        /// The PostgreSQL server, which counts statements (`pg_stat_statements`).
        #[arg(long, env = "STOA_TEST_POSTGRES")]
        postgres: String,
        /// A Redis server that the nodes share, if they do.
        #[arg(long)]
        redis: Option<String>,
    },
    /// Serves the bodies of a file: how the harness starts the bare handler beside itself.
    #[command(hide = true)]
    Bare { address: SocketAddr, bodies: PathBuf },
}

/// What is measured, and how.
#[derive(Debug, clap::Args)]
struct Run {
    /// The shop's program.
    #[arg(long)]
    stoa: PathBuf,
    /// Products as JSON lines: what the shop loads, and what there is to buy.
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
    #[command(flatten)]
    extra: Extra,
}

impl Run {
    fn folder(&self) -> Result<tempfile::TempDir> {
        Ok(match &self.data {
            Some(parent) => tempfile::tempdir_in(parent),
            None => tempfile::tempdir(),
        }?)
    }
}

#[expect(clippy::print_stdout, clippy::print_stderr, reason = "the report is the purpose")]
fn main() -> ExitCode {
    let outcome = match Arguments::parse().what {
        What::Bare { address, bodies } => {
            actix_web::rt::System::new().block_on(bare::serve(address, &bodies))
        }
        What::Shop(run) => on_runtime(measure(&run)).and_then(|report| {
            println!("{report}");
            report.fault().map_or(Ok(()), |fault| Err(Error::Fault(fault)))
        }),
        What::Edge(run) => on_runtime(edge::measure(&run)).and_then(|report| {
            println!("{report}");
            report.fault().map_or(Ok(()), |fault| Err(Error::Fault(fault)))
        }),
        What::Orders { run, units, crowd } => on_runtime(orders::measure(&run, units, crowd))
            .and_then(|costs| {
                println!("{costs}");
                costs.fault().map_or(Ok(()), |fault| Err(Error::Fault(fault)))
            }),
        What::Stored { run, stored } => {
            on_runtime(stored::measure(&run, &stored)).map(|growth| println!("{growth}"))
        }
        What::Cluster { run, postgres, redis } => {
            on_runtime(cluster::measure(&run, &postgres, redis.as_deref()))
                .map(|costs| println!("{costs}"))
        }
        What::Catalog { run, products } => {
            on_runtime(growth::measure(&run, &products)).map(|report| println!("{report}"))
        }
        What::Login { run, samples } => {
            on_runtime(login::measure(&run, samples)).and_then(|logins| {
                println!("{logins}");
                logins.fault().map_or(Ok(()), |fault| Err(Error::Fault(fault)))
            })
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("load: {error}");
            ExitCode::FAILURE
        }
    }
}

fn on_runtime<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(work)
}

async fn measure(run: &Run) -> Result<Report> {
    let folder = run.folder()?;
    let data = folder.path().join("data");
    let mut report = Report::new(process::filesystem_of(folder.path()), run.seconds);
    let mut extra = run.extra.clone();
    extra.server_args.push("--demo".to_owned());
    let mut server = Server::start_shop(&run.stoa, &data, &extra).await?;
    let most = run.clients.iter().copied().max().unwrap_or(1);
    let prepared = Shop::prepare(server.address, &run.catalog, most).await;
    let shop = match prepared {
        Ok(shop) => shop,
        Err(error) => return Err(Error::Shop { source: Box::new(error), log: server.log_end() }),
    };
    let scenarios = shop.scenarios();
    let mut client = Client::new(server.address);
    let mut bodies = Vec::new();
    for scenario in &scenarios {
        bodies.extend(scenario.body(&mut client).await?);
    }
    let mut bare = Server::start_bare(folder.path(), &bodies).await?;
    let mut bodies = 0;
    for scenario in scenarios {
        if let Scenario::Read { name, .. } = &scenario {
            bench(run, &bare, &Scenario::bare(name, bodies), true, &mut report).await?;
            bodies += 1;
        }
        bench(run, &server, &scenario, false, &mut report).await?;
    }
    bare.stop().await?;
    server.stop().await?;
    report.verified = Some(process::verify(&run.stoa, &data, &run.extra.server_env).await?);
    Ok(report)
}

async fn bench(
    run: &Run,
    server: &Server,
    scenario: &Scenario,
    is_bare: bool,
    report: &mut Report,
) -> Result<()> {
    let lasting = Duration::from_secs(run.seconds);
    for clients in run.clients.iter().copied() {
        let ready = Ready::warm(server.address, scenario, clients).await;
        let before = (server.usage()?, process::own_usage()?);
        let measured = ready.run(lasting).await?;
        let after = (server.usage()?, process::own_usage()?);
        let what = (scenario.name(), is_bare);
        report.rows.push(Row::new(what, clients, &measured, before, after));
    }
    Ok(())
}
