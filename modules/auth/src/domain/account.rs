use kernel::id::CustomerId;
use kernel::ports::Role;

use crate::error::Invalid;

/// The longest name, in characters.
pub(crate) const NAME_CHARS_MAX: usize = 100;

/// Somebody who shops or works here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Account {
    pub id: CustomerId,
    /// The name of their role.
    pub role: String,
    /// None for a guest.
    pub email: Option<String>,
    /// Whether they have shown that letters to that address reach them.
    pub verified: bool,
    /// None for a guest.
    pub name: Option<String>,
    /// The customer group that the staff put them into.
    pub group: Option<String>,
}

impl Account {
    /// Whether it is of somebody who works in the shop.
    pub(crate) fn works_here(&self) -> bool {
        !matches!(self.role.parse(), Ok(Role::Guest | Role::Customer))
    }
}

/// What a person wants to be called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Name(String);

impl Name {
    pub(crate) fn new(text: &str) -> Result<Self, Invalid> {
        let text = text.trim();
        let chars = text.chars().count();
        if (1..=NAME_CHARS_MAX).contains(&chars) && !text.chars().any(char::is_control) {
            return Ok(Self(text.to_owned()));
        }
        let message = "must be 1 to 100 characters without control characters";
        Err(Invalid { field: "name", message })
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_name_is_trimmed_and_bounded() {
        assert_eq!(Name::new("  Ada Lovelace ").unwrap().as_str(), "Ada Lovelace");
        assert!(Name::new("   ").is_err());
        assert!(Name::new("a\nb").is_err());
        assert!(Name::new(&"é".repeat(100)).is_ok());
        assert!(Name::new(&"é".repeat(101)).is_err());
    }

    proptest! {
        #[test]
        fn an_accepted_name_is_accepted_again_unchanged(text in ".{0,110}") {
            if let Ok(name) = Name::new(&text) {
                prop_assert_eq!(Name::new(name.as_str()).unwrap(), name);
            }
        }
    }
}
