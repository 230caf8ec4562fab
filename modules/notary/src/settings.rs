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
    /// Who is shown the log's checkpoints and signs that it only grows.
    pub witnesses: Vec<WitnessSettings>,
    /// How often they are shown the newest checkpoint, in milliseconds.
    pub witness_every_ms: u64,
}

/// A witness (C2SP's tlog-witness).
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WitnessSettings {
    /// Where it is; `/add-checkpoint` is put behind it.
    pub url: String,
    /// Its public key, `name+id+key`.
    pub key: String,
}
