//! API keys: a visible prefix that tells them apart, and a secret that is shown once.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::TimeDelta;
use kernel::id::{ApiKeyId, CustomerId};
use kernel::{Permission, Permissions, Timestamp};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use utoipa::ToSchema;

use crate::error::Invalid;

/// What every key begins with, so that scanners for leaked secrets find it.
pub(crate) const KEY_HEAD: &str = "stoa_";
/// The most live keys of a shop.
pub(crate) const KEYS_MAX: i64 = 1_000;
/// How long ago a key must have been used before that is written down again.
pub(crate) const USE_NOTED_EVERY: TimeDelta = TimeDelta::seconds(60);
/// How many requests a second a key may be limited to at most.
pub(crate) const RATE_MAX: u32 = 100_000;
/// The most characters of a key's name.
const NAME_CHARS_MAX: usize = 100;
/// What only people may do, who can show a second factor.
const NEVER: Permissions = Permissions::of(&[Permission::KeysWrite, Permission::RolesWrite]);

/// A new key as it is shown once.
pub(crate) struct FreshKey {
    pub prefix: String,
    pub text: String,
}

impl FreshKey {
    pub(crate) fn from_bytes(prefix: [u8; 5], secret: [u8; 32]) -> Self {
        let prefix = hex::encode(prefix);
        let text = format!("{KEY_HEAD}{prefix}_{}", URL_SAFE_NO_PAD.encode(secret));
        Self { prefix, text }
    }
}

/// What is stored of a key. A fast hash is enough for 256 random bits.
pub(crate) fn hash(text: &str) -> String {
    hex::encode(Sha256::digest(text))
}

/// A key, without its secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct ApiKey {
    /// The key, and who it is in the audit log.
    pub id: ApiKeyId,
    /// What it is for.
    #[schema(example = "warehouse scanner")]
    pub name: String,
    /// What its text begins with after `stoa_`.
    #[schema(example = "9f86d081c4")]
    pub prefix: String,
    /// What it may do, as far as whoever made it still may.
    #[schema(value_type = Vec<Permission>)]
    pub permissions: Permissions,
    /// How many requests a second it may make; absent is the route's own limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate_per_s: Option<u32>,
    /// Who made it.
    pub made_by: CustomerId,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// From when on it is refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub expires_at: Option<Timestamp>,
    /// When it was last used, to the minute.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub last_used_at: Option<Timestamp>,
    /// Since when it is revoked.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub revoked_at: Option<Timestamp>,
}

/// What somebody says of a new key.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewApiKey {
    /// What it is for.
    #[schema(example = "warehouse scanner", min_length = 1, max_length = 100)]
    pub name: String,
    /// What it may do: never more than whoever makes it, and neither `keys.write` nor `roles.write`.
    #[schema(value_type = Vec<Permission>)]
    pub permissions: Permissions,
    /// How many requests a second it may make, 1 to 100000; absent is the route's own limit.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 100_000)]
    pub rate_per_s: Option<u32>,
    /// From when on it is refused; absent is never.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub expires_at: Option<Timestamp>,
}

impl NewApiKey {
    /// Refuses what no key can be. Whether its maker may do as much is not known here.
    pub(crate) fn check(&self, now: Timestamp) -> Result<(), Invalid> {
        let invalid = |field, message| Err(Invalid { field, message });
        let chars = self.name.chars().count();
        if !(1..=NAME_CHARS_MAX).contains(&chars)
            || self.name.trim() != self.name
            || self.name.chars().any(char::is_control)
        {
            return invalid(
                "name",
                "must be 1 to 100 characters without control characters or outer spaces",
            );
        }
        if self.permissions.is_empty() {
            return invalid("permissions", "must name at least one permission");
        }
        if !self.permissions.and(NEVER).is_empty() {
            return invalid("permissions", "a key cannot have keys.write or roles.write");
        }
        if self.rate_per_s.is_some_and(|rate| !(1..=RATE_MAX).contains(&rate)) {
            return invalid("rate_per_s", "must be 1 to 100000");
        }
        if self.expires_at.is_some_and(|end| end <= now) {
            return invalid("expires_at", "must be in the future");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;

    #[test]
    fn a_key_is_found_by_its_prefix_and_checked_by_its_hash() {
        let key = FreshKey::from_bytes([0xab; 5], [7; 32]);
        assert!(key.text.starts_with("stoa_ababababab_"), "{}", key.text);
        assert_eq!(key.text.len(), 5 + 10 + 1 + 43);
        assert_ne!(hash(&key.text), hash(&FreshKey::from_bytes([0xab; 5], [8; 32]).text));
    }

    #[test]
    fn what_no_key_can_be_is_refused() {
        let now = DateTime::from_timestamp(1_000, 0).unwrap();
        let good = NewApiKey {
            name: "scanner".to_owned(),
            permissions: Permissions::of(&[Permission::StockRead]),
            rate_per_s: Some(5),
            expires_at: DateTime::from_timestamp(1_001, 0),
        };
        assert!(good.check(now).is_ok());
        let field = |key: NewApiKey| key.check(now).unwrap_err().field;
        assert_eq!(field(NewApiKey { name: " a".to_owned(), ..good.clone() }), "name");
        assert_eq!(field(NewApiKey { name: String::new(), ..good.clone() }), "name");
        assert_eq!(field(NewApiKey { rate_per_s: Some(0), ..good.clone() }), "rate_per_s");
        assert_eq!(field(NewApiKey { expires_at: Some(now), ..good.clone() }), "expires_at");
        for permissions in [Permissions::NONE, Permissions::of(&[Permission::RolesWrite])] {
            assert_eq!(field(NewApiKey { permissions, ..good.clone() }), "permissions");
        }
    }
}
