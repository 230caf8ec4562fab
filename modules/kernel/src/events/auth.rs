use serde::{Deserialize, Serialize};

use super::publishes;
use crate::id::{CustomerId, SessionId};

/// Somebody opened an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CustomerRegistered {
    /// The new customer.
    pub customer_id: CustomerId,
}

/// A session was ended, so that its tokens are no longer good.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionRevoked {
    /// The session.
    pub session_id: SessionId,
    /// Whose it was.
    pub customer_id: CustomerId,
    /// `logout`, or `refresh_reused` when an old refresh token came back.
    pub reason: String,
}

publishes! { "stoa.auth":
    CustomerRegistered = "customer.registered" about customer_id;
    SessionRevoked = "session.revoked" about session_id;
}
