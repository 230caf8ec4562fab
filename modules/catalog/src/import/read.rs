use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};

use kernel::problem::FieldError;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::{Format, ImportError, Source};

/// The longest line of a JSONL file, in bytes.
const LINE_MAX: u64 = 1 << 20;
/// How much of a file is read at a time, in bytes.
const BUFFER: usize = 1 << 16;

/// A record as it was read, or why it could not be.
pub(crate) type Record = Result<Map<String, Value>, FieldError>;

/// Tells a file from every other one, and how long it is.
pub(crate) fn fingerprint(file: &mut dyn Source) -> Result<(String, u64), ImportError> {
    let mut hash = Sha256::new();
    let mut buffer = vec![0; BUFFER];
    let mut bytes = 0;
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            break;
        }
        hash.update(&buffer[..read]);
        bytes += read as u64;
    }
    file.seek(SeekFrom::Start(0))?;
    Ok((hex::encode(hash.finalize()), bytes))
}

/// Reads the records of a file, one after another.
pub(crate) enum Reader<'f> {
    Jsonl { file: BufReader<&'f mut dyn Source>, line: u64, bytes: u64 },
    Csv { file: csv::Reader<&'f mut dyn Source>, names: csv::StringRecord, first: csv::Position },
}

impl<'f> Reader<'f> {
    pub(crate) fn new(file: &'f mut dyn Source, format: Format) -> Result<Self, ImportError> {
        match format {
            Format::Jsonl => {
                let file = BufReader::with_capacity(BUFFER, file);
                Ok(Self::Jsonl { file, line: 0, bytes: 0 })
            }
            Format::Csv => {
                let mut builder = csv::ReaderBuilder::new();
                let mut file = builder.buffer_capacity(BUFFER).flexible(false).from_reader(file);
                let names = file.headers()?.clone();
                let first = file.position().clone();
                Ok(Self::Csv { file, names, first })
            }
        }
    }

    /// The names of the columns; JSON lines have none.
    pub(crate) fn columns(&self) -> Option<&csv::StringRecord> {
        match self {
            Self::Jsonl { .. } => None,
            Self::Csv { names, .. } => Some(names),
        }
    }

    /// How many bytes are read.
    pub(crate) fn bytes(&self) -> u64 {
        match self {
            Self::Jsonl { bytes, .. } => *bytes,
            Self::Csv { file, .. } => file.position().byte(),
        }
    }

    /// Goes back to the first record.
    pub(crate) fn rewind(&mut self) -> Result<(), ImportError> {
        match self {
            Self::Jsonl { file, line, bytes } => {
                (*line, *bytes) = (0, 0);
                file.seek(SeekFrom::Start(0))?;
            }
            Self::Csv { file, first, .. } => file.seek(first.clone())?,
        }
        Ok(())
    }

    /// The next record and the line it begins on; none at the end.
    pub(crate) fn next(&mut self) -> Result<Option<(u64, Record)>, ImportError> {
        match self {
            Self::Jsonl { file, line, bytes } => next_line(file, line, bytes),
            Self::Csv { file, names, .. } => next_row(file, names),
        }
    }
}

fn next_line(
    file: &mut BufReader<&mut dyn Source>,
    line: &mut u64,
    bytes: &mut u64,
) -> Result<Option<(u64, Record)>, ImportError> {
    let mut text = Vec::new();
    loop {
        text.clear();
        let read = file.by_ref().take(LINE_MAX).read_until(b'\n', &mut text)? as u64;
        if read == 0 {
            return Ok(None);
        }
        *line += 1;
        *bytes += read;
        if read == LINE_MAX && text.last() != Some(&b'\n') {
            *bytes += skip_line(file)?;
            return Ok(Some((*line, Err(whole(format!("a line has at most {LINE_MAX} bytes"))))));
        }
        if !text.trim_ascii().is_empty() {
            return Ok(Some((*line, object(&text))));
        }
    }
}

fn skip_line(file: &mut BufReader<&mut dyn Source>) -> Result<u64, ImportError> {
    let mut skipped = 0;
    loop {
        let buffer = file.fill_buf()?;
        if buffer.is_empty() {
            return Ok(skipped);
        }
        let (length, ended) = match buffer.iter().position(|byte| *byte == b'\n') {
            Some(end) => (end + 1, true),
            None => (buffer.len(), false),
        };
        file.consume(length);
        skipped += length as u64;
        if ended {
            return Ok(skipped);
        }
    }
}

/// The line itself is wrong, no single field.
fn whole(message: impl Into<String>) -> FieldError {
    FieldError { field: String::new(), message: message.into() }
}

/// A JSON object. The price stays the text it was written with: a float would round it.
pub(crate) fn object(text: &[u8]) -> Record {
    let fields: BTreeMap<String, Box<RawValue>> = serde_json::from_slice(text)
        .map_err(|error| whole(format!("must be one JSON object: {error}")))?;
    let mut record = Map::new();
    for (name, raw) in fields {
        let written = raw.get();
        let is_number = written.starts_with(|c: char| c == '-' || c.is_ascii_digit());
        let value = if name == "price" && is_number {
            Value::from(written)
        } else {
            serde_json::from_str(written)
                .map_err(|error| FieldError { field: name.clone(), message: error.to_string() })?
        };
        record.insert(name, value);
    }
    Ok(record)
}

fn next_row(
    file: &mut csv::Reader<&mut dyn Source>,
    names: &csv::StringRecord,
) -> Result<Option<(u64, Record)>, ImportError> {
    let mut row = csv::StringRecord::new();
    let begins = file.position().line();
    match file.read_record(&mut row) {
        Ok(false) => Ok(None),
        Ok(true) => {
            let line = row.position().map_or(begins, csv::Position::line);
            Ok(Some((line, Ok(cells(names, &row)))))
        }
        Err(error) => {
            let line = error.position().map_or(begins, csv::Position::line);
            match error.kind() {
                csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
                    let message = format!("must have {expected_len} cells, not {len}");
                    Ok(Some((line, Err(whole(message)))))
                }
                csv::ErrorKind::Utf8 { .. } => {
                    Ok(Some((line, Err(whole("must be text in UTF-8")))))
                }
                _ => Err(error.into()),
            }
        }
    }
}

