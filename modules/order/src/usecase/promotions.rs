//! The promotions that a cart is up for.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use platform::sql::{Db, Result};

use crate::domain::promotion::Promotion;
use crate::store::promotion;

/// How long automatic promotions are remembered: a checkout does not ask for them each time. What
/// they may give away is guarded in the order's commit, so an old answer gives nothing twice.
const REMEMBERED: Duration = Duration::from_secs(1);
/// The most automatic promotions of a shop.
pub const AUTOMATIC_MAX: i64 = 200;

/// The automatic promotions, as they were a moment ago.
#[derive(Default)]
pub struct Automatic {
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    /// Moves when what was read before is out of date.
    generation: u64,
    found: Option<(Instant, Arc<[Promotion]>)>,
}

impl Automatic {
    /// The automatic promotions by code.
    pub async fn all(&self, db: &Db) -> Result<Arc<[Promotion]>> {
        let generation = {
            let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            match &known.found {
                Some((at, found)) if at.elapsed() < REMEMBERED => return Ok(found.clone()),
                _ => known.generation,
            }
        };
        let asked = Instant::now();
        let found: Arc<[Promotion]> = promotion::automatic(db, AUTOMATIC_MAX).await?.into();
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.generation == generation {
            known.found = Some((asked, found.clone()));
        }
        Ok(found)
    }

    /// Asks anew next time: one was made, or one allows less than was remembered.
    pub fn forget(&self) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.generation += 1;
        known.found = None;
    }
}
