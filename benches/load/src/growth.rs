//! What a catalogue costs as it grows: the time of its import and of its index, memory, disk, and
//! reads for which nothing is kept ready.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use crate::client::Client;
use crate::error::{Error, Result};
use crate::process::Server;
use crate::report::{MIB, Report, Row, to_f64};
use crate::scenario::{self, Scenario};
use crate::{Run, bench, process, shop};

/// How long an import and the building of an index may take.
const INDEXED_WITHIN: Duration = Duration::from_mins(15);
const LOOKED_FOR_EVERY: Duration = Duration::from_millis(20);
const MADE_WITHIN: Duration = Duration::from_secs(30);
/// Who imports: e-mail address and password.
const ADMIN: (&str, &str) = ("bench@example.com", "a password for the bench alone");
/// How many pages are turned before the page that is measured.
const PAGES_TURNED: usize = 20;
/// How many pages have the products that are read by their ids.
const PAGES_READ: usize = 21;
/// How many products a page has.
const PAGE: usize = 24;
/// How many words tell the editions of a name apart.
const WORDS: usize = 97;
/// Settings that keep no page ready.
const NOTHING_KEPT: [&str; 2] =
    ["STOA__CATALOG__CACHE__PRODUCTS_BYTES", "STOA__CATALOG__CACHE__LISTS_BYTES"];

/// A catalogue of one size.
struct Size {
    products: usize,
    jsonl_bytes: u64,
    import: Duration,
    /// Until the last of them was found.
    indexed: Duration,
    index_bytes: u64,
    /// The most that was seen.
    resident_bytes: u64,
}

/// All sizes.
pub struct Growth {
    sizes: Vec<Size>,
    /// The reads of each number of products.
    reads: Vec<(usize, Report)>,
}

/// Measures catalogues of so many products.
pub async fn measure(run: &Run, sizes: &[usize]) -> Result<Growth> {
    let entries = single(&fs::read_to_string(&run.catalog)?)?;
    let mut growth = Growth { sizes: Vec::new(), reads: Vec::new() };
    for products in sizes {
        let folder = run.folder()?;
        let file = folder.path().join("products.jsonl");
        enlarge(&entries, *products, &file)?;
        let (size, reads) = one(run, folder.path(), &file, *products).await?;
        growth.sizes.push(size);
        growth.reads.push((*products, reads));
    }
    Ok(growth)
}

/// The products that neither have variants nor are one, so that each is found by itself.
fn single(catalog: &str) -> Result<Vec<Value>> {
    let entries = catalog.lines().map(serde_json::from_str::<Value>);
    let mut entries = entries.collect::<std::result::Result<Vec<_>, _>>()?;
    entries.retain(|entry| entry["parent_sku"].is_null());
    if entries.is_empty() {
        return Err(Error::Setup("the catalogue names no product".to_owned()));
    }
    Ok(entries)
}

/// Writes so many products: those of a catalogue again and again, each time by other SKUs and with
/// a word of their own in the name.
fn enlarge(entries: &[Value], products: usize, file: &Path) -> Result<()> {
    let mut out = BufWriter::new(File::create(file)?);
    for (number, entry) in entries.iter().cycle().take(products).enumerate() {
        let mut entry = entry.clone();
        let edition = number / entries.len();
        if edition > 0 {
            let name =
                format!("{} {edition}{}", entry["name"].as_str().unwrap_or(""), number % WORDS);
            entry["name"] = json!(name);
            entry["slug"] = Value::Null;
            entry["barcode"] = Value::Null;
        }
        entry["sku"] = json!(format!("P-{number}"));
        serde_json::to_writer(&mut out, &entry)?;
        out.write_all(b"\n")?;
    }
    Ok(out.flush()?)
}

