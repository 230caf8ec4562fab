use serde::Deserialize;

/// How the log is kept.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// What the log is called in everything that is signed. The key takes this name when it is made and
    /// keeps it.
    pub origin: String,
    /// How often it is looked for what is to be sealed, in milliseconds.
    pub poll_ms: u64,
    /// How long a node may be silent before another seals in its place, in milliseconds.
    pub lease_ms: i64,
}
