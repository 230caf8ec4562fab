//! The adversary: what shoppers and staff do to a running shop at the same moment, and a verdict on
//! each promise that was attacked.
//!
//! All that is attempted is drawn from a seed before the first request: how many come, what they
//! want, in which order and how far apart they act. So a run can be repeated and a plan compared. How
//! a running shop interleaves it is up to the machine: the same seed tries the same again, and need
//! not meet the same moment.
//!
//! It speaks HTTP only, as anybody could. Whoever runs it proves the books afterwards.

mod attacks;
mod client;
mod people;
mod plan;
mod verdict;

pub use client::Error;
pub use plan::Plan;
pub use verdict::Verdict;

use std::sync::Arc;
use std::time::Duration;

use client::Door;
use people::Staff;

/// What a call of the carrier says of itself.
#[derive(Debug, Clone)]
pub struct Signed {
    /// When it was made, in seconds since 1970.
    pub at: i64,
    /// Its signature.
    pub signature: String,
}

/// Signs a call as the shop's carrier does: of this id, made so many seconds from now, with this body.
pub type Signer = Arc<dyn Fn(&str, i64, &[u8]) -> Signed + Send + Sync>;

/// The shop that is attacked. It must be one that may be broken.
#[derive(Clone)]
pub struct Target {
    /// Its origin, e.g. `http://127.0.0.1:8080`.
    pub base: String,
    /// An API key that may do what the staff does with products, stock, promotions, orders and
    /// payments.
    pub key: String,
    /// How long something may take to come true before it is called broken.
    pub patience: Duration,
    /// A word that no other run has: names of products and promotions are made of it.
    pub run: String,
    /// Speaks for the shop's carrier; none where the staff ships by hand.
    pub signer: Option<Signer>,
}

impl std::fmt::Debug for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Target").field("base", &self.base).finish_non_exhaustive()
    }
}

/// What all attacks share.
pub(crate) struct World {
    door: Door,
    staff: Staff,
    run: String,
    signer: Option<Signer>,
}

/// Carries out a plan, all attacks at once, and tells what became of each promise.
///
/// An attack that could not be carried out counts as broken: a promise nobody looked at is not kept.
pub async fn run(target: &Target, plan: &Plan) -> Result<Vec<Verdict>, Error> {
    let door = Door::new(&target.base, target.patience)?;
    let staff = Staff::new(&door, &target.key);
    staff.arrive().await?;
    let (run, signer) = (target.run.clone(), target.signer.clone());
    let world = World { door, staff, run, signer };
    Ok(plan.carry_out(&world).await)
}
