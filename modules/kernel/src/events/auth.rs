use serde::{Deserialize, Serialize};

use super::publishes;
use crate::id::{CustomerId, LetterId, SessionId};

/// Somebody opened an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CustomerRegistered {
    /// The new customer.
    pub customer_id: CustomerId,
}

/// Somebody has shown that letters to their e-mail address reach them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CustomerVerified {
    /// The customer.
    pub customer_id: CustomerId,
}

/// Somebody was erased: what was kept to serve them is to go, everywhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CustomerErased {
    /// Who they were.
    pub customer_id: CustomerId,
    /// Whether what the law wants kept goes too.
    pub with_records: bool,
}

/// A guest has logged in: what they have gathered belongs to their account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GuestMerged {
    /// Who they were as a guest.
    pub guest_id: CustomerId,
    /// Who they are.
    pub customer_id: CustomerId,
}

/// A letter is to be sent by e-mail. What it says, and above all what it opens, is no part of this.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LetterWritten {
    /// The letter.
    pub letter_id: LetterId,
}

/// A session was ended, so that its tokens are no longer good.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionRevoked {
    /// The session.
    pub session_id: SessionId,
    /// Whose it was.
    pub customer_id: CustomerId,
    /// `logout`, `revoked`, `password_changed`, `email_changed`, `role_changed`, `merged` for a guest
    /// who logged in, or `refresh_reused` when an old refresh token came back.
    pub reason: String,
}

publishes! { "stoa.auth":
    CustomerRegistered = "customer.registered" about customer_id;
    CustomerVerified = "customer.verified" about customer_id;
    CustomerErased = "customer.erased" about customer_id;
    GuestMerged = "guest.merged" about guest_id;
    LetterWritten = "letter.written" about letter_id;
    SessionRevoked = "session.revoked" about session_id;
}
