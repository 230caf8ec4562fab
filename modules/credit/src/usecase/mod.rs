//! What the module does, one file for each.

pub mod cover;
pub mod expire;
pub mod give_back;
pub mod grant;
pub mod issue;
pub mod spend;
