//! A shop moves from SQLite to PostgreSQL, or back.
//!
//! The place where it goes is marked before anything is there, and the place it leaves is marked when everything is
//! proved to be at the other; then the first mark is taken away. So a move that is killed leaves one place that is
//! served, or two that are not until it is run again, and never two that are.

mod place;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use kernel::Clock;
use platform::audit::{self, Actor, Entry};
use platform::fault;
use platform::sql::transfer::{Copied, End, compare, copy};
use platform::sql::{self, Db, Standing, lift, standing};
use serde_json::json;

use crate::app::{SCHEMAS, Shop, open_database, open_databases};
use crate::backup;
use crate::books;
use crate::command::Failure;
use crate::settings::{EngineName, Settings};

pub use place::Way;

/// How often it is told how far the copying has come.
const TELL_EVERY: Duration = Duration::from_secs(2);

/// How a shop is moved.
#[derive(Debug, Clone, Copy)]
pub struct Asked {
    /// Whether it is only tried.
    pub is_trial: bool,
    /// Whether a shop is overwritten, or put aside, that was left where this one goes.
    pub replace: bool,
    /// What is younger may still be under way.
    pub grace: Duration,
}

/// What was moved.
#[derive(Debug)]
pub struct Moved {
    /// How many rows.
    pub rows: u64,
    /// Of how many tables.
    pub tables: usize,
    /// Where the files are that were there before.
    pub aside: Vec<PathBuf>,
    /// For how long nobody could serve the shop.
    pub held: Duration,
    /// How much of that was for the books.
    pub verified: Duration,
}

/// Why nothing has moved.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A database did not do what it was asked.
    #[error(transparent)]
    Storage(#[from] sql::Error),
    /// Files are in the way.
    #[error(transparent)]
    Files(#[from] backup::Error),
    /// What was asked cannot be, or something is in the way.
    #[error("{0}")]
    Refused(String),
    /// The copy cannot be opened.
    #[error("the copy cannot be opened, and nothing has moved")]
    Unopened(#[source] Failure),
    /// The copy's books are wrong.
    #[error(
        "the books of the copy are broken, and nothing has moved; `stoa verify` says whether the shop's own are, and what \
         was under way when it stopped ends when it is served again: {}",
        .0.join("; ")
    )]
    Broken(Vec<String>),
}

type Result<T> = std::result::Result<T, Error>;

fn refused<T>(why: impl Into<String>) -> Result<T> {
    Err(Error::Refused(why.into()))
}

/// Moves a shop, or tries to. `say` is told how far it has come. None when an earlier move had proved all and was only to
/// be ended.
pub async fn relocate(way: &Way, asked: &Asked, say: &dyn Fn(String)) -> Result<Option<Moved>> {
    backup::refuse_unfinished(&way.from)?;
    backup::refuse_unfinished(&way.to)?;
    if is_proved(way, asked).await? {
        let from = place::databases(&way.from).hold().await?;
        end(from, way).await?;
        return Ok(None);
    }
    if way.from.database.engine == EngineName::Postgres {
        refuse_empty(way).await?;
    }
    for db in open_databases(&way.from, &Clock::system()).await? {
        db.close().await;
    }
    let began = Instant::now();
    let (source, target) = (place::databases(&way.from), place::databases(&way.to));
    let mut from = if asked.is_trial { source.look().await? } else { source.hold().await? };
    let aside = place::make_room(&way.to, asked.replace).await?;
    for schema in &SCHEMAS {
        let db = open_database(&way.to, schema, &Clock::system()).await?;
        let occupied = schema.occupy(&db, &way.from_name()).await;
        db.close().await;
        occupied?;
    }
    let mut to = target.fill().await?;
    let mut telling = Instant::now();
    let copied = copy(&mut from, &mut to, |table, rows| {
        if telling.elapsed() >= TELL_EVERY {
            telling = Instant::now();
            say(format!("{}: {} has {rows} rows so far", module(table.module), table.name));
        }
    })
    .await?;
    for line in summary(&copied) {
        say(line);
    }
    compare(&mut to, &copied).await?;
    to.keep().await?;
    let (rows, tables) = (copied.iter().map(Copied::rows).sum(), copied.len());
    if asked.is_trial {
        let (held, verified) = (began.elapsed(), Duration::ZERO);
        return Ok(Some(Moved { rows, tables, aside, held, verified }));
    }
    fault::point("after copy of", "move");
    let verifying = Instant::now();
    // Nothing goes on while it is copied.
    prove(way, asked.grace + began.elapsed()).await?;
    let verified = verifying.elapsed();
    end(from, way).await?;
    Ok(Some(Moved { rows, tables, aside, held: began.elapsed(), verified }))
}

