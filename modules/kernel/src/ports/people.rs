use std::collections::HashMap;

use async_trait::async_trait;

use super::Unavailable;
use crate::id::CustomerId;

/// Where somebody with an account is written to. It has no `Debug`: an address is in no log.
#[derive(Clone, PartialEq, Eq)]
pub struct Contact {
    /// The address.
    pub email: String,
}

/// Knows how people are reached.
#[async_trait]
pub trait People: Send + Sync {
    /// The addresses of those who have one; guests have none.
    async fn contacts(
        &self,
        people: &[CustomerId],
    ) -> Result<HashMap<CustomerId, Contact>, Unavailable>;
}
