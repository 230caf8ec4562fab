//! What the module does when events are published.

pub(crate) mod send_letters;
