//! The audit log: who changed what, when and from where, written in the commit of the change.
//!
//! Rows are only ever added; the schema refuses to change or delete one. What did not change is
//! left out of `before` and `after`, so an entry reads as the change it tells of.

use std::net::IpAddr;

use kernel::Timestamp;
use kernel::id::CustomerId;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::sql::{Db, Error, Json, Result, Tx};

crate::statements! {
    RECORD =
        concat!(crate::json_rows!(),
        "insert into audit (at, actor, address, trace, action, subject, before, after)
         select $2, $3, $4, $5, value->>'action', unhex(value->>'subject', '-'),
                value->'before', value->'after'
           from given order by key"),
        "insert into audit (at, actor, address, trace, action, subject, before, after)
         select $2, $3, $4, $5, e.action, e.subject, e.before, e.after
           from rows from (jsonb_to_recordset($1) as (action text, subject uuid, before jsonb,
                after jsonb)) with ordinality as e(action, subject, before, after, n)
          order by e.n";
    OF_SUBJECT =
        "select seq, at, actor, address, trace, action, subject, before, after from audit
          where subject = $1 and seq < $2 order by seq desc limit $3";
}

/// Who does something, and from where.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    /// The account; none is the shop itself: a command, an import, a task.
    pub id: Option<CustomerId>,
    /// Where the request came from, when there was one.
    pub address: Option<IpAddr>,
}

impl Actor {
    /// The shop itself.
    pub const SYSTEM: Self = Self { id: None, address: None };
}

/// A change on its way into the log.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Entry {
    action: &'static str,
    subject: Uuid,
    #[serde(skip_serializing_if = "Option::is_none")]
    before: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    after: Option<Value>,
}

impl Entry {
    /// Something is there for the first time. `action` is a stable word such as
    /// `product.create`.
    pub fn created(action: &'static str, subject: Uuid, after: &impl Serialize) -> Result<Self> {
        Ok(Self { action, subject, before: None, after: Some(json(after)?) })
    }

    /// Something is gone.
    pub fn deleted(action: &'static str, subject: Uuid, before: &impl Serialize) -> Result<Self> {
        Ok(Self { action, subject, before: Some(json(before)?), after: None })
    }

    /// Something was changed; members that are the same before and after are left out.
    pub fn changed<T: Serialize>(
        action: &'static str,
        subject: Uuid,
        before: &T,
        after: &T,
    ) -> Result<Self> {
        let (before, after) = differences(json(before)?, json(after)?);
        Ok(Self { action, subject, before: Some(before), after: Some(after) })
    }
}

fn json(value: &impl Serialize) -> Result<Value> {
    serde_json::to_value(value).map_err(|error| Error::Inconsistent(format!("audit: {error}")))
}

/// Two values without the members they share.
fn differences(before: Value, after: Value) -> (Value, Value) {
    match (before, after) {
        (Value::Object(mut before), Value::Object(mut after)) => {
            let same = |name: &String, value: &Value, other: &Map<String, Value>| {
                other.get(name) == Some(value)
            };
            let shared: Vec<String> = before
                .iter()
                .filter(|(name, value)| same(name, value, &after))
                .map(|(name, _)| name.clone())
                .collect();
            for name in shared {
                before.remove(&name);
                after.remove(&name);
            }
            (Value::Object(before), Value::Object(after))
        }
        other => other,
    }
}

/// Writes entries of one actor; they become visible with the unit of work or not at all.
pub async fn record(tx: &mut Tx, actor: &Actor, entries: &[Entry]) -> Result<()> {
    if entries.is_empty() {
        return Ok(());
    }
    let (now, trace) = (tx.now(), crate::trace::current());
    tx.query(RECORD)
        .bind(Json(entries))
        .bind(now)
        .bind(actor.id.map(CustomerId::uuid))
        .bind(actor.address.map(|address| address.to_string()))
        .bind(trace)
        .execute()
        .await
        .map(drop)
}

/// An entry of the log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Recorded {
    /// Its place in the log of its module.
    pub seq: i64,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// Whose account; absent when the shop itself did it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub actor: Option<Uuid>,
    /// From where.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// The request.
    pub trace: String,
    /// What was done, e.g. `product.update`.
    pub action: String,
    /// What it was done to.
    pub subject: Uuid,
    /// The members that changed, as they were.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub before: Option<Value>,
    /// The members that changed, as they are.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub after: Option<Value>,
}

#[derive(platform::sql::Record)]
struct Row {
    seq: i64,
    at: Timestamp,
    actor: Option<Uuid>,
    address: Option<String>,
    trace: String,
    action: String,
    subject: Uuid,
    before: Option<Json<Value>>,
    after: Option<Json<Value>>,
}

/// What happened to a subject, the newest first, from before the entry `seq`.
pub async fn history(
    db: &Db,
    subject: Uuid,
    seq: Option<i64>,
    limit: i64,
) -> Result<Vec<Recorded>> {
    let query = db.query(OF_SUBJECT).bind(subject).bind(seq.unwrap_or(i64::MAX)).bind(limit);
    let rows: Vec<Row> = query.all().await?;
    let recorded = |row: Row| Recorded {
        seq: row.seq,
        at: row.at,
        actor: row.actor,
        address: row.address,
        trace: row.trace,
        action: row.action,
        subject: row.subject,
        before: row.before.map(|json| json.0),
        after: row.after.map(|json| json.0),
    };
    Ok(rows.into_iter().map(recorded).collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_stays_the_same_is_left_out() {
        let before = json!({"name": "A", "price": 1, "brand": null});
        let after = json!({"name": "A", "price": 2, "colour": "red", "brand": null});
        let expected = (json!({"price": 1}), json!({"price": 2, "colour": "red"}));
        assert_eq!(differences(before, after), expected);
    }
}
