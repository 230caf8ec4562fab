//! The adversary of guards: many callers who take and give at once, change their mind, and name
//! their rows in any order. It works through the guard alone and knows only what its calls said.

use std::collections::BTreeMap;

use crate::guard::{Changed, Guard};
use crate::random;
use crate::sql::{Db, Sql};

/// How many callers there are.
const CALLERS: usize = 16;
/// How often each of them takes or gives.
const ROUNDS: usize = 30;

/// What one caller holds of each key, and how often it changed it.
type Books = BTreeMap<String, (i64, i64)>;

/// Attacks a guard on rows that have the same limit and of which nothing is used. The error says
/// which promise was broken.
pub async fn attack(
    db: &Db,
    guard: &Guard,
    keys: &[String],
    limit: i64,
) -> std::result::Result<(), String> {
    let before = rows(db, guard).await?;
    let callers: Vec<_> = (0..CALLERS)
        .map(|_| {
            let (db, guard, keys) = (db.clone(), *guard, keys.to_vec());
            tokio::spawn(async move { call(&db, &guard, &keys, limit).await })
        })
        .collect();
    let mut held = Books::new();
    for caller in callers {
        let books = caller.await.map_err(|error| error.to_string())??;
        for (key, (amount, changes)) in books {
            let sum = held.entry(key).or_default();
            *sum = (sum.0 + amount, sum.1 + changes);
        }
    }
    let after = rows(db, guard).await?;
    for key in keys {
        let (amount, changes) = held.get(key).copied().unwrap_or_default();
        let (used, version) = after.get(key).copied().unwrap_or_default();
        let (used_before, version_before) = before.get(key).copied().unwrap_or_default();
        if used != used_before + amount {
            return Err(format!("{key}: {amount} were taken but {used} are used"));
        }
        if version != version_before + changes {
            return Err(format!("{key}: {changes} changes moved the version to {version}"));
        }
    }
    let broken: Vec<(String,)> = db.query(guard.broken).all().await.map_err(said)?;
    match broken.first() {
        Some((key,)) => Err(format!("{key} is beyond its limits")),
        None => Ok(()),
    }
}

async fn call(
    db: &Db,
    guard: &Guard,
    keys: &[String],
    limit: i64,
) -> std::result::Result<Books, String> {
    let mut books = Books::new();
    for _ in 0..ROUNDS {
        let gives = random::between(0, 2) == 0;
        let mut list: Vec<(String, i64)> = Vec::new();
        for _ in 0..random::between(1, keys.len().min(4) as u64) {
            let key = &keys[one_of(keys.len())];
            let amount = match (gives, books.get(key)) {
                (false, _) => some_of(limit.div_euclid(4).max(1)),
                (true, Some((held, _))) if *held > 0 => some_of(*held),
                (true, _) => continue,
            };
            let named = list.iter().any(|(other, _)| other == key);
            if !(gives && named) {
                list.push((key.clone(), amount));
            }
        }
        if list.is_empty() {
            continue;
        }
        let mut tx = db.begin("attack").await.map_err(said)?;
        let answer =
            if gives { guard.give(&mut tx, &list).await } else { guard.take(&mut tx, &list).await };
        match answer.map_err(said)? {
            Err(refused) if gives => {
                return Err(format!("{refused:?} was held and not given back"));
            }
            Err(_) => drop(tx),
            Ok(changed) => {
                within(&changed, limit)?;
                if random::between(0, 4) == 0 {
                    drop(tx);
                    continue;
                }
                tx.commit().await.map_err(said)?;
                for row in &changed {
                    books.entry(row.key.clone()).or_default().1 += 1;
                }
                for (key, amount) in list {
                    books.entry(key).or_default().0 += if gives { -amount } else { amount };
                }
            }
        }
    }
    Ok(books)
}

fn within(changed: &[Changed], limit: i64) -> std::result::Result<(), String> {
    match changed.iter().find(|row| row.used < 0 || row.used > limit || row.limit != limit) {
        Some(row) => Err(format!("beyond the limit {limit}: {row:?}")),
        None => Ok(()),
    }
}

/// Used amount and version of every row, by key.
async fn rows(db: &Db, guard: &Guard) -> std::result::Result<Books, String> {
    let Guard { table, key, used, .. } = guard;
    let text = |key: String| -> &'static str {
        format!("select {key}, {used}, version from {table}").leak()
    };
    let sqlite = if guard.uuid { format!("lower(hex({key}))") } else { (*key).to_owned() };
    let sql = Sql::split(text(sqlite), text(format!("cast({key} as text)")));
    let rows: Vec<(String, i64, i64)> = db.query(sql).all().await.map_err(said)?;
    let spelled = |key: String| match key.parse::<uuid::Uuid>() {
        Ok(id) if guard.uuid => id.to_string(),
        _ => key,
    };
    Ok(rows.into_iter().map(|(key, used, version)| (spelled(key), (used, version))).collect())
}

fn one_of(count: usize) -> usize {
    usize::try_from(random::between(0, count as u64 - 1)).unwrap_or_default()
}

fn some_of(most: i64) -> i64 {
    i64::try_from(random::between(1, most.unsigned_abs())).unwrap_or(1)
}

#[expect(clippy::needless_pass_by_value, reason = "it is the tail of a map_err")]
fn said(error: crate::sql::Error) -> String {
    format!("{error}: {error:?}")
}
