//! Argon2id on a bounded number of threads: a flood of logins waits or is refused, and never takes
//! the processors from everybody else.

use std::sync::Arc;
use std::time::Duration;

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{self, PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use tokio::sync::Semaphore;

use crate::domain::Password;
use crate::error::{AccountError, OpenError};
use crate::settings::Settings;

/// What came of checking a password.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Checked {
    Wrong,
    Right,
    /// Right, but hashed at another cost than today's: the hash to store instead.
    RightAt(String),
}

/// Works on passwords, so many at a time.
pub(crate) struct Hasher {
    cost: Params,
    permits: Arc<Semaphore>,
    wait: Duration,
    /// What a password is checked against when there is no account: the same work at the same cost.
    nobody: String,
}

impl Hasher {
    pub(crate) async fn new(settings: &Settings) -> Result<Self, OpenError> {
        let cost = Params::new(
            settings.argon2_memory_kib,
            settings.argon2_passes,
            settings.argon2_lanes,
            None,
        )
        .map_err(OpenError::Argon2)?;
        let mut hasher = Self {
            cost,
            permits: Arc::new(Semaphore::new(settings.argon2_permits)),
            wait: Duration::from_millis(settings.argon2_wait_ms),
            nobody: String::new(),
        };
        let nobody = platform::random::token();
        hasher.nobody = hasher.work(move |argon2| hash(argon2, nobody.as_bytes())).await?;
        Ok(hasher)
    }

    /// The hash to store, with a salt of its own (PHC string).
    pub(crate) async fn hash(&self, password: Password) -> Result<String, AccountError> {
        self.work(move |argon2| hash(argon2, password.expose().as_bytes())).await
    }

    /// Whether a password is the one behind a stored hash. Without one it takes as long and says no.
    pub(crate) async fn check(
        &self,
        password: Password,
        stored: Option<String>,
    ) -> Result<Checked, AccountError> {
        let known = stored.is_some();
        let stored = stored.unwrap_or_else(|| self.nobody.clone());
        self.work(move |argon2| {
            let checked = check(argon2, password.expose().as_bytes(), &stored)?;
            Ok(if known { checked } else { Checked::Wrong })
        })
        .await
    }

    /// The permit goes with the work: it stays taken when the caller stops waiting.
    async fn work<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Argon2<'_>) -> password_hash::Result<T> + Send + 'static,
    ) -> Result<T, AccountError> {
        let turn = tokio::time::timeout(self.wait, self.permits.clone().acquire_owned()).await;
        let Ok(Ok(permit)) = turn else { return Err(AccountError::HashersBusy) };
        let cost = self.cost.clone();
        let done = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            work(&Argon2::new(Algorithm::Argon2id, Version::V0x13, cost))
        });
        let failed = |why: String| AccountError::Hashing(why);
        done.await.map_err(|error| failed(error.to_string()))?.map_err(|e| failed(e.to_string()))
    }
}

/// Says what is computed; never for whom.
fn note(cost: &Params) {
    let (memory_kib, passes, lanes) = (cost.m_cost(), cost.t_cost(), cost.p_cost());
    tracing::debug!(memory_kib, passes, lanes, "argon2id");
}

fn hash(argon2: &Argon2<'_>, password: &[u8]) -> password_hash::Result<String> {
    note(argon2.params());
    Ok(argon2.hash_password(password)?.to_string())
}

fn check(argon2: &Argon2<'_>, password: &[u8], stored: &str) -> password_hash::Result<Checked> {
    let parsed = PasswordHash::new(stored)?;
    let then = Params::try_from(&parsed)?;
    note(&then);
    match argon2.verify_password(password, &parsed) {
        Err(password_hash::Error::PasswordInvalid) => return Ok(Checked::Wrong),
        verified => verified?,
    }
    let today = argon2.params();
    let cost = |params: &Params| (params.m_cost(), params.t_cost(), params.p_cost());
    if cost(&then) == cost(today) && parsed.algorithm.as_str() == "argon2id" {
        return Ok(Checked::Right);
    }
    hash(argon2, password).map(Checked::RightAt)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cheap() -> Settings {
        Settings {
            argon2_memory_kib: 8,
            argon2_passes: 1,
            argon2_wait_ms: 20,
            ..Settings::default()
        }
    }

    fn password(text: &str) -> Password {
        Password::presented(text.into()).unwrap()
    }

    #[tokio::test]
    async fn a_password_is_right_wrong_or_nobodys() {
        let hasher = Hasher::new(&cheap()).await.unwrap();
        let stored = hasher.hash(password("correct horse")).await.unwrap();
        let check = |text, stored| hasher.check(password(text), stored);
        assert_eq!(check("correct horse", Some(stored.clone())).await.unwrap(), Checked::Right);
        assert_eq!(check("correct mouse", Some(stored)).await.unwrap(), Checked::Wrong);
        assert_eq!(check("correct horse", None).await.unwrap(), Checked::Wrong);
        assert!(check("correct horse", Some("nonsense".to_owned())).await.is_err());
    }

    #[tokio::test]
    async fn the_same_password_never_has_the_same_hash() {
        let hasher = Hasher::new(&cheap()).await.unwrap();
        let first = hasher.hash(password("correct horse")).await.unwrap();
        assert_ne!(first, hasher.hash(password("correct horse")).await.unwrap());
    }

    #[tokio::test]
    async fn another_cost_is_noticed() {
        let before = Hasher::new(&cheap()).await.unwrap();
        let stored = before.hash(password("correct horse")).await.unwrap();
        let after = Hasher::new(&Settings { argon2_passes: 2, ..cheap() }).await.unwrap();
        let checked = after.check(password("correct horse"), Some(stored.clone())).await.unwrap();
        let Checked::RightAt(fresh) = checked else { panic!("{checked:?}") };
        assert!(fresh.contains("t=2"), "{fresh}");
        let again = after.check(password("correct horse"), Some(fresh)).await.unwrap();
        assert_eq!(again, Checked::Right);
        let wrong = after.check(password("correct mouse"), Some(stored)).await.unwrap();
        assert_eq!(wrong, Checked::Wrong);
    }

    #[tokio::test]
    async fn who_gets_no_turn_is_told_so() {
        let hasher = Hasher::new(&Settings { argon2_permits: 1, ..cheap() }).await.unwrap();
        let held = hasher.permits.clone().acquire_owned().await.unwrap();
        let refused = hasher.hash(password("correct horse")).await;
        assert!(matches!(refused, Err(AccountError::HashersBusy)));
        drop(held);
        assert!(hasher.hash(password("correct horse")).await.is_ok());
    }

    #[tokio::test]
    async fn the_defaults_are_argon2id_at_the_cost_owasp_asks_for() {
        let hasher = Hasher::new(&Settings::default()).await.unwrap();
        assert!(hasher.nobody.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{}", hasher.nobody);
        let stored = hasher.hash(password("correct horse")).await.unwrap();
        let checked = hasher.check(password("correct horse"), Some(stored)).await.unwrap();
        assert_eq!(checked, Checked::Right);
    }

    #[tokio::test]
    async fn costs_argon2_does_not_know_are_refused() {
        let settings = Settings { argon2_memory_kib: 1, ..cheap() };
        assert!(matches!(Hasher::new(&settings).await, Err(OpenError::Argon2(_))));
    }
}
