use std::collections::HashSet;

use kernel::problem::FieldError;

use super::{IGNORED_MAX, ImportError, Reader, Report};
use crate::domain::{ImportRow, LineError, row};

/// How many records are done in one unit of work.
const BATCH: i64 = 500;

/// Records that are done together.
#[derive(Default)]
pub(crate) struct Batch {
    pub rows: Vec<(u64, ImportRow)>,
    /// Records of it that could not be read.
    pub unreadable: Vec<LineError>,
    pub records: i64,
    /// How much of the file is read with it.
    pub bytes: u64,
    /// Nothing comes after it.
    pub is_last: bool,
}

/// A record with its line, read or not.
type Numbered = (u64, Result<ImportRow, FieldError>);

/// The records of a file in batches.
pub(crate) struct Batches<'f> {
    reader: Reader<'f>,
    /// Read, but of the next batch.
    kept: Option<Numbered>,
}

impl<'f> Batches<'f> {
    pub(crate) fn new(reader: Reader<'f>) -> Self {
        Self { reader, kept: None }
    }

    pub(crate) fn skip(&mut self, records: i64) -> Result<(), ImportError> {
        for _ in 0..records {
            self.reader.next()?;
        }
        Ok(())
    }

    /// The next records, among which no SKU comes twice: a product has one event a commit.
    pub(crate) fn next(&mut self, report: &mut Report) -> Result<Batch, ImportError> {
        let mut batch = self.fill(report)?;
        batch.bytes = self.reader.bytes();
        Ok(batch)
    }

    fn fill(&mut self, report: &mut Report) -> Result<Batch, ImportError> {
        let mut batch = Batch::default();
        let mut skus = HashSet::new();
        loop {
            let next = match self.kept.take() {
                Some(kept) => Some(kept),
                None => self.read(report)?,
            };
            let Some((line, record)) = next else {
                batch.is_last = true;
                return Ok(batch);
            };
            let comes_twice =
                record.as_ref().is_ok_and(|row: &ImportRow| !skus.insert(row.sku.clone()));
            if comes_twice || batch.records == BATCH {
                self.kept = Some((line, record));
                return Ok(batch);
            }
            batch.records += 1;
            match record {
                Ok(row) => batch.rows.push((line, row)),
                Err(FieldError { field, message }) => {
                    batch.unreadable.push(LineError { line, field, message });
                }
            }
        }
    }

    fn read(&mut self, report: &mut Report) -> Result<Option<Numbered>, ImportError> {
        let Some((line, record)) = self.reader.next()? else { return Ok(None) };
        let ignored = |name: &str| {
            if report.ignored_fields.len() < IGNORED_MAX {
                report.ignored_fields.insert(name.to_owned());
            }
        };
        Ok(Some((line, record.and_then(|record| row(record, ignored)))))
    }
}
