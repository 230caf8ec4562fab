//! The vault: the only place where a card number is kept, and the only module that is sent one.
//!
//! A card becomes a token that says nothing. Its number is sealed (AES-256-GCM) under a data key, which is
//! wrapped by a key that lives elsewhere (`kernel::ports::Keys`); what tells the same card again is a keyed
//! hash (PCI DSS 4.0.1, 3.5.1.1). The card verification code is checked for its shape and dropped. A number
//! leaves the vault once, for whoever charges cards (`kernel::ports::CardAcceptor`), and never again.
//!
//! A new data key seals new cards at once; a task seals the old ones again and deletes the key that none
//! needs any more.

mod domain;
mod error;
mod http;
mod keys;
mod local_keys;
mod store;
mod usecase;
mod verify;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use kernel::card::Card;
use kernel::ports::{CardAcceptor, Keys};
use platform::audit::Actor;
use platform::module::Schema;
use platform::sql::{self, Db};
use platform::tasks::Tasks;
use serde::Deserialize;

pub use error::Error;
use keys::KeyRing;
pub use local_keys::{KeyFiles, LocalKeys, LocalKeysError};
pub use store::CardOnFile;

platform::migrations! { "vault": "0001_vault" }

/// The tables of the vault.
pub const SCHEMA: Schema = Schema {
    module: "vault",
    migrations: MIGRATIONS,
    statements: &[store::STATEMENTS],
    guards: &[],
};

/// How the vault works: section `[vault]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The folder of the key files that wrap data keys; empty is the folder of all keys.
    pub keys_dir: PathBuf,
    /// How many days a card is kept after it has expired.
    pub keep_expired_days: u32,
    /// How often it is looked for cards to seal again or to delete, in milliseconds.
    pub tend_every_ms: u64,
}

/// The vault.
#[derive(Clone)]
pub struct Vault {
    db: Db,
    keys: Arc<KeyRing>,
    acceptor: Arc<dyn CardAcceptor>,
    settings: Settings,
}

impl Vault {
    /// A vault over its own database. Its first data keys are made when there are none.
    pub async fn open(
        db: Db,
        settings: Settings,
        keys: Arc<dyn Keys>,
        acceptor: Arc<dyn CardAcceptor>,
    ) -> Result<Self, Error> {
        let keys = Arc::new(KeyRing::open(db.clone(), keys).await?);
        Ok(Self { db, keys, acceptor, settings })
    }

    /// Its endpoint.
    pub fn routes(&self, config: &mut actix_web::web::ServiceConfig) {
        http::routes(self, config);
    }

    /// Describes the endpoint.
    pub fn openapi() -> utoipa::openapi::OpenApi {
        http::openapi()
    }

    /// Keeps a card and hands it to whoever charges cards. The token is given out only when both have it.
    pub async fn keep(&self, card: Card) -> Result<CardOnFile, Error> {
        usecase::keep::keep(self, card).await
    }

    /// What may be known of a card, by its token.
    pub async fn card(&self, token: &str) -> sql::Result<Option<CardOnFile>> {
        store::card(&self.db, token).await
    }

    /// Makes a new data key, under which new cards are sealed from now on.
    pub async fn rotate(&self, actor: &Actor) -> Result<(), Error> {
        usecase::rotate::rotate(self, actor).await
    }

    /// One round of tending: seals some cards again whose key is retired, deletes some that expired long
    /// ago, and a key that no card needs any more. Whether there may be more to do at once.
    pub async fn tend(&self) -> Result<bool, Error> {
        usecase::tend::round(self).await
    }

    /// Starts the task that tends.
    pub fn start(&self, tasks: &Tasks) {
        let vault = self.clone();
        let every = Duration::from_millis(self.settings.tend_every_ms);
        tasks.every("vault.tend", every, None, move || {
            let vault = vault.clone();
            async move { vault.tend().await }
        });
    }

    /// Opens every card and compares it with what is kept beside it.
    pub async fn verify(&self) -> Result<Vec<platform::verify::Check>, Error> {
        verify::verify(self).await
    }
}
