use std::io::Cursor;

use serde_json::Value;

use super::{Format, ImportError, Reader};
use crate::domain::{LineError, PRICE_LINES_MAX, PriceRow, error_at, price_row};

/// The lines of a file of prices.
#[derive(Default)]
pub(crate) struct PriceRows {
    pub rows: Vec<(u64, PriceRow)>,
    /// What of it cannot be read.
    pub errors: Vec<LineError>,
}

impl PriceRows {
    pub(crate) fn read(file: Vec<u8>, format: Format) -> Self {
        let mut read = Self::default();
        if let Err(error) = read.all(file, format) {
            read.refuse(1, "", error.to_string());
        }
        read
    }

    fn all(&mut self, file: Vec<u8>, format: Format) -> Result<(), ImportError> {
        let mut file = Cursor::new(file);
        let mut reader = Reader::new(&mut file, format)?;
        let is_csv = reader.columns().is_some();
        self.check_columns(&reader);
        if !self.errors.is_empty() {
            return Ok(());
        }
        while let Some((line, record)) = reader.next()? {
            if self.rows.len() + self.errors.len() == PRICE_LINES_MAX {
                let message = format!("a file has at most {PRICE_LINES_MAX} prices: split it");
                self.refuse(line, "", message);
                break;
            }
            let row = record.and_then(|mut record| {
                // The reader leaves empty cells out.
                if is_csv {
                    record.entry("price").or_insert(Value::Null);
                }
                price_row(record)
            });
            match row {
                Ok(row) => self.rows.push((line, row)),
                Err(error) => self.errors.push(error_at(line, error)),
            }
        }
        Ok(())
    }

    /// A table without one of these says nothing of prices.
    fn check_columns(&mut self, reader: &Reader<'_>) {
        let Some(columns) = reader.columns() else { return };
        let is_there = |name| columns.iter().any(|column| column == name);
        for name in ["sku", "price"].into_iter().filter(|name| !is_there(*name)) {
            self.refuse(1, name, "must be a column".to_owned());
        }
    }

    fn refuse(&mut self, line: u64, field: &str, message: String) {
        self.errors.push(LineError { line, field: field.to_owned(), message });
    }
}
