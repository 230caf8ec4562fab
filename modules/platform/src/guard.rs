//! Guards: the only way a limited quantity changes.
//!
//! Checking a limit and then changing the quantity are two statements with a race between them;
//! that race is how shops oversell. A guard is one statement that changes the quantity only where
//! the limit still holds, and the number of rows it touched is the answer. Behind it stands a CHECK
//! constraint that says the same. Every guard of the house is declared with [`guard!`] in its
//! module's `store.rs` and listed in the composition root, and one generic adversary attacks each
//! of them with real concurrency on both engines.
//!
//! A guarded table has a `version`, which every take and give moves by one.

use std::collections::BTreeMap;

use platform::sql::Json;
use uuid::Uuid;

use crate::sql::{Error, Result, Sql, Tx};

/// A limited quantity: a column that never exceeds its limit and never falls below zero.
#[derive(Debug, Clone, Copy)]
pub struct Guard {
    /// What it limits, e.g. `stock.reserved`.
    pub name: &'static str,
    /// The table and the columns, for the adversary and for the books.
    pub table: &'static str,
    /// The column that identifies a row.
    pub key: &'static str,
    /// Whether that column is a UUID; else it is a text.
    pub uuid: bool,
    /// The column that is taken from and given back to.
    pub used: &'static str,
    /// What it may not exceed: a column or an expression over the row.
    pub limit: &'static str,
    /// Takes, where the limit allows.
    pub take: Change,
    /// Gives back, where that much was taken.
    pub give: Change,
    /// Finds rows where the quantity is beyond its limits; there are none.
    pub broken: Sql,
}

/// Takes or gives. What most do, a change of a single row, is done by a plain update: PostgreSQL takes four times as long
/// for a list of one.
#[derive(Debug, Clone, Copy)]
pub struct Change {
    /// Of the row `$1` by `$2`.
    pub one: Sql,
    /// Of a list of rows, whose locks are taken in the order of their keys.
    pub many: Sql,
}

/// What a take or give left of one row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changed {
    /// The row.
    pub key: String,
    /// How much of the quantity is used now.
    pub used: i64,
    /// What it may be at most.
    pub limit: i64,
    /// What the guard tells of the row beside it; the limit, if it tells nothing else.
    pub told: i64,
    /// The row's version now.
    pub version: i64,
}

/// The rows for which the limit did not allow the change; nothing was changed for them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused(pub Vec<String>);

#[derive(platform::sql::Record)]
struct Row {
    key: String,
    used: i64,
    guard_limit: i64,
    told: i64,
    version: i64,
}

impl Guard {
    /// Takes an amount from each key, which is a UUID or a text. The caller drops the unit of work
    /// when some were refused and it wants all or nothing.
    pub async fn take<K: ToString>(
        &self,
        tx: &mut Tx,
        amounts: &[(K, i64)],
    ) -> Result<std::result::Result<Vec<Changed>, Refused>> {
        self.change(tx, self.take, amounts).await
    }

    /// Gives an amount back to each key.
    pub async fn give<K: ToString>(
        &self,
        tx: &mut Tx,
        amounts: &[(K, i64)],
    ) -> Result<std::result::Result<Vec<Changed>, Refused>> {
        self.change(tx, self.give, amounts).await
    }

