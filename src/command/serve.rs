//! `stoa serve`

use std::fs::{File, TryLockError};
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use payment::ProcessorName;
use tokio::signal::unix::{SignalKind, signal};

use super::{Failure, say};
use crate::app::Shop;
use crate::settings::{EngineName, Role, Settings};
use crate::{demo, edge};

/// How often figures that nobody asks for are tidied up.
const UPKEEP: Duration = Duration::from_secs(5);
/// How long the shop opens later because its search index is being built.
const SEARCH_WAIT_MAX: Duration = Duration::from_secs(3);

/// Runs the shop until it is told to stop.
pub(super) async fn serve(
    settings: Settings,
    config: Option<&Path>,
    with_demo: bool,
) -> Result<ExitCode, Failure> {
    let began = Instant::now();
    std::fs::create_dir_all(&settings.server.data_dir)?;
    // One server over a SQLite file: sagas without an owner are taken up at once at start.
    let _lock = match settings.database.engine {
        EngineName::Sqlite => Some(lock(&settings)?),
        EngineName::Postgres => None,
    };
    if settings.server.test_shop {
        tracing::warn!("server.test_shop: nothing in this shop is worth keeping");
    }
    let takes_cards = settings.payment.processor == ProcessorName::Sandbox;
    if takes_cards && settings.has(Role::Web) && !settings.has(Role::Vault) {
        tracing::warn!("POST /v1/payment-tokens is left to a process with the role vault");
    }
    let metrics = edge::install_metrics()?;
    let shop = Shop::open(settings).await?;
    if with_demo {
        for account in demo::fill(&shop, config).await? {
            say(account);
        }
    }
    shop.start().await?;
    if !shop.settings.is_vault_alone() {
        until_search_is_there(&shop).await?;
    }
    let upkeep = metrics.clone();
    shop.tasks.every("metrics", UPKEEP, None, move || {
        upkeep.run_upkeep();
        async { Ok::<bool, std::convert::Infallible>(false) }
    });
    let (ops, ops_at) = edge::serve_ops(&shop, metrics)?;
    let ops_handle = ops.handle();
    tokio::spawn(ops);
    let answers = shop.settings.has(Role::Web) || shop.settings.has(Role::Vault);
    let web = if answers { Some(shop.serve()?) } else { None };
    let mut addresses = web.as_ref().map_or_else(Vec::new, |web| web.origins.clone());
    addresses.extend(ops_at.iter().map(|at| format!("ops http://{at}")));
    say(ready(&shop, &addresses, began.elapsed()).await?);
    stop_asked().await?;
    shop.leave();
    leave_wait(&shop).await;
    tracing::info!("stopping: no new requests; what runs is finished");
    shop.orders.end_streams();
    if let Some(web) = web {
        web.stop().await;
    }
    shop.stop().await;
    ops_handle.stop(false).await;
    Ok(ExitCode::SUCCESS)
}

/// Answers for a while yet, until whoever spreads requests over nodes has noticed that this one is not ready any more.
async fn leave_wait(shop: &Shop) {
    let wait = Duration::from_millis(shop.settings.server.leave_wait_ms);
    if !wait.is_zero() {
        tracing::info!(?wait, "stopping: not ready any more");
        tokio::time::sleep(wait).await;
    }
}

/// Waits a little for the search index of a new node; a large one is built beside live traffic.
async fn until_search_is_there(shop: &Shop) -> Result<(), Failure> {
    let began = Instant::now();
    while !shop.catalog.search_caught_up().await? && began.elapsed() < SEARCH_WAIT_MAX {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    Ok(())
}

/// Held by whoever serves; the vault runs no saga and may run beside the rest.
const LOCKS: [&str; 2] = ["serve.lock", "vault.lock"];

fn lock(settings: &Settings) -> Result<File, Failure> {
    let [serve, vault] = LOCKS;
    hold(&settings.server.data_dir, if settings.is_vault_alone() { vault } else { serve })
}

/// Refuses a data folder that anybody serves, and keeps it from being served for as long as they are held.
pub(super) fn locks(settings: &Settings) -> Result<Vec<File>, Failure> {
    std::fs::create_dir_all(&settings.server.data_dir)?;
    LOCKS.iter().map(|name| hold(&settings.server.data_dir, name)).collect()
}

fn hold(folder: &Path, name: &str) -> Result<File, Failure> {
    let path = folder.join(name);
    let file = File::create(&path)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(format!(
            "another stoa serves {}; stop it, or name another --data-dir",
            folder.display()
        )
        .into()),
        Err(TryLockError::Error(error)) => Err(error.into()),
    }
}

async fn ready(shop: &Shop, addresses: &[String], took: Duration) -> Result<String, Failure> {
    let engine = shop.settings.database.engine;
    let products = shop.catalog.product_count().await?;
    Ok(format!(
        "ready: {}, {engine}, {products} products, {} ms, {} MB",
        addresses.join(", "),
        took.as_millis(),
        resident_mb(),
    ))
}

/// The resident memory of this process, in megabytes; 0 where the system does not tell.
fn resident_mb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let kb = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .and_then(|rest| rest.trim().trim_end_matches(" kB").parse::<u64>().ok());
    kb.unwrap_or(0) / 1_024
}

pub(super) async fn stop_asked() -> std::io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}
