//! What the module does when others publish events.

pub mod edited;
pub mod erased;
pub mod guest_merged;
pub mod payment_settled;
pub mod recall;
