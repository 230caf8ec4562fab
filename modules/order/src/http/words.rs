//! What the staff may call things.

use kernel::problem::Problem;

/// The longest code, in characters.
const CODE_MAX: usize = 40;
/// The longest name, in characters.
const NAME_MAX: usize = 200;

/// Refuses what is no code: letters, digits and dashes.
pub(super) fn check_code(field: &str, text: &str) -> Result<(), Problem> {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
    if (1..=CODE_MAX).contains(&text.len()) && text.chars().all(plain) {
        return Ok(());
    }
    Err(Problem::invalid(field, format!("must be 1 to {CODE_MAX} letters, digits and dashes")))
}

/// Refuses what is no name for people.
pub(super) fn check_name(field: &str, text: &str) -> Result<(), Problem> {
    let is_long = text.chars().count() > NAME_MAX;
    if text.trim().is_empty() || is_long || text.chars().any(char::is_control) {
        let allowed = format!("must be 1 to {NAME_MAX} printable characters");
        return Err(Problem::invalid(field, allowed));
    }
    Ok(())
}
