use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// What the staff defined, as it was a moment ago: a checkout does not ask for it each time.
pub struct Remembered<T> {
    age_max: Duration,
    known: Mutex<Known<T>>,
}

struct Known<T> {
    /// Moves when what was read before is out of date.
    generation: u64,
    found: Option<(Instant, Arc<T>)>,
}

impl<T> Remembered<T> {
    /// Remembers for so long at most: another process may have changed it.
    pub const fn new(age_max: Duration) -> Self {
        Self { age_max, known: Mutex::new(Known { generation: 0, found: None }) }
    }

    /// What is remembered, or what `load` finds.
    pub async fn get<E>(&self, load: impl Future<Output = Result<T, E>>) -> Result<Arc<T>, E> {
        let generation = {
            let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            match &known.found {
                Some((at, found)) if at.elapsed() < self.age_max => return Ok(found.clone()),
                _ => known.generation,
            }
        };
        let asked = Instant::now();
        let found = Arc::new(load.await?);
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.generation == generation {
            known.found = Some((asked, found.clone()));
        }
        Ok(found)
    }

    /// Asks anew next time, after a change is committed.
    pub fn forget(&self) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.generation += 1;
        known.found = None;
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;

    #[tokio::test]
    async fn what_was_forgotten_while_it_was_loaded_is_not_remembered() {
        let kept = Remembered::new(Duration::from_hours(1));
        let load = async {
            kept.forget();
            Ok::<_, Infallible>(1)
        };
        assert_eq!(kept.get(load).await, Ok(Arc::new(1)));
        assert_eq!(kept.get(async { Ok::<_, Infallible>(2) }).await, Ok(Arc::new(2)));
        assert_eq!(kept.get(async { Ok::<_, Infallible>(3) }).await, Ok(Arc::new(2)));
    }
}
