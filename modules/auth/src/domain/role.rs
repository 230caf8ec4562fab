//! Roles that a shop makes, beside those that every shop has.

use kernel::Permissions;
use kernel::id::RoleId;
use kernel::ports::Role;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::error::Invalid;

/// The most roles that a shop can make.
pub(crate) const ROLES_MAX: i64 = 200;
/// The fewest characters of a role's name.
const NAME_CHARS_MIN: usize = 2;
/// The most.
const NAME_CHARS_MAX: usize = 40;

/// A role that the shop made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct OwnRole {
    /// The role, in the audit log.
    pub id: RoleId,
    /// What it is called, for life.
    #[schema(example = "photographer")]
    pub name: String,
    /// What it may do.
    #[schema(value_type = Vec<kernel::Permission>)]
    pub permissions: Permissions,
    /// Counts its changes; its ETag.
    pub version: i64,
}

/// What somebody says of a new role.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"name": "photographer", "permissions": ["products.read"]}))]
pub(crate) struct NewRole {
    /// 2 to 40 lower-case letters, digits and `_`, beginning with a letter.
    #[schema(example = "photographer", min_length = 2, max_length = 40)]
    pub name: String,
    /// What it may do; never more than whoever makes it.
    #[schema(value_type = Vec<kernel::Permission>)]
    pub permissions: Permissions,
}

/// What a role may do from now on.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RoleChange {
    /// What it may do; never more than whoever changes it.
    #[schema(value_type = Vec<kernel::Permission>)]
    pub permissions: Permissions,
}

/// Refuses a name that no role can have, or that one of every shop has.
pub(crate) fn check_name(name: &str) -> Result<(), Invalid> {
    let invalid = |message| Err(Invalid { field: "name", message });
    let shaped = (NAME_CHARS_MIN..=NAME_CHARS_MAX).contains(&name.len())
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    if !shaped {
        return invalid("must be 2 to 40 lower-case letters, digits and _, a letter first");
    }
    if name.parse::<Role>().is_ok() || RESERVED.contains(&name) {
        return invalid("is the name of something that every shop has");
    }
    Ok(())
}

/// How storage marks a role that the shop made, and what API keys are called.
const RESERVED: [&str; 2] = ["own", "api_key"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_words_that_nothing_else_has() {
        for name in ["photographer", "a1", "night_shift", &"a".repeat(40)] {
            assert!(check_name(name).is_ok(), "{name}");
        }
        for name in
            ["", "a", "Admin", "1a", "_a", "a b", "a-b", "admin", "guest", "own", "api_key", "ä1"]
        {
            assert!(check_name(name).is_err(), "{name}");
        }
        assert!(check_name(&"a".repeat(41)).is_err());
    }
}
