//! Who was erased, so that no backup brings them back.

use std::collections::BTreeMap;
use std::path::Path;

use kernel::Clock;
use kernel::id::CustomerId;
use privacy::{Erasure, Privacy};
use serde::{Deserialize, Serialize};

use super::{Result, at, refused};
use crate::app::open_database;
use crate::settings::Settings;

/// The file of those who were erased once and cannot be erased again yet, in the folder that nodes share.
pub(super) const OWED: &str = "erasures.owed";

/// Those who were erased. It names them by their ids alone.
pub type Erasures = BTreeMap<CustomerId, Erasure>;

/// A line of the file that tells of them.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    person: CustomerId,
    with_records: bool,
}

/// Everybody who was erased in a shop, or is to be again, whose databases are left as they are.
pub async fn erasures(settings: &Settings) -> Result<Erasures> {
    let db = open_database(settings, &privacy::SCHEMA, &Clock::system()).await?;
    // Refused where nobody is to work on it.
    let is_ours = platform::sql::applied(&db).await;
    let erased = Privacy::erasures(&db).await;
    db.close().await;
    is_ours?;
    let mut erased = erased?;
    for (person, erasure) in owed(settings)? {
        add(&mut erased, person, erasure);
    }
    Ok(erased)
}

/// Those whom an earlier restore could not erase again.
pub(super) fn owed(settings: &Settings) -> Result<Erasures> {
    let file = settings.shared_folder().join(OWED);
    if file.exists() { read_erasures(&file) } else { Ok(Erasures::new()) }
}

/// They as lines of JSON.
pub fn write_erasures(erasures: &Erasures) -> String {
    let line = |(person, erasure): (&CustomerId, &Erasure)| {
        let line = Line { person: *person, with_records: erasure.records };
        // Nothing in it can fail to be written.
        serde_json::to_string(&line).unwrap_or_default() + "\n"
    };
    erasures.iter().map(line).collect()
}

/// Reads what [`write_erasures`] wrote. A line that says nothing is refused: somebody would be brought back.
pub fn read_erasures(file: &Path) -> Result<Erasures> {
    let text = std::fs::read_to_string(file).map_err(at(file))?;
    let mut erasures = Erasures::new();
    for (n, line) in text.lines().enumerate() {
        let Ok(Line { person, with_records }) = serde_json::from_str(line) else {
            return refused(format!("{}: line {} names nobody", file.display(), n + 1));
        };
        add(&mut erasures, person, Erasure { records: with_records });
    }
    Ok(erasures)
}

/// Adds somebody: what was ever erased of them is.
pub(super) fn add(erasures: &mut Erasures, person: CustomerId, erasure: Erasure) {
    let known = erasures.entry(person).or_insert(erasure);
    known.records |= erasure.records;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_was_erased_is_written_and_read() {
        let (ada, bob) = (CustomerId::new(), CustomerId::new());
        let erasures =
            Erasures::from([(ada, Erasure { records: false }), (bob, Erasure { records: true })]);
        let file = platform::testing::folder().join("erasures.jsonl");
        let text = write_erasures(&erasures);
        std::fs::write(&file, &text).unwrap();
        assert_eq!(read_erasures(&file).unwrap(), erasures);
        // The same person twice: what was ever erased is.
        let twice = format!("{text}{{\"person\":\"{ada}\",\"with_records\":true}}\n{text}");
        std::fs::write(&file, twice).unwrap();
        assert!(read_erasures(&file).unwrap()[&ada].records);
        std::fs::write(&file, format!("{text}ada\n")).unwrap();
        let error = read_erasures(&file).unwrap_err();
        assert!(error.to_string().ends_with("line 3 names nobody"), "{error}");
    }
}