/// Refuses a database where no shop is: another prefix of its schemas, or another address, was meant.
async fn refuse_empty(way: &Way) -> Result<()> {
    let mut is_there = false;
    for db in opened(&way.from).await? {
        let is_empty = sql::is_empty(&db).await;
        db.close().await;
        // A module of a newer program has no tables yet.
        is_there |= !is_empty?;
    }
    if is_there { Ok(()) } else { refused(format!("there is no shop at {}", way.from_name())) }
}

/// Leaves the one place, where nobody serves the shop from now on, and opens the other.
async fn end(from: End, way: &Way) -> Result<()> {
    from.leave(&way.to_name()).await?;
    fault::point("before end of", "move");
    for db in opened(&way.to).await? {
        let lifted = lift(&db).await;
        db.close().await;
        lifted?;
    }
    Ok(())
}

/// Lets a shop be served again that was left.
pub async fn reopen(settings: &Settings) -> Result<()> {
    for db in opened(settings).await? {
        let ended = match standing(&db).await? {
            Some(Standing::Left(_)) => lift(&db).await,
            Some(why @ Standing::Unfinished(_)) => Err(sql::Error::Unusable(why.to_string())),
            None => Ok(()),
        };
        db.close().await;
        ended?;
    }
    Ok(())
}

/// Whether an earlier move proved that all is at the other place, and was killed before it was ended. A shop that nobody
/// works on for another reason is refused.
async fn is_proved(way: &Way, asked: &Asked) -> Result<bool> {
    let Some(why) = standing_of(&way.from).await? else { return Ok(false) };
    let is_there = place::is_there(&way.to) && !asked.is_trial;
    let there = if is_there { standing_of(&way.to).await? } else { None };
    let is_left = why == Standing::Left(way.to_name());
    if is_left && there == Some(Standing::Unfinished(way.from_name())) {
        return Ok(true);
    }
    refused(why.to_string())
}

/// Why nobody works on one of a shop's databases at least, if so.
async fn standing_of(settings: &Settings) -> Result<Option<Standing>> {
    let mut found = None;
    for db in opened(settings).await? {
        let why = standing(&db).await;
        db.close().await;
        found = found.or(why?);
    }
    Ok(found)
}

async fn opened(settings: &Settings) -> Result<Vec<Db>> {
    let mut databases = Vec::with_capacity(SCHEMAS.len());
    for schema in &SCHEMAS {
        databases.push(open_database(settings, schema, &Clock::system()).await?);
    }
    Ok(databases)
}

/// Proves the books of the copy, with the tamper-evident log, and notes in its audit log that the shop has moved.
async fn prove(way: &Way, grace: Duration) -> Result<()> {
    let databases = opened(&way.to).await?;
    let shop = Shop::over(way.to.clone(), databases).await.map_err(Error::Unopened)?;
    let proved = proved(&shop, way, grace).await;
    shop.stop().await;
    proved
}

async fn proved(shop: &Shop, way: &Way, grace: Duration) -> Result<()> {
    let checks = books::verify(shop, grace).await.map_err(Error::Unopened)?;
    let broken = checks.iter().filter(|(_, check)| !check.holds());
    let broken: Vec<String> = broken
        .map(|(module, check)| {
            format!("{module}: {}: {}", check.invariant, check.broken.join(", "))
        })
        .collect();
    if !broken.is_empty() {
        return Err(Error::Broken(broken));
    }
    // An index beside the databases may be of another time.
    let sold = shop.database(catalog::SCHEMA.module)?;
    catalog::Catalog::request_search_rebuild(sold, &Actor::OPERATOR).await?;
    let told = json!({"from": way.from_name(), "to": way.to_name()});
    let entry = Entry::done("shop.move", audit::named("shop", "shop"), &told)?;
    let mut tx = shop.database(auth::SCHEMA.module)?.begin("shop.move").await?;
    audit::record(&mut tx, &Actor::OPERATOR, &[entry]).await?;
    Ok(tx.commit().await?)
}

/// How much was copied of each module.
fn summary(copied: &[Copied]) -> Vec<String> {
    let of = |place: usize| copied.iter().filter(move |copied| copied.table.module == place);
    let line = |place: usize| {
        let rows: u64 = of(place).map(Copied::rows).sum();
        format!("{}: {rows} rows of {} tables", module(place), of(place).count())
    };
    (0..SCHEMAS.len()).map(line).collect()
}

fn module(place: usize) -> &'static str {
    SCHEMAS.get(place).map_or("", |schema| schema.module)
}
