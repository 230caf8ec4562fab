//! A row between the engines: its values as SQLite holds them, each spelled in the one way that there is for it.

use sha2::{Digest as _, Sha256};

use crate::sql::value::{Cell, Json, Param, Row};
use crate::sql::{Error, Result};
use kernel::Timestamp;
use serde_json::Value;
use uuid::Uuid;

/// Whole numbers up to here are the same to PostgreSQL's `jsonb` however they are written, and exact as a float.
const WHOLE_MAX: f64 = 9_007_199_254_740_992.0;

/// A column of a table.
#[derive(Debug, Clone)]
pub(super) struct Column {
    pub name: String,
    pub kind: Kind,
    /// Whether the engine numbers its rows by it.
    pub is_counted: bool,
}

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Integer,
    Boolean,
    Text,
    Time,
    Json,
    Id,
    Bytes,
}

impl Kind {
    /// The kind of a type of PostgreSQL, by its name. Those that migrations use are all there are.
    pub(super) fn of(name: &str) -> Result<Self> {
        Ok(match name {
            "bigint" => Self::Integer,
            "boolean" => Self::Boolean,
            "text" => Self::Text,
            "timestamp with time zone" => Self::Time,
            "jsonb" => Self::Json,
            "uuid" => Self::Id,
            "bytea" => Self::Bytes,
            other => return Err(Error::Unusable(format!("no column of the type {other} moves"))),
        })
    }

    /// The value at a place of a row of either engine. Times and JSON have many spellings and come out in one.
    pub(super) fn read(self, row: &Row<'_>, place: usize) -> Result<Cell> {
        let cell = match self {
            Self::Integer => row.at::<Option<i64>>(place)?.cell(),
            Self::Boolean => row.at::<Option<bool>>(place)?.cell(),
            Self::Text => row.at::<Option<String>>(place)?.cell(),
            Self::Time => row.at::<Option<Timestamp>>(place)?.cell(),
            Self::Json => row.at::<Option<Json<Value>>>(place)?.map(spelled).cell(),
            Self::Id => row.at::<Option<Uuid>>(place)?.cell(),
            Self::Bytes => row.at::<Option<Vec<u8>>>(place)?.cell(),
        };
        cell.map_err(|error| Error::Inconsistent(format!("column {place}: {error}")))
    }
}

/// JSON with its numbers as `jsonb` has them: `1e2`, `100.0` and `100` are one.
fn spelled(Json(mut value): Json<Value>) -> Json<Value> {
    spell_numbers(&mut value);
    Json(value)
}

fn spell_numbers(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(spell_numbers),
        Value::Object(fields) => fields.values_mut().for_each(spell_numbers),
        Value::Number(number) if number.is_f64() => {
            let whole = number.as_f64().filter(|it| it.fract() == 0.0 && it.abs() <= WHOLE_MAX);
            #[expect(clippy::cast_possible_truncation, reason = "it is whole and not too large")]
            if let Some(whole) = whole {
                *number = (whole as i64).into();
            }
        }
        _ => {}
    }
}

/// How many rows there are, and the sum of their SHA-256, in which order does not matter and each counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Digest {
    pub rows: u64,
    sum: [u64; 4],
}

impl Digest {
    pub(super) fn add(&mut self, rows: &[Vec<Cell>]) {
        for row in rows {
            self.add_row(row);
        }
    }

    fn add_row(&mut self, row: &[Cell]) {
        let mut hash = Sha256::new();
        let mut value = |kind: u8, bytes: &[u8]| {
            hash.update([kind]);
            hash.update((bytes.len() as u64).to_le_bytes());
            hash.update(bytes);
        };
        for cell in row {
            match cell {
                Cell::Null => value(0, &[]),
                Cell::Integer(number) => value(1, &number.to_le_bytes()),
                Cell::Text(text) => value(2, text.as_bytes()),
                Cell::Blob(bytes) => value(3, bytes),
                Cell::Id(bytes) => value(3, bytes),
            }
        }
        let digest = hash.finalize();
        for (sum, part) in self.sum.iter_mut().zip(digest.chunks_exact(8)) {
            let part = part.iter().fold(0, |number, byte| number << 8 | u64::from(*byte));
            *sum = sum.wrapping_add(part);
        }
        self.rows += 1;
    }
}

/// Adds a row to a text that PostgreSQL's COPY reads.
pub(super) fn add_line<'r>(text: &mut String, row: impl Iterator<Item = (&'r Column, &'r Cell)>) {
    for (n, (column, cell)) in row.enumerate() {
        if n > 0 {
            text.push('\t');
        }
        match cell {
            Cell::Null => text.push_str("\\N"),
            Cell::Integer(value) if column.kind == Kind::Boolean => {
                text.push(if *value == 0 { 'f' } else { 't' });
            }
            Cell::Integer(value) => text.push_str(&value.to_string()),
            Cell::Text(value) => escape(text, value),
            Cell::Blob(bytes) => {
                text.push_str("\\\\x");
                text.push_str(&hex::encode(bytes));
            }
            Cell::Id(bytes) => text.push_str(&hex::encode(bytes)),
        }
    }
    text.push('\n');
}

fn escape(text: &mut String, value: &str) {
    for c in value.chars() {
        match c {
            '\\' => text.push_str("\\\\"),
            '\t' => text.push_str("\\t"),
            '\n' => text.push_str("\\n"),
            '\r' => text.push_str("\\r"),
            c => text.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn digest(rows: &[&[Cell]]) -> Digest {
        let mut digest = Digest::default();
        for row in rows {
            digest.add_row(row);
        }
        digest
    }

    fn text(value: &str) -> Cell {
        Cell::Text(value.to_owned())
    }

    #[test]
    fn the_order_of_rows_does_not_matter_and_all_else_does() {
        let (one, two) = ([text("a"), text("b")], [text("ab"), text("")]);
        let both = digest(&[&one, &two]);
        assert_eq!(both, digest(&[&two, &one]));
        assert_ne!(digest(&[&one]), digest(&[&two]));
        assert_ne!(both, digest(&[&one, &one]));
        assert_ne!(digest(&[]), digest(&[&one, &one]));
        assert_ne!(digest(&[&[Cell::Null]]), digest(&[&[text("")]]));
        assert_ne!(digest(&[&[Cell::Integer(1)]]), digest(&[&[Cell::Integer(2)]]));
    }

    #[test]
    fn numbers_in_json_are_spelled_in_one_way() {
        let read = |text: &str| spelled(Json(serde_json::from_str(text).unwrap())).0.to_string();
        assert_eq!(read(r#"{"b": [1e2, 1.50], "a": 100.0}"#), r#"{"a":100,"b":[100,1.5]}"#);
        assert_eq!(read("-0.0"), read("0"));
        assert_eq!(read("123456789012345678"), "123456789012345678");
        assert_eq!(read(&json!({"a": null}).to_string()), r#"{"a":null}"#);
    }

    #[test]
    fn what_separates_lines_and_values_is_escaped() {
        let column = |kind| Column { name: "c".to_owned(), kind, is_counted: false };
        let columns = [Kind::Text, Kind::Boolean, Kind::Bytes, Kind::Json].map(column);
        let mut line = String::new();
        let row = [text("a\tb\n\\N"), Cell::Integer(1), Cell::Blob(vec![0, 255]), Cell::Null];
        add_line(&mut line, columns.iter().zip(&row));
        assert_eq!(line, "a\\tb\\n\\\\N\tt\t\\\\x00ff\t\\N\n");
    }
}
