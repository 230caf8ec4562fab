//! Who may ask a card number for its digits.

use std::fs;
use std::path::Path;

use crate::tidy::{code_of, rust_files};

/// The number itself, the vault that seals it, and the processor that charges it.
const MAY_ASK: [&str; 4] = [
    "modules/kernel/src/card.rs",
    "modules/payment/src/sandbox/http/money.rs",
    "modules/payment/src/sandbox/port.rs",
    "modules/vault/src/domain/seal.rs",
];

#[test]
fn only_the_vault_and_the_processor_see_the_digits_of_a_card() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let asks = |file: &Path| code_of(&fs::read_to_string(file).unwrap()).contains("expose_digits");
    let sources = ["src", "modules"].iter().flat_map(|folder| rust_files(&root.join(folder)));
    let asking = sources.filter(|file| !file.iter().any(|part| part == "tests") && asks(file));
    let asking: Vec<String> =
        asking.map(|file| file.strip_prefix(root).unwrap().display().to_string()).collect();
    assert_eq!(asking, MAY_ASK);
}
