use async_trait::async_trait;

use super::Unavailable;
use crate::card::Card;

/// Whoever charges cards, as the vault sees it: the only other place that is given a card's number.
#[async_trait]
pub trait CardAcceptor: Send + Sync {
    /// Makes a card known under the token that stands for it from now on. Again with the same token
    /// it changes nothing. The fingerprint is the same for the same number, whatever its token is, and nobody can make
    /// the number of it.
    async fn accept(&self, token: &str, fingerprint: &str, card: &Card) -> Result<(), Unavailable>;
}
