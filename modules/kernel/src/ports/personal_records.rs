use async_trait::async_trait;

use super::Unavailable;
use crate::id::CustomerId;

/// A part of the house that keeps something about people.
#[async_trait]
pub trait PersonalRecords: Send + Sync {
    /// What it keeps about a person, as JSON for them to read: in the words of the API, and no secret.
    async fn records(&self, person: CustomerId) -> Result<serde_json::Value, Unavailable>;
}
