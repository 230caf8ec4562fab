//! What is to be in the tamper-evident log: noted in the commit of what it tells of.
//!
//! A note takes no lock and no number, so that it costs the business what a row costs. The sequencer of
//! the log takes committed notes of all modules, in whatever order they come, and deletes them when they
//! are sealed: a transaction that commits late is late and not lost.

use kernel::Timestamp;
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

use crate::sql::{Db, Json, Result, Tx};

crate::statements! {
    NOTE =
        concat!(crate::json_rows!(),
        "insert into unsealed (id, source, kind, subject, at, payload)
         select unhex(value->>'id', '-'), $2, value->>'kind', unhex(value->>'subject', '-'),
                value->>'at', unhex(value->>'payload')
           from given order by key"),
        "insert into unsealed (id, source, kind, subject, at, payload)
         select n.id, $2, n.kind, n.subject, n.at, decode(n.payload, 'hex')
           from jsonb_to_recordset($1) as n(id uuid, kind text, subject uuid, at timestamptz,
                payload text)";
    UNSEALED = "select id, source, kind, subject, at, payload from unsealed
                 order by id, source limit $1";
    WAITING =
        "select id from unsealed where source = $2
            and id in (select unhex(value, '-') from json_each($1))",
        "select id from unsealed where source = $2
            and id = any(array(select value::uuid from jsonb_array_elements_text($1)))";
    SEALED =
        "delete from unsealed where (id, source) in
                (select unhex(value->>0, '-'), value->>1 from json_each($1))",
        "delete from unsealed u using jsonb_array_elements($1) s
          where u.id = cast(s.value->>0 as uuid) and u.source = s.value->>1";
}

/// Something that was written down, on its way into the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// The name of what was written down: the same one is sealed once for a source.
    pub id: Uuid,
    /// What was done, e.g. `product.update`. The log tells it to whoever reads it, for ever.
    pub kind: String,
    /// Whom or what it is about. Who destroys the subject's key makes what the log has of it say nothing.
    pub subject: Uuid,
    /// When it was written down, to the microsecond.
    pub at: Timestamp,
    /// What was written down, made by [`Payload`]. The log has a commitment to it and never the bytes.
    pub payload: Vec<u8>,
}

/// A note that is not sealed yet, and what kind of source wrote it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsealed {
    /// `audit`, ...
    pub source: String,
    /// The note.
    pub note: Note,
}

#[derive(Serialize)]
struct Outgoing<'n> {
    id: Uuid,
    kind: &'n str,
    subject: Uuid,
    #[serde(serialize_with = "crate::sql::spell")]
    at: Timestamp,
    payload: String,
}

/// Notes what a source such as `audit` wrote down; it is sealed after this unit of work has committed,
/// or not at all.
pub async fn note(tx: &mut Tx, source: &'static str, notes: &[Note]) -> Result<()> {
    if notes.is_empty() {
        return Ok(());
    }
    let outgoing = notes.iter().map(|note| Outgoing {
        id: note.id,
        kind: &note.kind,
        subject: note.subject,
        at: note.at,
        payload: hex::encode(&note.payload),
    });
    let outgoing: Vec<Outgoing<'_>> = outgoing.collect();
    tx.query(NOTE).bind(Json(outgoing)).bind(source).execute().await.map(drop)
}

#[derive(platform::sql::Record)]
struct Row {
    id: Uuid,
    source: String,
    kind: String,
    subject: Uuid,
    at: Timestamp,
    payload: Vec<u8>,
}

/// Notes that are not sealed yet, about in the order they were written.
pub async fn unsealed(db: &Db, limit: i64) -> Result<Vec<Unsealed>> {
    let rows: Vec<Row> = db.query(UNSEALED).bind(limit).all().await?;
    let unsealed = |Row { id, source, kind, subject, at, payload }| Unsealed {
        source,
        note: Note { id, kind, subject, at, payload },
    };
    Ok(rows.into_iter().map(unsealed).collect())
}

/// Which of these notes of a source are not sealed yet.
pub async fn waiting(db: &Db, source: &str, ids: &[Uuid]) -> Result<Vec<Uuid>> {
    let waiting: Vec<(Uuid,)> = db.query(WAITING).bind(Json(ids)).bind(source).all().await?;
    Ok(waiting.into_iter().map(|(id,)| id).collect())
}

/// Forgets notes that are sealed.
pub async fn sealed(db: &Db, notes: &[Unsealed]) -> Result<()> {
    if notes.is_empty() {
        return Ok(());
    }
    let names: Vec<(Uuid, &str)> =
        notes.iter().map(|unsealed| (unsealed.note.id, unsealed.source.as_str())).collect();
    let mut tx = db.begin("seal.sealed").await?;
    tx.query(SEALED).bind(Json(names)).execute().await?;
    tx.commit().await
}

/// What was written down, as bytes that are the same whenever they are made of the same fields: each
/// field has a byte for its kind, and what can be of any length stands behind its length.
#[derive(Debug, Default, Clone)]
pub struct Payload(Vec<u8>);

