use async_trait::async_trait;
use kernel::Envelope;
use kernel::events::LetterWritten;
use kernel::ports::Mail;
use platform::bus::{Effect, HandlerError, Topic};

use crate::Accounts;
use crate::domain::letter::compose;
use crate::store::letters;

/// What it hears of.
pub(crate) const TOPICS: [Topic; 1] = [Topic::of::<LetterWritten>()];

/// Sends each letter that was written and is still worth it. What it opens is derived here, so that
/// no event and no table holds it.
pub(crate) struct SendLetters {
    pub accounts: Accounts,
}

#[async_trait]
impl Effect for SendLetters {
    async fn perform(&self, event: &Envelope) -> Result<(), HandlerError> {
        let Some(written) = event.open::<LetterWritten>() else { return Ok(()) };
        let id = written?.letter_id;
        let accounts = &self.accounts;
        let Some(letter) = letters::find(accounts.db(), id).await? else { return Ok(()) };
        if letter.used_at.is_some() || letter.expires_at <= accounts.db().clock().now() {
            return Ok(());
        }
        let token = accounts.secrets().letter_token(id);
        let site = &accounts.settings().site_url;
        let Some((subject, text)) = compose(letter.kind, site, &token) else { return Ok(()) };
        let kind = letter.kind.word().to_owned();
        let Some(to) = letter.address else { return Ok(()) };
        let id = id.uuid();
        let mail = Mail { id, kind, to, subject, text, html: None };
        Ok(accounts.mailer().send(&mail).await?)
    }
}
