//! The promotions that a cart is up for.

use std::time::Duration;

/// How long automatic promotions are remembered. What they may give away is guarded in the order's
/// commit, so an old answer gives nothing twice.
pub const REMEMBERED: Duration = Duration::from_secs(1);
/// The most automatic promotions of a shop.
pub const AUTOMATIC_MAX: i64 = 200;