/// What kind of field stands next.
#[derive(Clone, Copy)]
enum Tag {
    Nothing = 0,
    False = 1,
    True = 2,
    Integer = 3,
    Float = 4,
    Text = 5,
    List = 6,
    Object = 7,
    Id = 8,
    Time = 9,
}

impl Payload {
    /// Nothing of a version of its makers' choice: whoever changes the fields counts it up.
    pub fn new(version: u8) -> Self {
        Self(vec![version])
    }

    fn tagged(mut self, tag: Tag, bytes: &[u8]) -> Self {
        self.0.push(tag as u8);
        self.0.extend(bytes);
        self
    }

    fn counted(self, tag: Tag, count: usize) -> Self {
        self.tagged(tag, &(count as u64).to_be_bytes())
    }

    /// A text.
    #[must_use]
    pub fn text(self, text: &str) -> Self {
        let mut with = self.counted(Tag::Text, text.len());
        with.0.extend(text.as_bytes());
        with
    }

    /// A whole number.
    #[must_use]
    pub fn integer(self, number: i64) -> Self {
        self.tagged(Tag::Integer, &i128::from(number).to_be_bytes())
    }

    /// An id.
    #[must_use]
    pub fn id(self, id: Uuid) -> Self {
        self.tagged(Tag::Id, id.as_bytes())
    }

    /// A time, to the microsecond, as both engines keep it.
    #[must_use]
    pub fn time(self, at: Timestamp) -> Self {
        self.tagged(Tag::Time, &at.timestamp_micros().to_be_bytes())
    }

    /// A field that may be missing.
    #[must_use]
    pub fn maybe<T>(self, field: Option<T>, with: impl FnOnce(Self, T) -> Self) -> Self {
        match field {
            Some(field) => with(self, field),
            None => self.tagged(Tag::Nothing, &[]),
        }
    }

    /// A JSON value, whatever order its members have and however its numbers are written: engines
    /// write both anew.
    #[must_use]
    pub fn json(self, value: &Value) -> Self {
        match value {
            Value::Null => self.tagged(Tag::Nothing, &[]),
            Value::Bool(false) => self.tagged(Tag::False, &[]),
            Value::Bool(true) => self.tagged(Tag::True, &[]),
            Value::Number(number) => self.number(number),
            Value::String(text) => self.text(text),
            Value::Array(items) => {
                items.iter().fold(self.counted(Tag::List, items.len()), Self::json)
            }
            Value::Object(members) => {
                let mut sorted: Vec<_> = members.iter().collect();
                sorted.sort_by_key(|(name, _)| *name);
                let with = self.counted(Tag::Object, sorted.len());
                sorted.into_iter().fold(with, |with, (name, value)| with.text(name).json(value))
            }
        }
    }

    /// A whole number is one also where it is written with a fraction or an exponent.
    fn number(self, number: &serde_json::Number) -> Self {
        /// Beyond this a float may stand for several whole numbers.
        const WHOLE_MAX: f64 = 1e30;
        let float = number.as_f64().unwrap_or_default();
        let whole = number.as_i128().or_else(|| {
            #[expect(clippy::cast_possible_truncation, reason = "it is whole and within bounds")]
            (float.fract() == 0.0 && float.abs() < WHOLE_MAX).then_some(float as i128)
        });
        match whole {
            Some(whole) => self.tagged(Tag::Integer, &whole.to_be_bytes()),
            None => self.tagged(Tag::Float, &float.to_bits().to_be_bytes()),
        }
    }

    /// The bytes.
    pub fn bytes(self) -> Vec<u8> {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn bytes(value: &str) -> Vec<u8> {
        Payload::new(1).json(&serde_json::from_str(value).unwrap()).bytes()
    }

    #[test]
    fn the_same_json_has_the_same_bytes_however_it_is_written() {
        assert_eq!(
            bytes(r#"{"a": 1, "b": [2.0, 1e16]}"#),
            bytes(r#"{"b":[2,10000000000000000],"a":1.0}"#)
        );
        assert_eq!(bytes("100000000000000000000"), bytes("1e20"));
        assert_eq!(bytes("-0.0"), bytes("0"));
    }

    #[test]
    fn other_json_has_other_bytes() {
        let all = [
            json!(null),
            json!([]),
            json!({}),
            json!([[]]),
            json!([[], []]),
            json!(["ab"]),
            json!(["a", "b"]),
            json!({"a": "b"}),
            json!(["a", ["b"]]),
            json!(0),
            json!(false),
            json!(true),
            json!("0"),
            json!(0.5),
            json!(u64::MAX),
            json!(-1),
        ];
        let mut seen: Vec<Vec<u8>> =
            all.iter().map(|value| Payload::new(1).json(value).bytes()).collect();
        seen.sort();
        seen.dedup();
        assert_eq!(seen.len(), all.len());
    }

    #[test]
    fn a_field_that_is_missing_is_not_one_that_is_empty() {
        let maybe = |text| Payload::new(1).maybe(text, Payload::text).bytes();
        assert_ne!(maybe(None), maybe(Some("")));
        assert_ne!(Payload::new(1).bytes(), Payload::new(2).bytes());
    }
}
