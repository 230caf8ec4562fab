//! The audit log of the whole shop: that of every module, as one list in one order.

use std::cmp::Ordering;
use std::collections::VecDeque;

use futures_util::future::try_join_all;
use kernel::{Clock, Timestamp};
use platform::audit::{self, Place, Recorded, Sought};
use platform::sql::{Db, Error, Result};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How many entries of a module an export reads at a time.
const READ_AHEAD: i64 = 500;
/// How many lines an export writes in one piece.
const PIECE_LINES: usize = 500;

/// An entry, and in whose log it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Logged {
    /// The module, e.g. `catalog`.
    pub module: String,
    /// The entry.
    #[serde(flatten)]
    pub entry: Recorded,
}

/// A place in the whole log. Entries of one time are ordered by module, and within it as they were
/// written.
pub type Spot = (Timestamp, String, i64);

impl Logged {
    /// Where it stands in the whole log.
    pub fn spot(&self) -> Spot {
        let (at, seq) = self.entry.place();
        (at, self.module.clone(), seq)
    }
}

/// The logs of all modules.
#[derive(Clone)]
pub struct AuditLog {
    databases: Vec<Db>,
    clock: Clock,
}

impl AuditLog {
    /// The log over these databases.
    pub fn new(databases: &[Db], clock: Clock) -> Self {
        Self { databases: databases.to_vec(), clock }
    }

    /// The log of one module alone; none when there is no such module.
    pub fn of(&self, module: &str) -> Option<Self> {
        let db = self.databases.iter().find(|db| db.module() == module)?;
        Some(Self { databases: vec![db.clone()], clock: self.clock.clone() })
    }

    /// The modules.
    pub fn modules(&self) -> impl Iterator<Item = &'static str> {
        self.databases.iter().map(Db::module)
    }

    /// What time it is for the log.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// What is sought, the newest first, from before a spot on. Each module gives as many as are
    /// wanted in all, for they may all be its own.
    pub async fn newest(
        &self,
        sought: &Sought,
        before: Option<&Spot>,
        limit: u32,
    ) -> Result<Vec<Logged>> {
        let read = self.databases.iter().map(|db| async move {
            let before = before.map_or(sought.last(), |spot| place_in(spot, db.module()));
            let found = audit::newest(db, sought, before, i64::from(limit)).await?;
            Ok::<_, Error>(found.into_iter().map(|entry| logged(db, entry)).collect::<Vec<_>>())
        });
        let mut found = try_join_all(read).await?.concat();
        found.sort_by_cached_key(|entry| std::cmp::Reverse(entry.spot()));
        found.truncate(limit as usize);
        Ok(found)
    }

    /// All that is sought, the oldest first, as JSON lines.
    pub fn export(&self, sought: Sought) -> Export {
        let source = |db: &Db| Source {
            db: db.clone(),
            ahead: VecDeque::new(),
            after: sought.first(),
            is_read: false,
        };
        Export { sources: self.databases.iter().map(source).collect(), sought }
    }
}

fn logged(db: &Db, entry: Recorded) -> Logged {
    Logged { module: db.module().to_owned(), entry }
}

/// The place in the log of a module before which everything comes after the spot in the whole log,
/// where the newest is first.
fn place_in((at, module, seq): &Spot, of: &str) -> Place {
    match of.cmp(module) {
        Ordering::Less => (*at, i64::MAX),
        Ordering::Equal => (*at, *seq),
        Ordering::Greater => (*at, 0),
    }
}

/// The log on its way out, a piece at a time: of each module some entries are in memory.
pub struct Export {
    sources: Vec<Source>,
    sought: Sought,
}

struct Source {
    db: Db,
    /// What was read and is not written yet.
    ahead: VecDeque<Recorded>,
    /// Up to where it was read.
    after: Place,
    /// Whether there is no more to read.
    is_read: bool,
}

impl Source {
    /// Whether it must be read on to know its next entry.
    fn is_dry(&self) -> bool {
        !self.is_read && self.ahead.is_empty()
    }

    async fn read_on(&mut self, sought: &Sought) -> Result<()> {
        let found = audit::oldest(&self.db, sought, self.after, READ_AHEAD).await?;
        self.is_read = i64::try_from(found.len()) != Ok(READ_AHEAD);
        self.after = found.last().map_or(self.after, Recorded::place);
        self.ahead = found.into();
        Ok(())
    }

