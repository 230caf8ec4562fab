//! The tamper-evident log: whoever changes, removes or reorders what the shop wrote down is found out, also
//! whoever owns the database.
//!
//! What is to be in it is noted in the commit that it tells of ([`platform::seal`]); one node at a time
//! seals such notes. An entry is a commitment under a key of its subject and says nothing without the key,
//! so that a subject can be forgotten in a log that forgets nothing. The log is the Merkle tree of RFC
//! 6962 in C2SP's tiles, and a checkpoint that is signed over it and swapped for the next one. Tiles and
//! checkpoint lie in a folder beside the databases: a database that is restored from a backup does not
//! bring an old checkpoint along, and what was signed in the meantime cannot be signed again in another
//! way. It does not promise that nobody who owns the folder, the key and the database changes all three:
//! that is found by whoever holds an older checkpoint or a receipt, with the crate `verifier`.

mod domain;
mod error;
mod folder;
mod http;
mod log;
mod react;
mod sequencer;
mod settings;
mod store;
mod subject_keys;
#[cfg(test)]
mod tests;
mod verify;
mod witness;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use kernel::ports::Vault;
use platform::bus::Subscription;
use platform::module::Schema;
use platform::sql::Db;
use platform::tasks::Tasks;

pub use domain::checkpoint::Checkpoint;
pub use domain::note::Signer;
pub use error::{Error, LogError, Result, WitnessError};
pub use log::{Head, Log};
pub use settings::{Settings, WitnessSettings};
pub use verify::Seal;

use witness::Witnesses;

platform::migrations! { "notary": "0001_notary" }

/// The tables of this module and the statements over them.
pub const SCHEMA: Schema = Schema {
    module: "notary",
    migrations: MIGRATIONS,
    statements: &[store::STATEMENTS],
    guards: &[],
};

/// What the log needs of others.
pub struct Ports {
    /// The databases whose notes are sealed, the log's own among them.
    pub modules: Vec<Db>,
    /// Seals the keys of subjects.
    pub vault: Arc<dyn Vault>,
    /// Who this node is.
    pub node: String,
}

/// The log. Cheap to clone.
#[derive(Clone)]
pub struct Notary(Arc<Inner>);

struct Inner {
    db: Db,
    log: Arc<Log>,
    witnesses: Option<Witnesses>,
    settings: Settings,
    ports: Ports,
}

impl Notary {
    /// Opens the log in its folder, with its key in the folder of keys; makes what is missing.
    pub fn open(
        db: Db,
        settings: &Settings,
        folder: &Path,
        keys: &Path,
        ports: Ports,
    ) -> Result<Self> {
        let log = Arc::new(Log::open(folder, keys, &settings.origin)?);
        let named = Some(&settings.witnesses).filter(|named| !named.is_empty());
        let witnesses = named.map(|named| Witnesses::of(named)).transpose()?;
        Ok(Self(Arc::new(Inner { db, log, witnesses, settings: settings.clone(), ports })))
    }

    /// Adds `/v1/admin/ledger/...`.
    pub fn routes(&self, config: &mut actix_web::web::ServiceConfig) {
        http::routes(self.clone(), config);
    }

    /// What the routes take and answer.
    pub fn openapi() -> utoipa::openapi::OpenApi {
        http::openapi()
    }

    /// What the module does with events: it forgets whoever is erased.
    pub fn subscriptions(&self) -> Vec<Subscription> {
        vec![Subscription::reaction("notary.erased", self.db(), react::TOPICS, react::Forget)]
    }

    /// Starts sealing.
    pub fn start(&self, tasks: &Tasks) {
        let (notary, poll) = (self.clone(), Duration::from_millis(self.0.settings.poll_ms));
        tasks.every("notary.seal", poll, None, move || {
            let notary = notary.clone();
            async move { notary.seal().await }
        });
        if self.witnesses().is_none() {
            return;
        }
        let (notary, every) =
            (self.clone(), Duration::from_millis(self.0.settings.witness_every_ms));
        tasks.every("notary.witness", every, None, move || {
            let notary = notary.clone();
            async move { notary.be_witnessed().await }
        });
    }

    /// Copies what is signed into a folder; answers what that is.
    pub async fn export(&self, to: &Path) -> Result<Head> {
        let to = to.to_owned();
        self.files(move |log| Ok(log.export(&to)?)).await
    }

    /// The log's files.
    pub fn log(&self) -> &Log {
        &self.0.log
    }

    /// What is signed; none before the first checkpoint.
    pub async fn head(&self) -> Result<Option<Head>> {
        self.files(|log| Ok(log.head()?)).await
    }

    /// The newest checkpoint that witnesses signed and a head goes on from; none when there is none.
    pub async fn witnessed(&self, head: &Head) -> Result<Option<Head>> {
        let head = head.clone();
        self.files(move |log| Ok(log.witnessed(&head))).await
    }

    /// Work on files, on a thread that may wait for a disk.
    pub(crate) async fn files<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Log) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let log = self.0.log.clone();
        let done = tokio::task::spawn_blocking(move || work(&log)).await;
        done.map_err(|_| Error::Stopped)?
    }

    fn db(&self) -> &Db {
        &self.0.db
    }

    fn modules(&self) -> &[Db] {
        &self.0.ports.modules
    }

    fn witnesses(&self) -> Option<&Witnesses> {
        self.0.witnesses.as_ref()
    }

    fn settings(&self) -> &Settings {
        &self.0.settings
    }

    fn vault(&self) -> &dyn Vault {
        &*self.0.ports.vault
    }

    fn node(&self) -> &str {
        &self.0.ports.node
    }
}
