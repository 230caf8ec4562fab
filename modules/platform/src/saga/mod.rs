//! Sagas: work that spans modules, step by step, with an undo for each step.
//!
//! A saga is its typed state. A step runs outside of any commit, with commands that are idempotent.
//! The node that commits a saga runs it at once. Steps that are done one after the other are recorded
//! together: when the saga ends, waits, is refused or has not been recorded for a while. Whoever
//! takes a saga over runs those steps again, which changes nothing, and if it gives up it undoes
//! from the last step on, because nobody knows how far the one before had come.
//!
//! ```text
//! forward ── step done ──▶ next step ── ... ──▶ done
//!    │  ▲ waiting, or outcome unknown: again later
//!    │ refused (undo from the step before) · given up, past the deadline (undo from this step on)
//!    │ abandoned by a command (undo from the last step on)
//!    ▼
//! undoing ── step undone ──▶ step before ── ... ──▶ undone
//!    │ keeps failing
//!    ▼
//!  stuck ── `stoa sagas retry` ──▶ undoing
//! ```
//!
//! A claim is one UPDATE that bumps the epoch and moves `due_at` to the end of the lease, so an
//! expired lease is simply due again and there is no recovery mode. Every record is fenced by the
//! epoch: a node that lost its lease changes nothing. An undo also follows a step whose outcome is
//! unknown, so it must accept that there is nothing to undo.

mod coordinator;
mod operate;
mod plan;
mod shorten;
mod store;

use async_trait::async_trait;
use kernel::{Problem, Timestamp};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::sql::{Result, Tx};

pub use coordinator::{Coordinator, Running, Settings};
pub use operate::{Instance, compensate, history, list, overdue, retry};
pub use plan::Policy;
pub use shorten::{STATEMENTS as SHORTEN_STATEMENTS, shorten};
pub use store::{STATEMENTS, Step as HistoryStep, abandon, nudge};

/// A saga: its persisted state, which the steps read and extend.
#[async_trait]
pub trait Saga: Serialize + DeserializeOwned + Send + Sync + 'static {
    /// Stored with every instance. A changed list of steps is another kind: `checkout.v2`.
    const KIND: &'static str;
    /// What the steps may touch.
    type Ports: Send + Sync + 'static;

    /// The steps, in order.
    fn steps() -> &'static [&'static dyn Step<Self>];

    /// What changes in the saga's own database when it begins to wait, in that commit.
    async fn waiting(&mut self, _tx: &mut Tx) -> Result<()> {
        Ok(())
    }

    /// What changes in the saga's own database when it ends, in that commit. `failure` says why
    /// its steps were undone; without one they all succeeded.
    async fn ended(&mut self, tx: &mut Tx, failure: Option<&Problem>) -> Result<()>;
}

/// One step of a saga.
#[async_trait]
pub trait Step<S: Saga>: Send + Sync {
    /// Stable: it is what people see on the timeline.
    fn name(&self) -> &'static str;

    /// Does the step. It may run more than once for one saga and must then change nothing more.
    async fn run(&self, saga: &mut S, ports: &S::Ports) -> Outcome;

    /// Takes the step back. It also follows a run of unknown outcome, may run more than once, and
    /// accepts that there is nothing to take back. An error means: again later.
    async fn undo(&self, _saga: &mut S, _ports: &S::Ports) -> std::result::Result<(), String> {
        Ok(())
    }
}

/// What came of a step.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// It is done.
    Done,
    /// It waits for something outside, at the latest until this time; then it runs again. A
    /// [`nudge`] lets it run again earlier.
    Wait(Timestamp),
    /// Nothing is known: again later.
    Retry(String),
    /// It was refused and had no effect.
    Reject(Problem),
    /// It cannot succeed and may have had an effect: its own undo comes first.
    GiveUp(Problem),
}
