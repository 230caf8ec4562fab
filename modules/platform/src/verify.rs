//! Checks of the books: each invariant with the number of rows it looked at and the rows that
//! break it.

use crate::sql::{Db, Result, Sql};

/// How many broken rows a check names.
pub const NAMED_MAX: usize = 20;

/// One invariant, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// What must hold, as a sentence.
    pub invariant: &'static str,
    /// How many rows were looked at.
    pub rows: u64,
    /// The rows that break it, at most [`NAMED_MAX`] of them named.
    pub broken: Vec<String>,
}

impl Check {
    /// A check that has looked at nothing yet.
    pub fn new(invariant: &'static str) -> Self {
        Self { invariant, rows: 0, broken: Vec::new() }
    }

    /// Counts a row, and names it when it breaks the invariant.
    pub fn row(&mut self, holds: bool, name: impl FnOnce() -> String) {
        self.rows += 1;
        if !holds {
            self.broken(name());
        }
    }

    /// Names a row that breaks the invariant.
    pub fn broken(&mut self, name: String) {
        if self.broken.len() < NAMED_MAX {
            self.broken.push(name);
        }
    }

    /// Whether the invariant holds.
    pub fn holds(&self) -> bool {
        self.broken.is_empty()
    }
}

/// Checks with two statements: how many rows there are, and a text for each that is wrong.
pub async fn by_query(db: &Db, invariant: &'static str, count: Sql, broken: Sql) -> Result<Check> {
    let (rows,): (i64,) = db.query(count).one().await?;
    let broken: Vec<(String,)> = db.query(broken).all().await?;
    Ok(Check {
        invariant,
        rows: rows.unsigned_abs(),
        broken: broken.into_iter().map(|(name,)| name).take(NAMED_MAX).collect(),
    })
}
