use async_trait::async_trait;
use uuid::Uuid;

use super::Unavailable;

/// A mail to one person. It may hold a secret, so it has no `Debug` and only its kind is logged.
#[derive(Clone, PartialEq, Eq)]
pub struct Mail {
    /// The letter or message; a mailer that is handed the same one twice delivers it once where it can.
    pub id: Uuid,
    /// Which letter, e.g. `reset_password`.
    pub kind: String,
    /// The address.
    pub to: String,
    /// The line above.
    pub subject: String,
    /// The plain text.
    pub text: String,
    /// The same for programs that show HTML.
    pub html: Option<String>,
}

/// Delivers mail.
#[async_trait]
pub trait Mailer: Send + Sync {
    /// Hands a mail over for delivery.
    async fn send(&self, mail: &Mail) -> Result<(), Unavailable>;
}
