//! Paths and queries of one meaning. A canonical path is its own canonical form and means what the
//! path meant; what passes holds nothing that a second reader would take for something else.
#![no_main]

use std::borrow::Cow;

use firewall::normalize;
use libfuzzer_sys::fuzz_target;
use percent_encoding::percent_decode_str;

fuzz_target!(|raw: &str| {
    if let Ok(canonical) = normalize::path(raw) {
        assert_eq!(normalize::path(&canonical).as_ref(), Ok(&canonical), "{raw:?}");
        let meant = once(raw).expect("UTF-8");
        assert_eq!(once(&canonical).expect("UTF-8"), meant, "another path");
        assert_eq!(once(&meant).expect("UTF-8"), meant, "something is left to decode");
        let slashes = |text: &str| text.split('/').count();
        assert_eq!(slashes(raw), slashes(&meant), "a slash that only some readers see");
        assert!(!meant.split('/').any(|segment| matches!(segment, "." | "..")), "{meant:?}");
        assert!(!meant.contains("//") && !meant.contains('\\'), "{meant:?}");
        assert!(canonical.bytes().all(|byte| byte.is_ascii_graphic()), "{canonical:?}");
        assert_no_stray(&meant);
    }
    if normalize::query(raw).is_ok() {
        let meant_to_replace = once(raw).is_some_and(|text| text.contains('\u{fffd}'));
        for (name, value) in form_urlencoded::parse(raw.as_bytes()) {
            for text in [name, value] {
                assert_no_stray(&text);
                assert!(meant_to_replace || !text.contains('\u{fffd}'), "no UTF-8: {raw:?}");
            }
        }
    }
});

/// A text decoded once by a library that the firewall does not use.
fn once(text: &str) -> Option<Cow<'_, str>> {
    percent_decode_str(text).decode_utf8().ok()
}

fn assert_no_stray(text: &str) {
    let stray = |letter: char| letter.is_control() && !matches!(letter, '\t' | '\n' | '\r');
    assert!(!text.contains(stray), "{text:?}");
}
