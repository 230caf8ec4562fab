//! The module's tables, one file for each kind of thing.

pub(crate) mod accounts;
pub(crate) mod api_keys;
pub(crate) mod attempts;
pub(crate) mod erase;
pub(crate) mod factors;
pub(crate) mod letters;
pub(crate) mod passkeys;
pub(crate) mod personal;
pub(crate) mod plain;
pub(crate) mod roles;
pub(crate) mod sessions;

/// How many rows of a kind one round of pruning deletes.
pub(crate) const PRUNE_MAX: i64 = 1_000;