    fn spot(&self) -> Option<(Timestamp, &'static str, i64)> {
        let (at, seq) = self.ahead.front()?.place();
        Some((at, self.db.module(), seq))
    }
}

impl Export {
    /// The next piece of the file; none at its end.
    pub async fn next(&mut self) -> Result<Option<Vec<u8>>> {
        let mut piece = Vec::new();
        for _ in 0..PIECE_LINES {
            let Some(entry) = self.next_entry().await? else { break };
            serde_json::to_writer(&mut piece, &entry)
                .map_err(|error| Error::Inconsistent(format!("audit: {error}")))?;
            piece.push(b'\n');
        }
        Ok((!piece.is_empty()).then_some(piece))
    }

    async fn next_entry(&mut self) -> Result<Option<Logged>> {
        let sought = &self.sought;
        let dry = self.sources.iter_mut().filter(|source| source.is_dry());
        try_join_all(dry.map(|source| source.read_on(sought))).await?;
        let waiting = self.sources.iter_mut().filter(|source| !source.ahead.is_empty());
        let Some(first) = waiting.min_by_key(|source| source.spot()) else { return Ok(None) };
        Ok(first.ahead.pop_front().map(|entry| logged(&first.db, entry)))
    }
}

#[cfg(test)]
mod tests {
    use platform::audit::{Actor, Entry};
    use platform::sql::Engine;
    use platform::testing::database;
    use uuid::Uuid;

    use super::*;
    use crate::app::SCHEMAS;

    /// The logs of all modules with entries that are all of one time.
    async fn log_of_one_moment() -> AuditLog {
        let now = "2026-03-15T12:00:00Z".parse().unwrap();
        let (clock, _) = Clock::fixed(now);
        let mut databases = Vec::new();
        for schema in &SCHEMAS {
            let db = database(Engine::Sqlite, schema, clock.clone()).await.unwrap();
            let mut tx = db.begin("test").await.unwrap();
            let entries =
                [(); 5].map(|()| Entry::done("lamp.light", Uuid::now_v7(), &"on").unwrap());
            audit::record(&mut tx, &Actor::SYSTEM, &entries).await.unwrap();
            tx.commit().await.unwrap();
            databases.push(db);
        }
        AuditLog::new(&databases, clock)
    }

    #[tokio::test]
    async fn entries_of_one_moment_have_one_order_whatever_a_page_holds() {
        let (log, sought) = (log_of_one_moment().await, Sought::default());
        let whole = log.newest(&sought, None, 100).await.unwrap();
        assert_eq!(whole.len(), 5 * SCHEMAS.len());
        for limit in [1, 3, 7] {
            let mut paged: Vec<Logged> = Vec::new();
            loop {
                let before = paged.last().map(Logged::spot);
                let page = log.newest(&sought, before.as_ref(), limit).await.unwrap();
                if page.is_empty() {
                    break;
                }
                paged.extend(page);
                assert!(paged.len() <= whole.len(), "no entry comes twice");
            }
            assert_eq!(paged, whole, "{limit} in a page");
        }
        let mut export = log.export(sought);
        let mut file = Vec::new();
        while let Some(piece) = export.next().await.unwrap() {
            file.extend(piece);
        }
        let lines = String::from_utf8(file).unwrap();
        let lines = lines.lines().rev().map(|line| serde_json::from_str(line).unwrap());
        assert_eq!(lines.collect::<Vec<Logged>>(), whole);
    }

    #[tokio::test]
    async fn an_export_goes_on_behind_what_it_has_in_memory() {
        let log = log_of_one_moment().await;
        let db = &log.databases[1];
        let mut tx = db.begin("test").await.unwrap();
        let many = vec![Entry::done("pen.write", Uuid::now_v7(), &"a line").unwrap(); 1_300];
        audit::record(&mut tx, &Actor::SYSTEM, &many).await.unwrap();
        tx.commit().await.unwrap();
        let mut export = log.export(Sought::default());
        let mut pieces = Vec::new();
        while let Some(piece) = export.next().await.unwrap() {
            pieces.push(String::from_utf8(piece).unwrap().lines().count());
        }
        let all = 5 * SCHEMAS.len() + 1_300;
        assert_eq!(pieces, [500, 500, all - 1_000]);
    }
}
