//! A glance at a value, which is all that most of them get: one pass over the bytes, and one more
//! over those that could be words of an attack.

use aho_corasick::{AhoCorasick, AhoCorasickKind};

use crate::FirewallError;

/// The readers that a value is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Readers(u8);

impl Readers {
    pub(crate) const NONE: Self = Self(0);
    pub(crate) const SQL: Self = Self(1);
    pub(crate) const PATTERNS: Self = Self(2);
    pub(crate) const ADDRESS: Self = Self(4);
    const ALL: Self = Self(7);

    /// Whether one of these is among them.
    pub(crate) fn has(self, reader: Self) -> bool {
        self.0 & reader.0 != 0
    }
}

/// What a text without marks holds if it is worth a reader.
const WORDS: [(Readers, &[&str]); 3] = [
    (
        Readers::SQL,
        &[
            "select",
            "union",
            "having",
            "order by",
            "group by",
            " or ",
            " and ",
            " xor ",
            "waitfor",
            "sleep",
            "rlike",
            "regexp",
            "schema",
            "procedure",
            "div ",
            "where",
            "update",
            "delete",
            "insert",
            "replace into",
            "limit",
            "exec",
            "outfile",
            "dumpfile",
            "xp_",
            "sys",
            "declare",
        ],
    ),
    (
        Readers::PATTERNS,
        &[
            "..",
            "./.",
            "/.",
            "///",
            "/etc",
            "/proc",
            "/var/",
            "/root",
            "/home/",
            "/dev/",
            "boot/grub",
            "usr/local",
            "c:/",
            "d:/",
            "boot.ini",
            "win.ini",
            "web.config",
            "global.asa",
            "web-inf",
            "meta-inf",
            "wp-config",
            "ntuser.dat",
            "0x2",
            "0x5c",
            "bin/",
            "cmd",
            "powershell",
            "command.",
            "chmod",
            "ping -",
            "cat /",
            "cat et",
            "more /",
            "type /",
            "wget",
            "curl",
            "script",
            "java",
            "vb",
            "live:",
            "ecma",
            "mocha",
            "data:",
            "feed:",
            "view-source:",
            "jar:",
            "mhtml:",
            "res:/",
            "@import",
            "-moz-",
            "-o-link",
            "document",
            "window.",
            "self.",
            "top.",
            "parent.",
            "this.",
            "frames.",
            "location.",
            "constructor",
            "__proto__",
            "fromcharcode",
            "innerhtml",
            "outerhtml",
            "xmlhttprequest",
            "activexobject",
            "storage.",
            "adjacenthtml",
            "processbuilder",
            "classloader",
            "freemarker",
            "ognl",
            "struts",
            "process.",
            "\u{560a}",
            "\u{560d}",
        ],
    ),
    (Readers::ADDRESS, &["://"]),
];

/// What a byte is to a value, each more telling than the one before.
const IDENTIFIER: u8 = 0;
const PLAIN: u8 = 1;
const MARK: u8 = 2;

const KINDS: [u8; 256] = {
    let mut kinds = [MARK; 256];
    let mut byte = 0_u8;
    loop {
        kinds[byte as usize] = match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'-' => IDENTIFIER,
            b' ' | b'.' | b',' | b'@' | b':' | b'/' | b'+' | 0x80.. => PLAIN,
            _ => MARK,
        };
        if byte == u8::MAX {
            break;
        }
        byte += 1;
    }
    kinds
};

/// Tells which readers a value is worth.
#[derive(Debug)]
pub(crate) struct Glance {
    words: AhoCorasick,
    readers: Vec<Readers>,
}

impl Glance {
    /// Compiles the words.
    pub(crate) fn new() -> Result<Self, FirewallError> {
        let pairs =
            WORDS.iter().flat_map(|(reader, words)| words.iter().map(|word| (*reader, *word)));
        let (readers, words): (Vec<_>, Vec<_>) = pairs.unzip();
        let words = AhoCorasick::builder()
            .ascii_case_insensitive(true)
            .kind(Some(AhoCorasickKind::DFA))
            .prefilter(false)
            .build(words)?;
        Ok(Self { words, readers })
    }

    /// The readers that a value is worth; none for most.
    pub(crate) fn at(&self, value: &str) -> Readers {
        let kinds = value.bytes().fold(0, |kinds, byte| kinds | KINDS[usize::from(byte)]);
        if kinds >= MARK {
            return Readers::ALL;
        }
        if kinds == IDENTIFIER {
            return Readers::NONE;
        }
        let found = self.words.find_overlapping_iter(value);
        let readers = found.filter_map(|found| self.readers.get(found.pattern().as_usize()));
        readers.fold(Readers::NONE, |all, reader| Readers(all.0 | reader.0))
    }
}
