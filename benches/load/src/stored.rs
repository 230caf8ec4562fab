//! What a checkout costs beside the orders that a shop has had before.

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rusqlite::Connection;

use crate::Run;
use crate::error::{Error, Result};
use crate::orders::{self, Stand};
use crate::report::{Row, millis};
use crate::scenario::{Scenario, Shelf};

/// How many of each product: more than a run sells.
const PLENTY: usize = 1_000_000;

/// A table, which of its rows belong to the order `?1`, and the columns that are new in each copy.
type Copied = (&'static str, &'static str, &'static [(&'static str, &'static str)]);

/// The tables of the module that have rows for each order.
const COPIED: [Copied; 6] = [
    ("orders", "id = ?1", &[("id", ID), ("number", NUMBER), ("customer_id", CUSTOMER)]),
    ("order_line", "order_id = ?1", &[("id", ID), ("order_id", ID)]),
    ("shipment", "order_id = ?1", &[("id", ID), ("order_id", ID)]),
    ("saga", "subject = ?1", &[("id", ID), ("subject", ID)]),
    ("saga_history", "saga_id = (select id from saga where subject = ?1)", &[("saga_id", ID)]),
    (
        "idempotency",
        "?1 is not null and rowid = (select max(rowid) from idempotency)",
        &[("key", NUMBER)],
    ),
];
/// An id that is older than every real one, as UUIDs of version 7 are ordered.
const ID: &str = "unhex(printf('%012x7000%016x', numbers.n, numbers.n))";
const NUMBER: &str = "printf('STORED-%d', numbers.n)";
/// Everybody has ten of them.
const CUSTOMER: &str = "unhex(printf('%012x7000%016x', numbers.n / 10, numbers.n / 10))";

/// What was measured.
pub struct Growth {
    clients: usize,
    /// The orders there were before, and the checkouts that followed.
    rows: Vec<(i64, Row)>,
}

impl fmt::Display for Growth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "Checkouts with their quote by {} shoppers:\n", self.clients)?;
        writeln!(f, "| orders before | per second | p50 ms | p99 ms | server CPU ms each |")?;
        writeln!(f, "|--:|--:|--:|--:|--:|")?;
        for (stored, row) in &self.rows {
            let (p50, p99) = (millis(row.p50_us), millis(row.p99_us));
            let each = 1_000.0 * row.server_cpus / row.per_second;
            writeln!(f, "| {stored} | {:.0} | {p50} | {p99} | {each:.2} |", row.per_second)?;
        }
        Ok(())
    }
}

/// Measures one shop (SQLite) that has had more orders each time.
pub async fn measure(run: &Run, stored: &[i64]) -> Result<Growth> {
    let clients = run.clients.iter().copied().max().unwrap_or(1);
    let mut stand = Stand::open(run, &orders::plentiful(), clients).await?;
    let shelf = Arc::new(Shelf::new(stand.ids.clone(), PLENTY));
    let buyers = stand.buyers.clone();
    let scenario = Scenario::Checkout { name: "checkout with quote", quoted: true, shelf, buyers };
    let lasting = Duration::from_secs(run.seconds);
    // The first ones are what the others are copied from, and warm the shop up.
    stand.buy(&scenario, clients, Duration::from_secs(1)).await?;
    let mut growth = Growth { clients, rows: Vec::new() };
    for &stored in stored {
        stand.server.stop().await?;
        fill(&stand.data.join("order.db"), stored)?;
        stand.start(run).await?;
        growth.rows.push((stored, stand.buy(&scenario, clients, lasting).await?.0));
    }
    stand.server.stop().await?;
    Ok(growth)
}

/// Copies one order until there are so many.
fn fill(file: &Path, stored: i64) -> Result<()> {
    let failed = |error: rusqlite::Error| Error::Setup(format!("order.db: {error}"));
    let mut conn = Connection::open(file).map_err(failed)?;
    let there: i64 =
        conn.query_row("select count(*) from orders", [], |row| row.get(0)).map_err(failed)?;
    let copied: i64 = conn
        .query_row("select count(*) from orders where number like 'STORED-%'", [], |row| row.get(0))
        .map_err(failed)?;
    let last = copied + (stored - there).max(0);
    let unit = conn.transaction().map_err(failed)?;
    let newest = "select id from orders where status = 'CONFIRMED' order by id desc limit 1";
    let order: Vec<u8> = unit.query_row(newest, [], |row| row.get(0)).map_err(failed)?;
    for (table, of_the_order, renewed) in COPIED {
        let columns = unit.prepare(&format!("select * from {table}")).map_err(failed)?;
        let columns: Vec<String> = columns.column_names().iter().map(|&c| c.to_owned()).collect();
        let values = columns.iter().map(|column| {
            let fresh = renewed.iter().find(|(name, _)| name == column);
            fresh.map_or_else(|| format!("t.{column}"), |(_, value)| (*value).to_owned())
        });
        let copy = format!(
            "with recursive numbers (n) as (select ?2 + 1 union all select n + 1 from numbers where n < ?3) \
             insert into {table} ({}) select {} from numbers cross join \
             (select * from {table} where {of_the_order}) t",
            columns.join(", "),
            values.collect::<Vec<_>>().join(", "),
        );
        unit.execute(&copy, rusqlite::params![order, copied, last]).map_err(failed)?;
    }
    unit.commit().map_err(failed)
}
