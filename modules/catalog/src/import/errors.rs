use std::fs::File;
use std::io::{Error, Result, Seek, SeekFrom, Write};

use crate::domain::LineError;

/// A file of the lines that were left out: CSV (RFC 4180) of line, field and message.
pub(crate) struct ErrorFile(File);

impl ErrorFile {
    pub(crate) fn new(file: File) -> Self {
        Self(file)
    }

    /// Writes errors behind the first `length` bytes, in place of what a batch that never was left
    /// there, and returns the new length. They are on the disk when this returns.
    pub(crate) fn write(&mut self, length: i64, errors: &[LineError]) -> Result<i64> {
        let length = length.unsigned_abs().min(self.0.metadata()?.len());
        self.0.set_len(length)?;
        self.0.seek(SeekFrom::Start(length))?;
        let mut csv = csv::Writer::from_writer(Vec::new());
        if length == 0 {
            csv.write_record(["line", "field", "message"])?;
        }
        for error in errors {
            csv.write_record([&error.line.to_string(), &error.field, &error.message])?;
        }
        let text = csv.into_inner().map_err(|error| Error::other(error.to_string()))?;
        if !text.is_empty() {
            self.0.write_all(&text)?;
            self.0.sync_data()?;
        }
        i64::try_from(length + text.len() as u64).map_err(Error::other)
    }
}
