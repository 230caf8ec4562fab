//! Scanners, by the names that they give themselves.

use aho_corasick::{AhoCorasick, AhoCorasickKind};

use crate::FirewallError;

const NAMES: [&str; 34] = [
    "acunetix",
    "arachni",
    "burpcollaborator",
    "commix",
    "dirbuster",
    "feroxbuster",
    "ffuf",
    "fimap",
    "fuzz faster u fool",
    "gobuster",
    "grabber",
    "havij",
    "hydra",
    "interactsh",
    "jorgee",
    "masscan",
    "metasploit",
    "morfeus",
    "nessus",
    "netsparker",
    "nikto",
    "nmap",
    "nuclei",
    "oast.",
    "openvas",
    "skipfish",
    "sqlmap",
    "sqlninja",
    "w3af",
    "webinspect",
    "whatweb",
    "wpscan",
    "zgrab",
    ".nasl",
];

/// Knows scanners by their `User-Agent`.
#[derive(Debug)]
pub(crate) struct Scanners(AhoCorasick);

impl Scanners {
    /// Compiles the names.
    pub(crate) fn new() -> Result<Self, FirewallError> {
        let names = AhoCorasick::builder()
            .ascii_case_insensitive(true)
            .kind(Some(AhoCorasickKind::DFA))
            .prefilter(false)
            .build(NAMES)?;
        Ok(Self(names))
    }

    /// Whether a `User-Agent` names a scanner.
    pub(crate) fn names(&self, agent: &str) -> bool {
        self.0.is_match(agent)
    }
}