    /// Everything that it asks for, with its name.
    pub fn statements(&self) -> [(&'static str, Sql); 5] {
        let (take, give) = (self.take, self.give);
        [take.one, take.many, give.one, give.many, self.broken].map(|sql| (self.name, sql))
    }

    async fn change<K: ToString>(
        &self,
        tx: &mut Tx,
        sql: Change,
        amounts: &[(K, i64)],
    ) -> Result<std::result::Result<Vec<Changed>, Refused>> {
        // One entry a key, in the order of keys: two callers then lock rows in the same order, and
        // a key that was named twice is checked against the sum.
        let mut wanted: BTreeMap<String, i64> = BTreeMap::new();
        for (key, amount) in amounts {
            let entry = wanted.entry(self.spelled(key.to_string())?).or_default();
            let sum = entry.checked_add(*amount).filter(|_| *amount > 0);
            *entry = sum.ok_or_else(|| {
                Error::Inconsistent(format!("{}: an amount must be positive", self.name))
            })?;
        }
        let rows: Vec<Row> = match wanted.first_key_value() {
            Some((key, amount)) if wanted.len() == 1 => {
                let row = tx.query(sql.one);
                let row = if self.uuid { row.bind(self.id(key)?) } else { row.bind(key.as_str()) };
                row.bind(*amount).all().await?
            }
            _ => {
                let list: Vec<_> =
                    wanted.iter().map(|(k, n)| serde_json::json!({"k": k, "n": n})).collect();
                tx.query(sql.many).bind(Json(list)).all().await?
            }
        };
        let changed: Result<Vec<Changed>> = rows.into_iter().map(|row| self.changed(row)).collect();
        let changed = changed?;
        for row in &changed {
            wanted.remove(&row.key);
        }
        let refused: Vec<String> = wanted.into_keys().collect();
        Ok(if refused.is_empty() { Ok(changed) } else { Err(Refused(refused)) })
    }

    fn changed(&self, row: Row) -> Result<Changed> {
        let key = self.spelled(row.key)?;
        let Row { used, guard_limit, told, version, .. } = row;
        Ok(Changed { key, used, limit: guard_limit, told, version })
    }

    /// A UUID in its one spelling, so that a row named in two ways is still one row.
    fn spelled(&self, key: String) -> Result<String> {
        if !self.uuid {
            return Ok(key);
        }
        self.id(&key).map(|id| id.to_string())
    }

    fn id(&self, key: &str) -> Result<Uuid> {
        key.parse().map_err(|_| Error::Inconsistent(format!("{}: a key must be a UUID", self.name)))
    }
}

/// Declares a [`Guard`]: `guard!(STOCK: "stock.reserved", table "stock", key uuid "id",
/// used "reserved", limit "on_hand");`. The key is `uuid` or `text`. With `keep "safety"` that much
/// of the limit is not taken; what was taken before it was kept back stays so. With `tell "on_hand"`
/// that is told of each changed row.
#[macro_export]
macro_rules! guard {
    ($(#[$doc:meta])+ $name:ident: $word:literal, table $table:literal, key $kind:ident $key:literal,
     used $used:literal, limit $limit:literal) => {
        $crate::guard! {
            $(#[$doc])+ $name: $word, table $table, key $kind $key, used $used, limit $limit,
            keep "0"
        }
    };
    ($(#[$doc:meta])+ $name:ident: $word:literal, table $table:literal, key $kind:ident $key:literal,
     used $used:literal, limit $limit:literal, keep $keep:literal) => {
        $crate::guard! {
            $(#[$doc])+ $name: $word, table $table, key $kind $key, used $used, limit $limit,
            keep $keep, tell $limit
        }
    };
    ($(#[$doc:meta])+ $name:ident: $word:literal, table $table:literal, key $kind:ident $key:literal,
     used $used:literal, limit $limit:literal, keep $keep:literal, tell $tell:literal) => {
        $(#[$doc])+
        pub const $name: $crate::guard::Guard = $crate::guard::Guard {
            name: $word,
            table: $table,
            key: $key,
            uuid: $crate::guard!(@is_uuid $kind),
            used: $used,
            limit: $limit,
            take: $crate::guard!(@change $table, $kind, $key, $used, $limit, $tell, " + ", " <= (", $limit, ") - ", $keep, " - "),
            give: $crate::guard!(@change $table, $kind, $key, $used, $limit, $tell, " - ", " <= ", "", "", "", ""),
            broken: $crate::guard!(@broken $table, $kind, $key, $used, $limit),
        };
    };
    (@broken $table:literal, uuid, $key:literal, $used:literal, $limit:literal) => {
        $crate::sql::Sql::split(
            concat!(
                "select lower(hex(", $key, ")) from ", $table,
                " where ", $used, " < 0 or ", $used, " > (", $limit, ") limit 20"
            ),
            concat!(
                "select cast(", $key, " as text) from ", $table,
                " where ", $used, " < 0 or ", $used, " > (", $limit, ") limit 20"
            ),
        )
    };
    (@broken $table:literal, text, $key:literal, $used:literal, $limit:literal) => {
        $crate::sql::Sql::new(concat!(
            "select ", $key, " from ", $table,
            " where ", $used, " < 0 or ", $used, " > (", $limit, ") limit 20"
        ))
    };
    (@is_uuid uuid) => { true };
    (@is_uuid text) => { false };
    (@change $table:literal, uuid, $key:literal, $used:literal, $limit:literal, $tell:literal,
     $by:literal, $holds:literal, $bound:literal, $less:literal, $keep:literal,
     $minus:literal) => {
        $crate::guard!(@texts $table, $key, $used, $limit, $tell, $by, $holds, $bound, $less, $keep, $minus,
            "unhex(value->>'k', '-')", "uuid", "lower(hex(", "))")
    };
    (@change $table:literal, text, $key:literal, $used:literal, $limit:literal, $tell:literal,
     $by:literal, $holds:literal, $bound:literal, $less:literal, $keep:literal,
     $minus:literal) => {
        $crate::guard!(@texts $table, $key, $used, $limit, $tell, $by, $holds, $bound, $less, $keep, $minus,
            "value->>'k'", "text", "(", ")")
    };
    (@one $table:literal, $key:literal, $used:literal, $limit:literal, $tell:literal,
     $by:literal, $holds:literal, $bound:literal, $less:literal, $keep:literal, $minus:literal,
     $open:literal, $close:literal) => {
        concat!(
            "update ", $table, " set ", $used, " = ", $used, $by, "$2, version = version + 1",
            " where ", $key, " = $1 and $2", $holds, $bound, $less, $keep, $minus, $used,
            " returning ", $open, $key, $close, " as key, ", $used, " as used, ", $limit,
            " as guard_limit, ", $tell, " as told, version"
        )
    };
    (@texts $table:literal, $key:literal, $used:literal, $limit:literal, $tell:literal,
     $by:literal, $holds:literal, $bound:literal, $less:literal, $keep:literal, $minus:literal,
     $read:literal, $type:literal, $open:literal, $close:literal) => {
        $crate::guard::Change {
            one: $crate::sql::Sql::split(
                $crate::guard!(@one $table, $key, $used, $limit, $tell, $by, $holds, $bound, $less, $keep, $minus, $open, $close),
                $crate::guard!(@one $table, $key, $used, $limit, $tell, $by, $holds, $bound, $less, $keep, $minus, "cast(", " as text)"),
            ),
            many: $crate::sql::Sql::split(
                concat!(
                    "update ", $table, " set ", $used, " = ", $used, $by, "l.gn, version = version + 1",
                    " from (select ", $read, " as gk, value->>'n' as gn from json_each($1)) l",
                    " where ", $table, ".", $key, " = l.gk and l.gn", $holds, $bound, $less, $keep, $minus, $used,
                    " returning ", $open, $key, $close, " as key, ", $used, " as used, ", $limit,
                    " as guard_limit, ", $tell, " as told, version"
                ),
                // The rows are locked in the order of their keys, so that two lists cannot deadlock.
                concat!(
                    "with l as (select w.k as gk, w.n as gn from jsonb_to_recordset($1) as w(k ",
                    $type, ", n bigint)), held as (select ", $key, " as hk from ", $table, " where ",
                    $key, " = any(array(select gk from l)) order by ", $key, " for update) ",
                    "update ", $table, " set ", $used, " = ", $used, $by, "l.gn, version = version + 1",
                    " from l join held on held.hk = l.gk where ", $table, ".", $key,
                    " = l.gk and l.gn", $holds, $bound, $less, $keep, $minus, $used, " returning cast(", $key,
                    " as text) as key, ", $used, " as used, ", $limit,
                    " as guard_limit, ", $tell, " as told, version"
                ),
            ),
        }
    };
}
