//! Values and rows, as both engines hold them.
//!
//! SQLite's STRICT tables know integers, text and blobs: a `Uuid` is 16 bytes, a time is text of
//! RFC 3339 in UTC with six digits of a second, which sorts, a JSON value is its text.

use std::cell::Cell as StdCell;
use std::error::Error as StdError;

use chrono::{DateTime, SecondsFormat, Utc};
use kernel::Timestamp;
use rusqlite::types::{FromSql, ToSql, ToSqlOutput, ValueRef};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::Row as _;
use sqlx::postgres::PgRow;
pub use sqlx::types::Json;
use uuid::Uuid;

use super::{Error, Result};

type BoxError = Box<dyn StdError + Send + Sync>;

/// A value on its way into SQLite.
#[derive(Debug)]
pub enum Cell {
    /// NULL.
    Null,
    /// An integer; a truth value is 0 or 1.
    Integer(i64),
    /// Text, a time, JSON.
    Text(String),
    /// Bytes.
    Blob(Vec<u8>),
    /// An id.
    Id([u8; 16]),
}

impl ToSql for Cell {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Null => ValueRef::Null,
            Self::Integer(value) => ValueRef::Integer(*value),
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
            Self::Blob(bytes) => ValueRef::Blob(bytes),
            Self::Id(bytes) => ValueRef::Blob(bytes),
        }))
    }
}

/// A value both engines can bind: `Uuid`, `Timestamp`, `Json<T>`, `i64`, `&str`, `bool`, options.
pub trait Param<'q>: sqlx::Encode<'q, sqlx::Postgres> + sqlx::Type<sqlx::Postgres> {
    /// The value as SQLite holds it.
    fn cell(&self) -> std::result::Result<Cell, BoxError>;
}

/// A value both engines can give back: owned ones of what [`Param`] says.
pub trait Column: for<'r> sqlx::Decode<'r, sqlx::Postgres> + sqlx::Type<sqlx::Postgres> {
    /// The value SQLite holds.
    fn from_cell(cell: ValueRef<'_>) -> std::result::Result<Self, BoxError>;
}

/// `$cell` makes a cell of `$value`; the type that comes back is read by rusqlite.
macro_rules! native {
    ($($type:ty: |$value:ident| $cell:expr;)+) => {$(
        impl Param<'_> for $type {
            fn cell(&self) -> std::result::Result<Cell, BoxError> {
                let $value = self;
                Ok($cell)
            }
        }
        impl Column for $type {
            fn from_cell(cell: ValueRef<'_>) -> std::result::Result<Self, BoxError> {
                Ok(FromSql::column_result(cell)?)
            }
        }
    )+};
}

native! {
    i64: |value| Cell::Integer(*value);
    i32: |value| Cell::Integer(i64::from(*value));
    bool: |value| Cell::Integer(i64::from(*value));
    String: |value| Cell::Text(value.clone());
    Vec<u8>: |value| Cell::Blob(value.clone());
}

impl Param<'_> for &str {
    fn cell(&self) -> std::result::Result<Cell, BoxError> {
        Ok(Cell::Text((*self).to_owned()))
    }
}

impl<'q> Param<'q> for &'q [u8] {
    fn cell(&self) -> std::result::Result<Cell, BoxError> {
        Ok(Cell::Blob(self.to_vec()))
    }
}

impl Param<'_> for Uuid {
    fn cell(&self) -> std::result::Result<Cell, BoxError> {
        Ok(Cell::Id(self.into_bytes()))
    }
}

impl Column for Uuid {
    fn from_cell(cell: ValueRef<'_>) -> std::result::Result<Self, BoxError> {
        Ok(Self::from_slice(cell.as_blob()?)?)
    }
}

impl Param<'_> for Timestamp {
    fn cell(&self) -> std::result::Result<Cell, BoxError> {
        Ok(Cell::Text(spelled(self)))
    }
}

/// A time as SQLite holds it.
fn spelled(at: &Timestamp) -> String {
    at.to_rfc3339_opts(SecondsFormat::Micros, false)
}

/// Serializes a time inside a JSON parameter as both engines hold it; its usual spelling in JSON
/// does not sort among them. For `#[serde(serialize_with = "platform::sql::spell")]`.
pub fn spell<S: serde::Serializer>(at: &Timestamp, to: S) -> std::result::Result<S::Ok, S::Error> {
    to.serialize_str(&spelled(at))
}

