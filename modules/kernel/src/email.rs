//! E-mail addresses, in the one spelling by which the house compares them.

/// The longest address (RFC 5321, a path without its brackets), in bytes.
pub const EMAIL_MAX: usize = 254;
/// The longest part before the `@`, in bytes.
const LOCAL_MAX: usize = 64;
/// The longest label of a domain, in bytes.
const LABEL_MAX: usize = 63;

/// What an address looks like, for whoever wrote another one.
pub const EMAIL_SHAPE: &str =
    "must be an e-mail address such as ada@example.com, of at most 254 characters";

/// The one spelling of an e-mail address; None when the text is none.
///
/// All of it is lower case: RFC 5321 lets the part before the `@` be case-sensitive, but no
/// provider of note makes it so, and two accounts that differ in a capital letter help only a
/// thief. Quoted local parts and address literals are refused; a domain in another script is
/// written in its ASCII form (`xn--...`).
pub fn email(text: &str) -> Option<String> {
    let text = text.trim();
    let (local, domain) = text.rsplit_once('@')?;
    let shaped = text.len() <= EMAIL_MAX && is_local(local) && is_domain(domain);
    shaped.then(|| text.to_ascii_lowercase())
}

/// RFC 5322's dot-atom.
fn is_local(text: &str) -> bool {
    let is_atext = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c);
    text.len() <= LOCAL_MAX
        && text.split('.').all(|atom| !atom.is_empty() && atom.chars().all(is_atext))
}

fn is_domain(text: &str) -> bool {
    let is_label = |label: &str| {
        (1..=LABEL_MAX).contains(&label.len())
            && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let top = text.rsplit('.').next().unwrap_or_default();
    text.contains('.') && text.split('.').all(is_label) && !top.chars().all(|c| c.is_ascii_digit())
}
