//! What a checkout with its quote costs: of many products, of one that all want, and of one that is
//! wanted by twice as many as there is of it.

use std::fmt;
use std::fs;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use crate::Run;
use crate::client::Client;
use crate::drive;
use crate::error::Result;
use crate::process::{self, Server};
use crate::report::{Report, Row, to_f64};
use crate::scenario::{self, Buyer, Scenario, Shelf};

/// How many products there are to choose from, ...
const PRODUCTS: usize = 300;
/// ... and how many units of each: more than a run sells.
const PLENTY: u32 = 1_000_000;
/// What all want, and what sells out.
const HOT: &str = "LOAD-HOT";
const SCARCE: &str = "LOAD-SCARCE";
/// How long it may take until what is scarce is sold.
const SOLD_WITHIN: Duration = Duration::from_mins(10);

/// What was measured, and what it cost.
pub struct Costs {
    report: Report,
    /// What each row but those on PostgreSQL took: units of work and commits per order.
    commits: Vec<String>,
    /// How many of what is scarce are left.
    left: i64,
}

impl Costs {
    /// Why the run may not count, if so.
    pub fn fault(&self) -> Option<String> {
        let left = (self.left != 0).then(|| format!("{} units were not sold", self.left));
        self.report.fault().or(left)
    }
}

impl fmt::Display for Costs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.report)?;
        for line in &self.commits {
            writeln!(f, "{line}")?;
        }
        writeln!(f, "Of what was wanted by twice as many, {} units are left.", self.left)
    }
}

/// A line of the catalogue.
fn product(sku: &str, stock: u32) -> String {
    json!({
        "sku": sku, "name": format!("Product {sku}"), "description": "To be sold.",
        "price": "20.00", "currency": "EUR", "categories": ["Load"], "attributes": {},
        "brand": "Stoa", "stock": stock, "status": "active",
    })
    .to_string()
}

/// Measures a new shop with a catalogue of its own.
pub async fn measure(run: &Run, units: u32, crowd: usize) -> Result<Costs> {
    let folder = run.folder()?;
    let data = folder.path().join("data");
    let skus: Vec<String> = (0..PRODUCTS).map(|n| format!("LOAD-{n:03}")).collect();
    let mut lines: Vec<String> = skus.iter().map(|sku| product(sku, PLENTY)).collect();
    lines.extend([product(HOT, PLENTY), product(SCARCE, units)]);
    let file = folder.path().join("products.jsonl");
    fs::write(&file, lines.join("\n"))?;
    let import = ["import", "products", &file.display().to_string()];
    process::command(&run.stoa, &import, &data, &run.extra.server_env).await?;
    let mut extra = run.extra.clone();
    let ops = process::free_address()?;
    extra.server_env.push(("STOA__SERVER__OPS_LISTEN".to_owned(), ops.to_string()));
    // What orders cost is asked for, not how many of too many are refused: `edge` measures that.
    extra.server_env.push(("STOA__EDGE__QUEUE_TARGET_MS".to_owned(), "0".to_owned()));
    let mut server = Server::start_shop(&run.stoa, &data, &extra).await?;
    let mut client = Client::behind_proxy(server.address, 0);
    let mut ids = Vec::new();
    for sku in skus.iter().map(String::as_str).chain([HOT, SCARCE]) {
        let product = client.must_get(&format!("/v1/products/{sku}")).await?;
        ids.push(scenario::text(&product, "id")?);
    }
    let most = run.clients.iter().copied().max().unwrap_or(1).max(crowd);
    let mut buyers = Vec::new();
    for _ in 0..most {
        buyers.push(Arc::new(Buyer::arrive(&mut client).await?));
    }
    // No two units have a number in common, which is the key of their order.
    let mut first = 0;
    let mut checkout = |name, products: &[String], times: usize| {
        let shelf = Arc::new(Shelf::numbered(first, products.to_vec(), times));
        first += products.len() * times;
        Scenario::Checkout { name, quoted: true, shelf, buyers: buyers.clone() }
    };
    let (many, hot, scarce) = (&ids[..PRODUCTS], &ids[PRODUCTS..=PRODUCTS], &ids[PRODUCTS + 1..]);
    let plenty = PLENTY as usize;
    let lasting = Duration::from_secs(run.seconds);
    let mut costs = Costs {
        report: Report::new(process::filesystem_of(folder.path()), run.seconds),
        commits: Vec::new(),
        left: 0,
    };
    let many = checkout("checkout with quote", many, plenty);
    let hot = checkout("the same product for all", hot, plenty);
    for clients in run.clients.iter().copied().chain([crowd]) {
        costs.row(&server, ops, &many, clients, lasting).await?;
    }
    costs.row(&server, ops, &hot, crowd, lasting).await?;
    let scarce = checkout("half as many as are wanted", scarce, 2 * units as usize);
    costs.row(&server, ops, &scarce, crowd, SOLD_WITHIN).await?;
    let left = client.must_get(&format!("/v1/products/{SCARCE}")).await?;
    costs.left = left["available"].as_i64().unwrap_or(-1);
    server.stop().await?;
    let verified = process::verify(&run.stoa, &data, &run.extra.server_env).await?;
    costs.report.verified = Some(verified);
    Ok(costs)
}

impl Costs {
    async fn row(
        &mut self,
        server: &Server,
        ops: SocketAddr,
        scenario: &Scenario,
        clients: usize,
        lasting: Duration,
    ) -> Result<()> {
        let name = scenario.name();
        let before = (server.usage()?, process::own_usage()?);
        let commits_before = commits(ops).await?;
        let measured = drive::run(server.address, scenario, clients, lasting).await?;
        let commits_after = commits(ops).await?;
        let after = (server.usage()?, process::own_usage()?);
        let row = Row::new((name, false), clients, &measured, before, after);
        let orders = to_f64(row.done + (clients * drive::WARM_UP) as u64);
        self.report.rows.push(row);
        let of = |what: usize| to_f64(commits_after[what] - commits_before[what]) / orders;
        if commits_after[1] > commits_before[1] {
            self.commits.push(format!(
                "{name}, {clients} clients: {:.1} units of work and {:.1} commits per order.",
                of(0),
                of(1)
            ));
        }
        Ok(())
    }
}

/// How many units of work, and commits of several of them, there were so far on SQLite.
async fn commits(ops: SocketAddr) -> Result<[u64; 2]> {
    let answer = Client::new(ops).get("/metrics").await?;
    let text = String::from_utf8_lossy(&answer.body);
    let count = |figure: &str| {
        let lines = text.lines().filter_map(|line| line.strip_prefix(figure));
        let values = lines.filter_map(|line| line.rsplit_once(' ')?.1.parse::<u64>().ok());
        values.sum()
    };
    Ok([count("sqlite_unit_seconds_count{"), count("sqlite_commit_seconds_count{")])
}
