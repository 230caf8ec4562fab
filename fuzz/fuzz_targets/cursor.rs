//! Cursors of pages. One that was made is read back as it was; anything else is a problem that names
//! the field, or a position whose own cursor leads to the same place.
#![no_main]

use std::fmt::Debug;

use kernel::Timestamp;
use kernel::id::ProductId;
use kernel::page::{PageQuery, cursor};
use kernel::problem::code;
use libfuzzer_sys::fuzz_target;
use serde::{Deserialize, Serialize};

fuzz_target!(|text: &str| {
    let number = i64::from_le_bytes(text.as_bytes().first_chunk().copied().unwrap_or_default());
    made_and_read(&(text.to_owned(), number));
    made_and_read(&Some(vec![text.to_owned()]));

    read_as_each(text);
    // The text as a position: chance alone seldom makes hexadecimal that is JSON.
    read_as_each(&text.bytes().map(|byte| format!("{byte:02x}")).collect::<String>());
});

fn read_as_each(text: &str) {
    read::<i64>(text);
    read::<Timestamp>(text);
    read::<(ProductId, i64)>(text);
    read::<(String, Option<i64>)>(text);
}

fn query(text: String) -> PageQuery {
    PageQuery { limit: None, cursor: Some(text) }
}

fn made_and_read<K: Serialize + for<'de> Deserialize<'de> + PartialEq + Debug>(position: &K) {
    let read = query(cursor(position)).position::<K>().expect("a cursor that was made");
    assert_eq!(read.as_ref(), Some(position));
}

fn read<K: Serialize + for<'de> Deserialize<'de> + PartialEq + Debug>(text: &str) {
    match query(text.to_owned()).position::<K>() {
        Ok(position) => made_and_read(&position.expect("a cursor was given")),
        Err(problem) => {
            assert_eq!(problem.code, code::INVALID_VALUE.word);
            assert_eq!(problem.errors[0].field, "cursor");
        }
    }
}
