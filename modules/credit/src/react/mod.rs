//! What the module does when something happens to an order.

mod cancelled;

pub use cancelled::{Cancelled, TOPICS};
