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
    /// Its lines are read once more, for nothing but the products that belong to theirs: these may
    /// come later in the file.
    pub relates: bool,
    /// Nothing comes after it.
    pub is_last: bool,
}

/// A record with its line, read or not.
type Numbered = (u64, Result<ImportRow, FieldError>);

/// The records of a file in batches; behind them, once more, those that name related products.
pub(crate) struct Batches<'f> {
    reader: Reader<'f>,
    /// Read, but of the next batch.
    kept: Option<Numbered>,
    has_relations: bool,
    /// How much was read when the file was through for the first time.
    first_pass: Option<u64>,
}

impl<'f> Batches<'f> {
    pub(crate) fn new(reader: Reader<'f>) -> Self {
        Self { reader, kept: None, has_relations: false, first_pass: None }
    }

    /// How many bytes are read.
    fn bytes(&self) -> u64 {
        self.first_pass.unwrap_or_else(|| self.reader.bytes())
    }

    pub(crate) fn skip(&mut self, records: i64) -> Result<(), ImportError> {
        for _ in 0..records {
            self.read(&mut Report::default())?;
        }
        Ok(())
    }

    /// The next records, among which no SKU comes twice: a product has one event a commit.
    pub(crate) fn next(&mut self, report: &mut Report) -> Result<Batch, ImportError> {
        let mut batch = self.fill(report)?;
        batch.bytes = self.bytes();
        Ok(batch)
    }

    fn fill(&mut self, report: &mut Report) -> Result<Batch, ImportError> {
        let mut batch = Batch { relates: self.first_pass.is_some(), ..Batch::default() };
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
            let goes_back = batch.relates != self.first_pass.is_some();
            if comes_twice || goes_back || batch.records == BATCH {
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
        if self.first_pass.is_none() {
            let record = self.read_one(report)?;
            if record.is_some() || !self.has_relations {
                return Ok(record);
            }
            self.first_pass = Some(self.reader.bytes());
            self.reader.rewind()?;
        }
        let relates =
            |one: &Numbered| one.1.as_ref().is_ok_and(|row: &ImportRow| row.related.is_some());
        loop {
            match self.read_one(report)? {
                Some(record) if !relates(&record) => {}
                record => return Ok(record),
            }
        }
    }

    fn read_one(&mut self, report: &mut Report) -> Result<Option<Numbered>, ImportError> {
        let Some((line, record)) = self.reader.next()? else { return Ok(None) };
        let ignored = |name: &str| {
            if report.ignored_fields.len() < IGNORED_MAX {
                report.ignored_fields.insert(name.to_owned());
            }
        };
        let row = record.and_then(|record| row(record, ignored));
        self.has_relations |= row.as_ref().is_ok_and(|row| row.related.is_some());
        Ok(Some((line, row)))
    }
}
