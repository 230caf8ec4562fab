use async_trait::async_trait;
use secrecy::SecretBox;

use super::Unavailable;

/// A key of 256 bits. It has no `Debug` that shows it, and is wiped from memory when it is dropped.
pub type DataKey = SecretBox<[u8; 32]>;

/// A key that wraps other keys and never leaves where it lives: a file of this machine, a key
/// management service, a hardware module. What is wrapped may be stored beside what it protects.
#[async_trait]
pub trait Keys: Send + Sync {
    /// Wraps a key for one purpose, under the newest key there is.
    async fn wrap(&self, purpose: &str, key: &DataKey) -> Result<Vec<u8>, Unavailable>;

    /// The key that was wrapped for this purpose; for another, or changed, it is refused.
    async fn unwrap(&self, purpose: &str, wrapped: &[u8]) -> Result<DataKey, Unavailable>;

    /// Whether the newest key wrapped it, so that it needs no older one.
    async fn is_newest(&self, wrapped: &[u8]) -> Result<bool, Unavailable>;
}
