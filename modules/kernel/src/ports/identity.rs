use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Unavailable;
use crate::id::{CustomerId, SessionId};

/// What a caller may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// A shopper without an account: has a cart and may order.
    Guest,
    /// A shopper with an account.
    Customer,
    /// Works in the shop: everything under `/v1/admin` but settings.
    Staff,
    /// May do everything.
    Admin,
}

/// Who is calling.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// The caller.
    pub id: CustomerId,
    /// What they may do.
    pub role: Role,
    /// The login the access token came from.
    pub session: SessionId,
}

/// Why a token was not accepted.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// Malformed, expired, revoked, or not ours; the caller is not told which.
    #[error("the access token is not valid")]
    Refused,
    /// Nothing is known.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// Tells who a token belongs to.
#[async_trait]
pub trait Identity: Send + Sync {
    /// The caller behind an access token.
    async fn authenticate(&self, token: &str) -> Result<Principal, IdentityError>;
}
