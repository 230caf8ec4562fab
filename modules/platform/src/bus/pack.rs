//! What every subscription has handled is packed.

use kernel::Timestamp;

use super::relay::Bus;
use super::store;
use crate::outbox;
use crate::sql::{Db, Result};

impl Bus {
    /// Packs the next thousand events of a publisher, if all of them happened before a time and every subscription has
    /// handled them. One that is parked holds back those behind it. True when there may be more.
    pub async fn pack(&self, publisher: &Db, before: Timestamp) -> Result<bool> {
        let mut reached = i64::MAX;
        for subscription in self.subscriptions() {
            for source in subscription.sources() {
                if self.publisher(source)?.module() == publisher.module() {
                    let at = store::reached(&subscription.db, subscription.name, source).await?;
                    reached = reached.min(at);
                }
            }
        }
        outbox::pack(publisher, reached, before).await
    }
}