/// A row as the object that a JSON line would hold. An empty cell says nothing.
fn cells(names: &csv::StringRecord, row: &csv::StringRecord) -> Map<String, Value> {
    let mut record = Map::new();
    for (name, cell) in names.iter().zip(row).filter(|(_, cell)| !cell.trim().is_empty()) {
        let group =
            name.split_once('.').filter(|(group, _)| matches!(*group, "attributes" | "options"));
        if let Some((group, key)) = group {
            let entries = record.entry(group).or_insert_with(|| json!({}));
            if let Value::Object(entries) = entries {
                entries.insert(key.to_owned(), Value::from(cell));
            }
            continue;
        }
        let value = match name {
            "categories" | "images" | "former_slugs" => list(cell),
            "attributes" | "options" | "translations" | "related" => {
                serde_json::from_str(cell).unwrap_or(Value::from(cell))
            }
            "stock" | "weight_g" | "min_quantity" => {
                cell.trim().parse::<i64>().map_or(Value::from(cell), Value::from)
            }
            _ => Value::from(cell),
        };
        record.insert(name.to_owned(), value);
    }
    record
}

/// Texts between `|`, or a JSON list of texts, which may hold that character too.
fn list(cell: &str) -> Value {
    let json = || serde_json::from_str::<Vec<String>>(cell).ok();
    if let Some(texts) = cell.starts_with('[').then(json).flatten() {
        return texts.into();
    }
    cell.split('|').map(str::trim).map(Value::from).collect()
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use proptest::prelude::*;

    use super::*;

    fn read(text: &[u8], format: Format) -> Vec<(u64, Record)> {
        let mut file = Cursor::new(text.to_vec());
        let mut reader = Reader::new(&mut file, format).unwrap();
        std::iter::from_fn(|| reader.next().unwrap()).collect()
    }

    #[test]
    fn a_price_keeps_its_digits() {
        let lines = read(b"{\"price\":0.30000000000000004}\n\n{\"price\":\"1.10\"}", Format::Jsonl);
        assert_eq!(lines[0].1.as_ref().unwrap()["price"], "0.30000000000000004");
        assert_eq!(lines[1].0, 3);
        assert_eq!(lines[1].1.as_ref().unwrap()["price"], "1.10");
    }

    #[test]
    fn a_line_that_is_too_long_harms_no_other() {
        let mut text = vec![b'x'; usize::try_from(LINE_MAX).unwrap() + 5];
        text.extend_from_slice(b"\n{\"sku\":\"A\"}\n");
        let lines = read(&text, Format::Jsonl);
        assert!(lines[0].1.is_err());
        assert_eq!(lines[1].1.as_ref().unwrap()["sku"], "A");
    }

    #[test]
    fn a_row_is_what_a_line_would_be() {
        let text = b"sku,categories,attributes.colour,options,stock,name\n\
                     A,Men|Tops,red,\"{\"\"size\"\":\"\"M\"\"}\",7,\n\
                     B,x\n";
        let rows = read(text, Format::Csv);
        let expected = json!({
            "sku": "A", "categories": ["Men", "Tops"], "attributes": {"colour": "red"},
            "options": {"size": "M"}, "stock": 7
        });
        assert_eq!(Value::Object(rows[0].1.clone().unwrap()), expected);
        assert_eq!(rows[1].0, 3);
        assert!(rows[1].1.is_err());
    }

    proptest! {
        #[test]
        fn no_bytes_break_the_readers(text in proptest::collection::vec(any::<u8>(), 0..300)) {
            read(&text, Format::Jsonl);
            let mut file = Cursor::new(text);
            if let Ok(mut reader) = Reader::new(&mut file, Format::Csv) {
                while reader.next().unwrap().is_some() {}
            }
        }
    }
}
