//! Headers that were read and broke no rule. A browser sends the same ones with every request, and
//! they are the longest texts of most. What a text breaks depends on the text alone.

use std::cell::RefCell;
use std::collections::HashSet;

/// How many are remembered by a thread; then it begins anew.
const KNOWN_MAX: usize = 1_024;
/// The longest that is remembered, in bytes.
const LENGTH_MAX: usize = 512;

thread_local! {
    static KNOWN: RefCell<HashSet<Box<str>>> = RefCell::default();
}

/// Whether a header was read before and broke no rule.
pub(crate) fn knows(text: &str) -> bool {
    KNOWN.with_borrow(|known| known.contains(text))
}

/// Remembers a header that broke no rule.
pub(crate) fn remember(text: &str) {
    if text.len() > LENGTH_MAX {
        return;
    }
    KNOWN.with_borrow_mut(|known| {
        if known.len() >= KNOWN_MAX {
            known.clear();
        }
        known.insert(text.into());
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_remembered_is_bounded() {
        assert!(!knows("a browser"));
        remember("a browser");
        assert!(knows("a browser"));
        remember(&"x".repeat(LENGTH_MAX + 1));
        for number in 0..3 * KNOWN_MAX {
            remember(&format!("browser {number}"));
        }
        KNOWN.with_borrow(|known| {
            assert!(known.len() <= KNOWN_MAX);
            assert!(known.iter().all(|text| text.len() <= LENGTH_MAX));
        });
    }
}