impl Column for Timestamp {
    fn from_cell(cell: ValueRef<'_>) -> std::result::Result<Self, BoxError> {
        Ok(DateTime::parse_from_rfc3339(cell.as_str()?)?.with_timezone(&Utc))
    }
}

impl<T: Serialize> Param<'_> for Json<T> {
    fn cell(&self) -> std::result::Result<Cell, BoxError> {
        Ok(Cell::Text(serde_json::to_string(&self.0)?))
    }
}

impl<T: DeserializeOwned + 'static> Column for Json<T> {
    fn from_cell(cell: ValueRef<'_>) -> std::result::Result<Self, BoxError> {
        Ok(Self(serde_json::from_str(cell.as_str()?)?))
    }
}

impl<'q, T: Param<'q> + 'q> Param<'q> for Option<T> {
    fn cell(&self) -> std::result::Result<Cell, BoxError> {
        self.as_ref().map_or(Ok(Cell::Null), Param::cell)
    }
}

impl<T: Column + 'static> Column for Option<T> {
    fn from_cell(cell: ValueRef<'_>) -> std::result::Result<Self, BoxError> {
        match cell {
            ValueRef::Null => Ok(None),
            cell => T::from_cell(cell).map(Some),
        }
    }
}

/// A row an engine answered, while it is being read.
pub struct Row<'r> {
    of: Engines<'r>,
    /// The place behind the column that was read last.
    next: StdCell<usize>,
}

enum Engines<'r> {
    /// SQLite's, valid until the next one is asked for.
    Sqlite(&'r rusqlite::Row<'r>),
    Postgres(&'r PgRow),
}

impl<'r> From<&'r rusqlite::Row<'r>> for Row<'r> {
    fn from(row: &'r rusqlite::Row<'r>) -> Self {
        Self { of: Engines::Sqlite(row), next: StdCell::new(0) }
    }
}

impl<'r> From<&'r PgRow> for Row<'r> {
    fn from(row: &'r PgRow) -> Self {
        Self { of: Engines::Postgres(row), next: StdCell::new(0) }
    }
}

impl Row<'_> {
    /// The value of a column, by its name.
    pub fn get<T: Column>(&self, column: &str) -> Result<T> {
        let read = match self.of {
            Engines::Sqlite(row) => {
                let place = self.place(row, column).map_err(BoxError::from);
                place.and_then(|place| T::from_cell(row.get_ref(place)?))
            }
            Engines::Postgres(row) => row.try_get(column).map_err(BoxError::from),
        };
        read.map_err(|error| Error::Inconsistent(format!("column {column}: {error}")))
    }

    /// SQLite compares a name with those of all columns. Fields mostly have the order of the columns, so that the next
    /// one is tried first.
    fn place(&self, row: &rusqlite::Row<'_>, column: &str) -> rusqlite::Result<usize> {
        let (next, names) = (self.next.get(), row.as_ref());
        let is_next = names.column_name(next).is_ok_and(|name| name.eq_ignore_ascii_case(column));
        let place = if is_next { next } else { names.column_index(column)? };
        self.next.set(place + 1);
        Ok(place)
    }

    /// The value of a column, by its place.
    pub fn at<T: Column>(&self, place: usize) -> Result<T> {
        let read = match self.of {
            Engines::Sqlite(row) => {
                row.get_ref(place).map_err(BoxError::from).and_then(T::from_cell)
            }
            Engines::Postgres(row) => row.try_get(place).map_err(BoxError::from),
        };
        read.map_err(|error| Error::Inconsistent(format!("column {place}: {error}")))
    }
}

/// What a row becomes: a struct by `#[derive(Record)]` and the names of its fields, or a tuple by
/// the places of its columns.
pub trait Record: Sized + Send {
    /// Reads a row. An error is a stored value that makes no sense to this program.
    fn read(row: &Row<'_>) -> Result<Self>;
}

macro_rules! tuples {
    ($(($($type:ident $place:tt),+))+) => {$(
        impl<$($type: Column + Send),+> Record for ($($type,)+) {
            fn read(row: &Row<'_>) -> Result<Self> {
                Ok(($(row.at::<$type>($place)?,)+))
            }
        }
    )+};
}

tuples! {
    (A 0)
    (A 0, B 1)
    (A 0, B 1, C 2)
    (A 0, B 1, C 2, D 3)
    (A 0, B 1, C 2, D 3, E 4)
    (A 0, B 1, C 2, D 3, E 4, F 5)
    (A 0, B 1, C 2, D 3, E 4, F 5, G 6)
    (A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7)
}
