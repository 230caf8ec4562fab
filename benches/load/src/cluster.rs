//! What an order costs when one, two and three nodes take them, over one PostgreSQL and perhaps a Redis, all of them on this
//! machine: not how far nodes scale, but what each of them costs.

use std::fmt;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::process::Command;

use crate::Run;
use crate::client::Client;
use crate::drive::Ready;
use crate::error::{Error, Result};
use crate::orders::{plentiful, product};
use crate::process::{self, Server, Usage};
use crate::report::{Row, millis, to_f64};
use crate::scenario::{self, Buyer, Scenario, Shelf};

/// How many of each product: more than a run sells.
const PLENTY: usize = 1_000_000;
/// The most nodes.
const NODES_MAX: usize = 3;
/// For how long pages are read.
const PAGES_FOR: Duration = Duration::from_secs(2);
/// What PostgreSQL has done so far: statements, and units of work.
const DONE: &str = "select sum(calls), (select xact_commit from pg_stat_database
                     where datname = current_database()) from pg_stat_statements";

/// What one number of nodes gave.
struct Measured {
    nodes: usize,
    row: Row,
    /// Of one order, in milliseconds of processor time: of the nodes, and of PostgreSQL.
    cpu_ms: [f64; 2],
    /// Of one order.
    statements: f64,
    commits: f64,
    /// Latencies of pages that are kept ready, while PostgreSQL answers and while it stands still.
    pages: [hdrhistogram::Histogram<u64>; 2],
}

/// What was measured.
pub struct Costs {
    clients: usize,
    has_redis: bool,
    measured: Vec<Measured>,
}

impl fmt::Display for Costs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let redis = if self.has_redis { "a Redis" } else { "no Redis" };
        let clients = self.clients;
        writeln!(
            f,
            "Checkouts with their quote by {clients} shoppers, one PostgreSQL, {redis}:\n"
        )?;
        writeln!(
            f,
            "| nodes | orders/s | p50 ms | p99 ms | CPU ms of nodes | CPU ms of PostgreSQL | statements | commits | other outcomes |"
        )?;
        writeln!(f, "|--:|--:|--:|--:|--:|--:|--:|--:|---|")?;
        for Measured { nodes, row, cpu_ms: [of_nodes, of_database], statements, commits, .. } in
            &self.measured
        {
            let (p50, p99) = (millis(row.p50_us), millis(row.p99_us));
            writeln!(
                f,
                "| {nodes} | {:.0} | {p50} | {p99} | {of_nodes:.1} | {of_database:.1} | {statements:.0} | {commits:.1} | {:?} |",
                row.per_second, row.others
            )?;
        }
        writeln!(
            f,
            "\nCPU, statements and commits are of one order, with its events and what is done after it.\n"
        )?;
        writeln!(f, "| pages that are kept ready, nodes | database | p50 ms | p99 ms | pages |")?;
        writeln!(f, "|--:|---|--:|--:|--:|")?;
        for Measured { nodes, pages, .. } in &self.measured {
            for (how, read) in ["answers", "stands still"].iter().zip(pages) {
                let [p50, p99] = [0.5, 0.99].map(|q| millis(read.value_at_quantile(q)));
                writeln!(f, "| {nodes} | {how} | {p50} | {p99} | {} |", read.len())?;
            }
        }
        Ok(())
    }
}

/// Measures new shops over a PostgreSQL server, with a Redis if there is one.
pub async fn measure(run: &Run, postgres: &str, redis: Option<&str>) -> Result<Costs> {
    psql(postgres, "create extension if not exists pg_stat_statements").await?;
    let clients = run.clients.iter().copied().max().unwrap_or(1);
    let mut costs = Costs { clients, has_redis: redis.is_some(), measured: Vec::new() };
    for nodes in 1..=NODES_MAX {
        costs.measured.push(shop(run, (postgres, redis), nodes, clients).await?);
    }
    Ok(costs)
}

