use std::sync::Arc;

use async_trait::async_trait;
use uuid::Uuid;

use super::{DataKey, Unavailable};
use crate::id::CustomerId;

/// The key that what is kept about a person is sealed under. It has no `Debug` that shows it.
pub struct PersonKey {
    /// Its id, which stands before what it sealed.
    pub id: Uuid,
    /// The key.
    pub key: DataKey,
}

/// Why what is kept about somebody is kept, and so for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// To serve them: until they are erased.
    Service,
    /// Because the law wants it kept, such as an invoice: it outlives their erasure.
    Records,
}

/// Why keys of people were not told.
#[derive(Debug, thiserror::Error)]
pub enum PersonKeysError {
    /// They could not be asked for.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
    /// Nobody destroyed it, and it is not there: it was lost.
    #[error("the key {id} of somebody is lost: it is not there, and nobody destroyed it")]
    Unknown {
        /// The key.
        id: Uuid,
    },
}

/// Keys of people. What is sealed under one is gone for good when the key is destroyed, in every copy and
/// backup.
#[async_trait]
pub trait PersonKeys: Send + Sync {
    /// The key that seals what is kept about a person from now on; made for whoever has none. None for
    /// whoever was erased.
    async fn of(
        &self,
        person: CustomerId,
        purpose: Purpose,
    ) -> Result<Option<Arc<PersonKey>>, Unavailable>;

    /// The keys of these ids that are not destroyed. One that was never made is an error, so that a key that
    /// was lost is not taken for somebody's erasure.
    async fn by_ids(&self, ids: &[Uuid]) -> Result<Vec<Arc<PersonKey>>, PersonKeysError>;
}
