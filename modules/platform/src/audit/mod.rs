//! The audit log: who changed what, when and from where, written in the commit of the change.
//!
//! Rows are only ever added; the schema refuses to change or delete one. What did not change is
//! left out of `before` and `after`, so an entry reads as the change it tells of. An action is two
//! words around a dot: the family it is sought by, and what was done. Whoever moves money names the
//! amount; secrets, cards and passwords are in no entry.
//!
//! Each entry is noted for the tamper-evident log in the same unit of work, as the source `audit` and with
//! the subject of the entry.

mod actor;
mod log;
mod sealing;

use kernel::id::{CustomerId, EventId};
use serde::Serialize;
use serde_json::{Map, Value};
use uuid::Uuid;

pub use actor::{Actor, ActorKind, Who};
pub use log::{
    Action, Place, Recorded, STATEMENTS as LOG_STATEMENTS, Sought, history, newest, oldest,
};
pub use sealing::SOURCE;

use crate::sql::{Error, Json, Result, Tx};

crate::statements! {
    RECORD =
        concat!(crate::json_rows!(),
        "insert into audit (at, actor, actor_kind, key_made_by, address, trace, id, action, subject,
                            before, after)
         select $2, $3, $4, $5, $6, $7, unhex(value->>'id', '-'), value->>'action',
                unhex(value->>'subject', '-'), value->'before', value->'after'
           from given order by key"),
        "insert into audit (at, actor, actor_kind, key_made_by, address, trace, id, action, subject,
                            before, after)
         select $2, $3, $4, $5, $6, $7, e.id, e.action, e.subject, e.before, e.after
           from rows from (jsonb_to_recordset($1) as (id uuid, action text, subject uuid,
                before jsonb, after jsonb)) with ordinality
                as e(id, action, subject, before, after, n)
          order by e.n";
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

    /// Something was done; `after` is what may be told of it.
    pub fn done(action: &'static str, subject: Uuid, told: &impl Serialize) -> Result<Self> {
        Ok(Self { action, subject, before: None, after: Some(json(told)?) })
    }
}

/// The subject of what has a name and no id of its own: the same name is the same subject.
pub fn named(kind: &str, name: &str) -> Uuid {
    Uuid::new_v5(&Uuid::new_v5(&Uuid::NAMESPACE_OID, kind.as_bytes()), name.as_bytes())
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

/// An entry with the name it has in the log.
#[derive(Serialize)]
struct Named<'e> {
    id: Uuid,
    #[serde(flatten)]
    entry: &'e Entry,
}

/// Writes entries of one actor; they become visible with the unit of work or not at all.
pub async fn record(tx: &mut Tx, actor: &Actor, entries: &[Entry]) -> Result<()> {
    if entries.is_empty() {
        return Ok(());
    }
    // Not the beginning of the unit: of two that change one thing the later one held its row later.
    let (now, trace) = (tx.db().clock().now(), crate::trace::current());
    let named = entries.iter().map(|entry| Named { id: EventId::new().uuid(), entry });
    let named: Vec<Named<'_>> = named.collect();
    let notes =
        named.iter().map(|named| sealing::note(named, actor, now, &trace)).collect::<Vec<_>>();
    tx.query(RECORD)
        .bind(Json(&named))
        .bind(now)
        .bind(actor.id().map(CustomerId::uuid))
        .bind(actor.kind().word())
        .bind(actor.key_made_by().map(CustomerId::uuid))
        .bind(actor.address.map(|address| address.to_string()))
        .bind(trace)
        .execute()
        .await?;
    crate::seal::note(tx, SOURCE, &notes).await
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
