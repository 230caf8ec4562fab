//! A command that a saga of a change ends, done once for its key.

use kernel::id::ChangeId;
use platform::idempotency::{self, Answer, Claim, Key};
use platform::saga::Running;
use platform::sql::Tx;

use crate::Orders;
use crate::error::OrderError;

/// What came of a command about a change.
pub enum Changed {
    /// The answer is final: the change, or what was answered the first time.
    Answered {
        /// The answer.
        answer: Answer,
        /// Whether the command had been done before.
        replayed: bool,
    },
    /// The money is on its way; look at the change.
    Running(ChangeId),
}

/// What the unit of work of such a command did.
pub(super) enum Tried {
    /// It began the saga of this change.
    Begun(ChangeId, Running),
    /// The command had been done before.
    Replayed(Answer),
}

/// What a command was answered that had been done before. That may be on its way to the disk in the very
/// group of this unit of work, whose commit says when it is there.
pub(super) async fn claimed(tx: &mut Tx, key: &Key) -> Result<Option<Answer>, OrderError> {
    match idempotency::claim(tx, key).await? {
        Claim::Done(answer) => Ok(Some(answer)),
        claim => claim.problem().map_or(Ok(None), |problem| Err(problem.into())),
    }
}

impl Orders {
    /// Waits a moment for the saga. When it takes longer, the answer is that it goes on.
    pub(super) async fn changed(&self, tried: Tried, key: &Key) -> Result<Changed, OrderError> {
        let (change, running) = match tried {
            Tried::Replayed(answer) => return Ok(Changed::Answered { answer, replayed: true }),
            Tried::Begun(change, running) => (change, running),
        };
        running.settled(self.inner.settings.answer_wait()).await;
        match idempotency::find(&self.inner.db, key).await? {
            Some(Claim::Done(answer)) => Ok(Changed::Answered { answer, replayed: false }),
            _ => Ok(Changed::Running(change)),
        }
    }
}
