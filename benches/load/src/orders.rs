//! What a checkout with its quote costs: of many products, of one that all want, and of one that is
//! wanted by twice as many as there is of it.

use std::fmt;
use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use crate::Run;
use crate::client::Client;
use crate::drive::Ready;
use crate::error::Result;
use crate::process::{self, Extra, Server};
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
pub fn product(sku: &str, stock: u32) -> String {
    json!({
        "sku": sku, "name": format!("Product {sku}"), "description": "To be sold.",
        "price": "20.00", "currency": "EUR", "categories": ["Load"], "attributes": {},
        "brand": "Stoa", "stock": stock, "status": "active",
    })
    .to_string()
}

/// A new shop with a catalogue of its own, and shoppers.
pub struct Stand {
    pub data: PathBuf,
    pub filesystem: String,
    pub server: Server,
    /// The ids of its products, in their order.
    pub ids: Vec<String>,
    pub buyers: Vec<Arc<Buyer>>,
    ops: SocketAddr,
    extra: Extra,
    /// Deleted with this.
    _folder: tempfile::TempDir,
}

impl Stand {
    /// Sells these products, so many of each, to so many shoppers.
    pub async fn open(run: &Run, products: &[(String, u32)], shoppers: usize) -> Result<Self> {
        let folder = run.folder()?;
        let data = folder.path().join("data");
        let lines: Vec<String> = products.iter().map(|(sku, stock)| product(sku, *stock)).collect();
        let file = folder.path().join("products.jsonl");
        fs::write(&file, lines.join("\n"))?;
        let import = ["import", "products", &file.display().to_string()];
        process::command(&run.stoa, &import, &data, &run.extra.server_env).await?;
        let mut extra = run.extra.clone();
        let ops = process::free_address()?;
        extra.server_env.push(("STOA__SERVER__OPS_LISTEN".to_owned(), ops.to_string()));
        // What orders cost is asked for, not how many of too many are refused: `edge` measures that.
        extra.server_env.push(("STOA__EDGE__QUEUE_TARGET_MS".to_owned(), "0".to_owned()));
        let server = Server::start_shop(&run.stoa, &data, &extra).await?;
        let mut client = Client::behind_proxy(server.address, 0);
        let mut ids = Vec::new();
        for (sku, _) in products {
            let product = client.must_get(&format!("/v1/products/{sku}")).await?;
            ids.push(scenario::text(&product, "id")?);
        }
        let mut buyers = Vec::new();
        for _ in 0..shoppers {
            buyers.push(Arc::new(Buyer::arrive(&mut client).await?));
        }
        let filesystem = process::filesystem_of(folder.path());
        Ok(Self { data, filesystem, server, ids, buyers, ops, extra, _folder: folder })
    }

    /// Starts the shop that was stopped.
    pub async fn start(&mut self, run: &Run) -> Result<()> {
        self.server = Server::start_shop(&run.stoa, &self.data, &self.extra).await?;
        Ok(())
    }

    /// Lets so many shoppers at a time buy, and says what an order took: None on PostgreSQL, whose
    /// commits are not counted.
    pub async fn buy(
        &self,
        scenario: &Scenario,
        clients: usize,
        lasting: Duration,
    ) -> Result<(Row, Option<String>)> {
        let name = scenario.name();
        let ready = Ready::warm(self.server.address, scenario, clients).await;
        let before = (self.server.usage()?, process::own_usage()?);
        let commits_before = commits(self.ops).await?;
        let measured = ready.run(lasting).await?;
        let commits_after = commits(self.ops).await?;
        let after = (self.server.usage()?, process::own_usage()?);
        let row = Row::new((name, false), clients, &measured, before, after);
        let of =
            |what: usize| to_f64(commits_after[what] - commits_before[what]) / to_f64(row.done);
        let took = (commits_after[1] > commits_before[1]).then(|| {
            let (units, commits) = (of(0), of(1));
            format!(
                "{name}, {clients} clients: {units:.1} units of work and {commits:.1} commits per order."
            )
        });
        Ok((row, took))
    }
}

/// Products of which there are more than a run sells.
pub fn plentiful() -> Vec<(String, u32)> {
    (0..PRODUCTS).map(|n| (format!("LOAD-{n:03}"), PLENTY)).collect()
}

/// Measures a new shop.
pub async fn measure(run: &Run, units: u32, crowd: usize) -> Result<Costs> {
    let mut products = plentiful();
    products.extend([(HOT.to_owned(), PLENTY), (SCARCE.to_owned(), units)]);
    let most = run.clients.iter().copied().max().unwrap_or(1).max(crowd);
    let mut stand = Stand::open(run, &products, most).await?;
    // No two units have a number in common, which is the key of their order.
    let mut first = 0;
    let mut checkout = |name, products: &[String], times: usize| {
        let shelf = Arc::new(Shelf::numbered(first, products.to_vec(), times));
        first += products.len() * times;
        Scenario::Checkout { name, quoted: true, shelf, buyers: stand.buyers.clone() }
    };
    let (many, rest) = stand.ids.split_at(PRODUCTS);
    let (hot, scarce) = rest.split_at(1);
    let plenty = PLENTY as usize;
    let lasting = Duration::from_secs(run.seconds);
    let mut costs = Costs {
        report: Report::new(stand.filesystem.clone(), run.seconds),
        commits: Vec::new(),
        left: 0,
    };
    let many = checkout("checkout with quote", many, plenty);
    let hot = checkout("the same product for all", hot, plenty);
    let scarce = checkout("half as many as are wanted", scarce, 2 * units as usize);
    for clients in run.clients.iter().copied().chain([crowd]) {
        costs.row(stand.buy(&many, clients, lasting).await?);
    }
    costs.row(stand.buy(&hot, crowd, lasting).await?);
    costs.row(stand.buy(&scarce, crowd, SOLD_WITHIN).await?);
    let mut client = Client::behind_proxy(stand.server.address, 0);
    let left = client.must_get(&format!("/v1/products/{SCARCE}")).await?;
    costs.left = left["available"].as_i64().unwrap_or(-1);
    stand.server.stop().await?;
    let verified = process::verify(&run.stoa, &stand.data, &run.extra.server_env).await?;
    costs.report.verified = Some(verified);
    Ok(costs)
}

impl Costs {
    fn row(&mut self, (row, took): (Row, Option<String>)) {
        self.report.rows.push(row);
        self.commits.extend(took);
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
