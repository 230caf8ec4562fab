//! Messages to customers, written to the log: the embedded default until a mail server is set.

use async_trait::async_trait;
use kernel::ports::{Notification, Notifier, Unavailable};

/// Writes that a message is due, to whom and of which kind; not what it says.
pub struct LogNotifier;

#[async_trait]
impl Notifier for LogNotifier {
    async fn notify(&self, notification: &Notification) -> Result<(), Unavailable> {
        tracing::info!(
            kind = notification.kind, customer = %notification.customer_id,
            event = %notification.event_id, "a customer is told"
        );
        Ok(())
    }
}
