//! What the complete edge costs, and what a shop does that is asked for more than it can do.

use std::fmt;
use std::time::Duration;

use crate::client::Client;
use crate::drive::{Measured, Ready};
use crate::error::{Error, Result};
use crate::process::{self, Server, Usage, Verified};
use crate::report::{MIB, millis, to_f64};
use crate::scenario::Scenario;
use crate::shop::Shop;
use crate::{Run, open};

/// The rate at which product pages are asked for.
const PAGES_PER_SECOND: u32 = 10_000;
/// Orders beside what the shop can do, in tenths.
const TENTHS_OF_CAPACITY: [u32; 4] = [5, 10, 20, 30];
/// Clients by whom the capacity is found.
const CAPACITY_CLIENTS: usize = 64;
/// All limits count, and each request comes from an address that the generator makes up.
const COMPLETE: [(&str, &str); 2] =
    [("STOA__EDGE__THROTTLE", "true"), ("STOA__EDGE__TRUSTED_PROXIES", "127.0.0.0/8")];

/// A row of the report.
#[derive(Debug)]
struct Row {
    what: String,
    /// Turns per second that were asked for; none in a closed loop.
    offered: Option<u32>,
    answered: f64,
    p50_us: u64,
    p99_us: u64,
    refused: f64,
    refused_p50_us: u64,
    refused_p99_us: u64,
    server_us: f64,
    server_cpus: f64,
    generator_cpus: f64,
    resident_mib: u64,
    others: Vec<String>,
}

impl Row {
    fn new(what: &str, offered: Option<u32>, measured: &Measured, used: [Usage; 4]) -> Self {
        let [server, own, server_after, own_after] = used;
        let seconds = measured.elapsed.as_secs_f64().max(f64::EPSILON);
        let (latencies, refusals) = (&measured.latencies, &measured.other_latencies);
        let turns = to_f64(latencies.len() + refusals.len()).max(1.0);
        let cpu = server_after.cpu_seconds - server.cpu_seconds;
        Self {
            what: what.to_owned(),
            offered,
            answered: to_f64(latencies.len()) / seconds,
            p50_us: latencies.value_at_quantile(0.50),
            p99_us: latencies.value_at_quantile(0.99),
            refused: to_f64(refusals.len()) / seconds,
            refused_p50_us: refusals.value_at_quantile(0.50),
            refused_p99_us: refusals.value_at_quantile(0.99),
            server_us: cpu * 1e6 / turns,
            server_cpus: cpu / seconds,
            generator_cpus: (own_after.cpu_seconds - own.cpu_seconds) / seconds,
            resident_mib: server_after.resident_bytes / MIB,
            others: measured.others.iter().map(|(name, n)| format!("{n} x {name}")).collect(),
        }
    }
}

/// The whole run.
#[derive(Debug)]
pub struct Report {
    rows: Vec<Row>,
    verified: Verified,
}

impl Report {
    /// Why the run may not count, if so.
    pub fn fault(&self) -> Option<String> {
        let clean = self.verified.clean;
        (!clean).then(|| format!("THE BOOKS ARE NOT IN ORDER:\n{}", self.verified.output))
    }
}

/// Measures product pages beside the bare handler, at a rate, and orders up to three times what the
/// shop can do.
pub async fn measure(run: &Run) -> Result<Report> {
    let folder = run.folder()?;
    let data = folder.path().join("data");
    let mut extra = run.extra.clone();
    extra.server_args.push("--demo".to_owned());
    extra.server_env.splice(0..0, COMPLETE.map(|(key, value)| (key.to_owned(), value.to_owned())));
    let mut server = Server::start_shop(&run.stoa, &data, &extra).await?;
    let prepared = Shop::prepare(server.address, &run.catalog, open::CLIENTS_MAX).await;
    let shop = match prepared {
        Ok(shop) => shop,
        Err(error) => return Err(Error::Shop { source: Box::new(error), log: server.log_end() }),
    };
    let (pages, known, orders) = (shop.products(), shop.products_by_guests(), shop.checkout());
    let body = pages.body(&mut Client::behind_proxy(server.address, 0)).await?;
    let mut bare = Server::start_bare(folder.path(), &body.into_iter().collect::<Vec<_>>()).await?;
    let (mut rows, seconds) = (Vec::new(), Duration::from_secs(run.seconds));
    for clients in run.clients.iter().copied() {
        let bytes = Scenario::bare("the same bytes", 0);
        for (name, server, scenario) in [
            ("bare handler", &bare, &bytes),
            ("product page, nobody", &server, &pages),
            ("product page, with a token", &server, &known),
        ] {
            let name = format!("{name}, {clients} clients");
            rows.push(closed(&name, server, scenario, clients, seconds).await?);
        }
    }
    bare.stop().await?;
    for (name, scenario) in
        [("product page, nobody", &pages), ("product page, with a token", &known)]
    {
        rows.push(at_rate(name, &server, scenario, PAGES_PER_SECOND, seconds).await?);
    }
    let capacity =
        closed("checkout, 64 clients", &server, &orders, CAPACITY_CLIENTS, seconds).await?;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "some hundreds")]
    let rate = capacity.answered as u32;
    rows.push(capacity);
    for tenths in TENTHS_OF_CAPACITY {
        let name = format!("checkout, {}.{} of that", tenths / 10, tenths % 10);
        rows.push(at_rate(&name, &server, &orders, rate * tenths / 10, seconds).await?);
    }
    server.stop().await?;
    let verified = process::verify(&run.stoa, &data, &run.extra.server_env).await?;
    Ok(Report { rows, verified })
}

async fn closed(
    name: &str,
    server: &Server,
    scenario: &Scenario,
    clients: usize,
    lasting: Duration,
) -> Result<Row> {
    let ready = Ready::warm(server.address, scenario, clients).await;
    let before = (server.usage()?, process::own_usage()?);
    let measured = ready.run(lasting).await?;
    let used = [before.0, before.1, server.usage()?, process::own_usage()?];
    Ok(Row::new(name, None, &measured, used))
}

async fn at_rate(
    name: &str,
    server: &Server,
    scenario: &Scenario,
    per_second: u32,
    lasting: Duration,
) -> Result<Row> {
    let before = (server.usage()?, process::own_usage()?);
    let measured = open::run(server.address, scenario, per_second, lasting).await?;
    let used = [before.0, before.1, server.usage()?, process::own_usage()?];
    Ok(Row::new(name, Some(per_second), &measured, used))
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "| what | offered/s | answered/s | p50 ms | p99 ms | refused/s | p50 ms | p99 ms | \
             server us each | server CPU | generator CPU | memory MiB | other outcomes |"
        )?;
        writeln!(f, "|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|---|")?;
        for row in &self.rows {
            writeln!(
                f,
                "| {} | {} | {:.0} | {} | {} | {:.0} | {} | {} | {:.1} | {:.2} | {:.2} | {} | {} |",
                row.what,
                row.offered.map_or("-".to_owned(), |rate| rate.to_string()),
                row.answered,
                millis(row.p50_us),
                millis(row.p99_us),
                row.refused,
                millis(row.refused_p50_us),
                millis(row.refused_p99_us),
                row.server_us,
                row.server_cpus,
                row.generator_cpus,
                row.resident_mib,
                row.others.join("; "),
            )?;
        }
        let clean = if self.verified.clean { "clean" } else { "NOT CLEAN" };
        writeln!(f, "\n`stoa verify` after the run: {clean}.")
    }
}
