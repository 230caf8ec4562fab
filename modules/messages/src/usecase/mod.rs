//! What the module does.

pub(crate) mod letters;