/// One shop of so many nodes.
async fn shop(
    run: &Run,
    (postgres, redis): (&str, Option<&str>),
    nodes: usize,
    clients: usize,
) -> Result<Measured> {
    let folder = run.folder()?;
    let mut extra = run.extra.clone();
    let mut set =
        |name: &str, value: &str| extra.server_env.push((name.to_owned(), value.to_owned()));
    set("STOA__DATABASE__ENGINE", "postgres");
    set("STOA__DATABASE__URL", postgres);
    set("STOA__DATABASE__SCHEMA_PREFIX", &format!("nodes_{nodes}_"));
    set("STOA__DATABASE__CONNECTIONS", "8");
    set("STOA__EDGE__QUEUE_TARGET_MS", "0");
    set("STOA__SERVER__OPS_LISTEN", "127.0.0.1:0");
    set("STOA__SERVER__SHARED_DIR", &folder.path().join("shared").display().to_string());
    set("STOA__REDIS__URL", redis.unwrap_or_default());
    set("STOA__REDIS__PREFIX", &format!("nodes_{nodes}"));
    let data = |n: usize| folder.path().join(format!("node-{n}"));
    import(run, folder.path(), &data(0), &extra.server_env).await?;
    let mut servers = Vec::new();
    for n in 0..nodes {
        servers.push(Server::start_shop(&run.stoa, &data(n), &extra).await?);
    }
    let addresses: Vec<_> = servers.iter().map(|server| server.address).collect();
    let mut client = Client::behind_proxy(servers[0].address, 0);
    let mut ids = Vec::new();
    for (sku, _) in plentiful() {
        let product = client.must_get(&format!("/v1/products/{sku}")).await?;
        ids.push(scenario::text(&product, "id")?);
    }
    let mut buyers = Vec::new();
    for _ in 0..clients {
        buyers.push(Arc::new(Buyer::arrive(&mut client).await?));
    }
    let shelf = Arc::new(Shelf::new(ids.clone(), PLENTY));
    let scenario = Scenario::Checkout { name: "checkout with quote", quoted: true, shelf, buyers };
    let ready = Ready::warm_at(&addresses, &scenario, clients).await;
    let before = (used(&servers)?, process::own_usage()?, process::usage_of_all("postgres")?);
    let done_before = done(postgres).await?;
    let measured = ready.run(Duration::from_secs(run.seconds)).await?;
    let done_after = done(postgres).await?;
    let after = (used(&servers)?, process::own_usage()?, process::usage_of_all("postgres")?);
    let row = Row::new(
        ("checkout with quote", false),
        clients,
        &measured,
        (before.0, before.1),
        (after.0, after.1),
    );
    let each = |before: f64, after: f64| (after - before) / to_f64(row.done.max(1));
    let cpu_ms = [(before.0, after.0), (before.2, after.2)]
        .map(|(before, after)| 1_000.0 * each(before.cpu_seconds, after.cpu_seconds));
    let [statements, commits] = [0, 1].map(|n| each(done_before[n], done_after[n]));
    let pages = pages(&addresses, clients, &ids).await?;
    for server in &mut servers {
        server.stop().await?;
    }
    let verified = process::verify(&run.stoa, &data(0), &extra.server_env).await?;
    if !verified.clean {
        return Err(Error::Fault(format!("THE BOOKS ARE NOT IN ORDER:\n{}", verified.output)));
    }
    Ok(Measured { nodes, row, cpu_ms, statements, commits, pages })
}

/// How pages are read that are kept ready, while PostgreSQL answers and while all of it stands still.
async fn pages(
    addresses: &[SocketAddr],
    clients: usize,
    ids: &[String],
) -> Result<[hdrhistogram::Histogram<u64>; 2]> {
    let paths = Arc::new(ids.iter().map(|id| format!("/v1/products/{id}")).collect());
    let scenario = Scenario::Read { name: "page that is kept ready", paths, guests: Vec::new() };
    // Each client goes through the products in its own order: afterwards every node has every page.
    let ready = Ready::warm_at(addresses, &scenario, clients).await;
    ready.run(PAGES_FOR).await?;
    let answers = Ready::warm_at(addresses, &scenario, clients).await.run(PAGES_FOR).await?;
    let ready = Ready::warm_at(addresses, &scenario, clients).await;
    all_of_postgres("-STOP").await?;
    let silent = ready.run(PAGES_FOR).await;
    all_of_postgres("-CONT").await?;
    let silent = silent?;
    if !silent.others.is_empty() {
        return Err(Error::Fault(format!("pages beside a silent database: {:?}", silent.others)));
    }
    Ok([answers.latencies, silent.latencies])
}

async fn all_of_postgres(signal: &str) -> Result<()> {
    let sent = Command::new("pkill").args([signal, "-x", "postgres"]).status().await?;
    if sent.success() { Ok(()) } else { Err(Error::Setup(format!("pkill {signal}: {sent}"))) }
}

async fn import(
    run: &Run,
    folder: &Path,
    data: &Path,
    settings: &[(String, String)],
) -> Result<()> {
    let lines: Vec<String> = plentiful().iter().map(|(sku, stock)| product(sku, *stock)).collect();
    let file = folder.join("products.jsonl");
    fs::write(&file, lines.join("\n"))?;
    let import = ["import", "products", &file.display().to_string()];
    process::command(&run.stoa, &import, data, settings).await
}

/// What all nodes have used together.
fn used(servers: &[Server]) -> Result<Usage> {
    let mut all = Usage { cpu_seconds: 0.0, resident_bytes: 0 };
    for server in servers {
        let Usage { cpu_seconds, resident_bytes } = server.usage()?;
        all.cpu_seconds += cpu_seconds;
        all.resident_bytes += resident_bytes;
    }
    Ok(all)
}

/// Statements and units of work so far.
async fn done(postgres: &str) -> Result<[f64; 2]> {
    let told = psql(postgres, DONE).await?;
    let mut numbers = told.trim().split('|').map(|number| number.parse().unwrap_or_default());
    Ok([0, 1].map(|_| numbers.next().unwrap_or_default()))
}

async fn psql(postgres: &str, statement: &str) -> Result<String> {
    let told = Command::new("psql").args(["-XAtc", statement, postgres]).output().await?;
    if told.status.success() {
        return Ok(String::from_utf8_lossy(&told.stdout).into_owned());
    }
    Err(Error::Setup(format!("psql: {}", String::from_utf8_lossy(&told.stderr).trim())))
}