async fn one(run: &Run, folder: &Path, file: &Path, products: usize) -> Result<(Size, Report)> {
    let data = folder.join("data");
    make_admin(run, &data).await?;
    let mut extra = run.extra.clone();
    extra.server_env.extend(NOTHING_KEPT.map(|key| (key.to_owned(), "0".to_owned())));
    let mut server = Server::start_shop(&run.stoa, &data, &extra).await?;
    let mut client = Client::new(server.address);
    let began = Instant::now();
    import(&mut client, fs::read(file)?.into()).await?;
    let import = began.elapsed();
    indexed(&mut client, products).await?;
    let indexed = began.elapsed();
    let importing_bytes = server.usage()?.resident_bytes;
    let mut reads = Report::new(process::filesystem_of(folder), run.seconds);
    for scenario in scenarios(&mut client).await? {
        bench(run, &server, &scenario, false, &mut reads).await?;
    }
    let resident_bytes = importing_bytes.max(server.usage()?.resident_bytes);
    server.stop().await?;
    let index_bytes = bytes_below(&data.join("search"))?;
    let jsonl_bytes = fs::metadata(file)?.len();
    let size = Size { products, jsonl_bytes, import, indexed, index_bytes, resident_bytes };
    Ok((size, reads))
}

async fn make_admin(run: &Run, data: &Path) -> Result<()> {
    let mut command = Command::new(&run.stoa);
    command.args(["admin", "create", ADMIN.0, "--data-dir"]).arg(data);
    command.envs(run.extra.server_env.iter().cloned()).kill_on_drop(true);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(ADMIN.1.as_bytes()).await?;
    }
    let output = tokio::time::timeout(MADE_WITHIN, child.wait_with_output()).await;
    let output = output.map_err(|_| Error::Timeout(MADE_WITHIN))??;
    if output.status.success() {
        return Ok(());
    }
    let said = [output.stdout, output.stderr].concat();
    Err(Error::Setup(format!("the account: {}", String::from_utf8_lossy(&said))))
}

/// Imports as a merchant does: the file is sent, and asked for until it is done.
async fn import(client: &mut Client, file: Bytes) -> Result<()> {
    let login = json!({ "email": ADMIN.0, "password": ADMIN.1 });
    let login = client.must_post("/v1/auth/login", &login).await?;
    client.access_token = Some(scenario::text(&login, "access_token")?);
    let job = client.upload("/v1/admin/imports?format=jsonl", file).await?;
    let path = format!("/v1/admin/imports/{}", scenario::text(&job, "id")?);
    let until = Instant::now() + INDEXED_WITHIN;
    loop {
        let job = client.must_get(&path).await?;
        match job["status"].as_str() {
            Some("done") if job["failed"] == 0 => break,
            Some("queued" | "running") if Instant::now() < until => {}
            _ => return Err(Error::Setup(format!("the import: {job}"))),
        }
        tokio::time::sleep(LOOKED_FOR_EVERY).await;
    }
    client.access_token = None;
    Ok(())
}

/// Waits until a list has every product.
async fn indexed(client: &mut Client, products: usize) -> Result<()> {
    let until = Instant::now() + INDEXED_WITHIN;
    loop {
        let answer = client.get("/v1/products?limit=1").await?;
        let total = answer.json::<Value>().unwrap_or_default()["total"].as_u64();
        if total == Some(products as u64) {
            return Ok(());
        }
        if Instant::now() > until {
            return Err(Error::Setup(format!("{products} products, but the list has {total:?}")));
        }
        tokio::time::sleep(LOOKED_FOR_EVERY).await;
    }
}

async fn scenarios(client: &mut Client) -> Result<Vec<Scenario>> {
    let mut ids = Vec::new();
    let first = format!("/v1/products?limit={PAGE}");
    let mut page = first.clone();
    let mut turned = page.clone();
    for turn in 0..PAGES_READ {
        let list = client.must_get(&page).await?;
        for item in list["items"].as_array().into_iter().flatten() {
            ids.push(format!("/v1/products/{}", scenario::text(item, "id")?));
        }
        let Some(cursor) = list["next_cursor"].as_str() else { break };
        page = format!("{first}&cursor={cursor}");
        if turn < PAGES_TURNED {
            turned.clone_from(&page);
        }
    }
    let tree = client.must_get("/v1/categories").await?;
    let mut slugs = Vec::new();
    slugs_of(&tree["items"], &mut slugs);
    let in_category = |more| {
        let path = |slug: &String| format!("{first}&category={slug}{more}");
        slugs.iter().map(path).collect::<Vec<_>>()
    };
    let searches = |more| shop::searches(more).collect::<Vec<_>>();
    let read = |name, paths| Scenario::Read { name, paths: Arc::new(paths), guests: Vec::new() };
    Ok(vec![
        read("product by id", ids),
        read("list", vec![first.clone()]),
        read("list, 20 pages on", vec![turned]),
        read("list by price", vec![format!("{first}&sort=price")]),
        read("list with facets", vec![format!("{first}&facets=true")]),
        read("category", in_category("")),
        read("category with facets", in_category("&facets=true")),
        read("search", searches("")),
        read("search with facets", searches("&facets=true")),
        read("suggestions", shop::suggestions().collect()),
    ])
}

