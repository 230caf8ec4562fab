//! Keys of people that are forgotten with the process.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use kernel::id::{CustomerId, EventId};
use kernel::ports::{PersonKey, PersonKeys, PersonKeysError, Purpose, Unavailable};
use secrecy::SecretBox;
use uuid::Uuid;

/// Keys in memory, for tests of modules that do without the one that keeps them.
#[derive(Default)]
pub struct TestKeys(Mutex<State>);

#[derive(Default)]
struct State {
    keys: HashMap<(CustomerId, Purpose), Arc<PersonKey>>,
    erased: HashSet<CustomerId>,
    destroyed: HashSet<Uuid>,
}

impl TestKeys {
    /// Destroys what a person is served by.
    pub fn destroy(&self, person: CustomerId) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let gone = state.keys.remove(&(person, Purpose::Service));
        state.destroyed.extend(gone.map(|key| key.id));
        state.erased.insert(person);
    }
}

#[async_trait]
impl PersonKeys for TestKeys {
    async fn of(
        &self,
        person: CustomerId,
        purpose: Purpose,
    ) -> Result<Option<Arc<PersonKey>>, Unavailable> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if state.erased.contains(&person) {
            return Ok(None);
        }
        let fresh = || {
            let key = SecretBox::new(Box::new(crate::random::bytes()));
            Arc::new(PersonKey { id: EventId::new().uuid(), key })
        };
        Ok(Some(state.keys.entry((person, purpose)).or_insert_with(fresh).clone()))
    }

    async fn by_ids(&self, ids: &[Uuid]) -> Result<Vec<Arc<PersonKey>>, PersonKeysError> {
        let state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let live: Vec<_> =
            state.keys.values().filter(|key| ids.contains(&key.id)).cloned().collect();
        let is_known =
            |id: &Uuid| state.destroyed.contains(id) || live.iter().any(|key| key.id == *id);
        match ids.iter().find(|id| !is_known(id)) {
            Some(id) => Err(PersonKeysError::Unknown { id: *id }),
            None => Ok(live),
        }
    }
}