fn slugs_of(items: &Value, slugs: &mut Vec<String>) {
    for item in items.as_array().into_iter().flatten() {
        slugs.extend(item["slug"].as_str().map(str::to_owned));
        slugs_of(&item["children"], slugs);
    }
}

fn bytes_below(folder: &Path) -> Result<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let found = entry.metadata()?;
        bytes += if found.is_dir() { bytes_below(&entry.path())? } else { found.len() };
    }
    Ok(bytes)
}

impl fmt::Display for Growth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "| products | import s | found s | products/s | memory MiB | JSONL MiB | index of JSONL |"
        )?;
        writeln!(f, "|--:|--:|--:|--:|--:|--:|--:|")?;
        for size in &self.sizes {
            let seconds = size.indexed.as_secs_f64();
            writeln!(
                f,
                "| {} | {:.1} | {:.1} | {:.0} | {} | {:.1} | {:.2} |",
                size.products,
                size.import.as_secs_f64(),
                seconds,
                to_f64(size.products as u64) / seconds,
                size.resident_bytes / MIB,
                to_f64(size.jsonl_bytes) / to_f64(MIB),
                to_f64(size.index_bytes) / to_f64(size.jsonl_bytes),
            )?;
        }
        writeln!(f, "\nMilliseconds, p50 / p99, and requests per second:\n")?;
        let mut rows: BTreeMap<(usize, usize), Vec<&Row>> = BTreeMap::new();
        for (_, report) in &self.reads {
            for (number, row) in report.rows.iter().enumerate() {
                rows.entry((number, row.clients)).or_default().push(row);
            }
        }
        write!(f, "| read | clients |")?;
        for (products, _) in &self.reads {
            write!(f, " {products} products |")?;
        }
        writeln!(f, "\n|---|--:|{}", "--:|".repeat(self.reads.len()))?;
        for ((_, clients), rows) in rows {
            write!(f, "| {} | {clients} |", rows.first().map_or("", |row| row.scenario))?;
            for row in rows {
                let ms = |us: u64| to_f64(us) / 1000.0;
                write!(
                    f,
                    " {:.2} / {:.2}, {:.0} |",
                    ms(row.p50_us),
                    ms(row.p99_us),
                    row.per_second
                )?;
            }
            writeln!(f)?;
        }
        for (products, report) in &self.reads {
            for row in report.rows.iter().filter(|row| !row.others.is_empty()) {
                writeln!(f, "{products} products, {}: {:?}", row.scenario, row.others)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_enlarged_catalogue_names_no_sku_twice() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("products.jsonl");
        let entries = single(
            r#"{"sku":"A","name":"Cable","price":"1"}
{"sku":"B","name":"Mouse","price":"2"}
{"sku":"B-1","name":"Mouse, red","parent_sku":"B"}"#,
        )
        .unwrap();
        enlarge(&entries, 5, &file).unwrap();
        let text = fs::read_to_string(&file).unwrap();
        let products: Vec<Value> =
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let skus: std::collections::HashSet<_> =
            products.iter().map(|product| product["sku"].to_string()).collect();
        assert_eq!((products.len(), skus.len()), (5, 5));
        assert_eq!(products[0]["name"], "Cable");
        assert_ne!(products[2]["name"], products[4]["name"]);
    }
}
