//! The settings: `config/default.toml`, then a file, then `STOA__SECTION__KEY` variables.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use config::{Config, Environment, File, FileFormat};
use serde::{Deserialize, Serialize};

use crate::checks::{CheckError, check};
use crate::edge::{Edge, Tls};

mod events;

pub use events::{Bus, Outbox, Saga};

/// Every key with its default and what it means.
const DEFAULTS: &str = include_str!("../config/default.toml");
/// Keys whose values are never shown.
const SECRET: [&str; 4] = ["url", "replica_url", "secret_key", "webhook_secret"];

/// The settings of the whole program.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The web server.
    pub server: Server,
    /// What every request passes.
    pub edge: Edge,
    /// Where data is kept.
    pub database: Database,
    /// What nodes share beside it.
    pub redis: platform::redis::Settings,
    /// The relay of events.
    pub bus: Bus,
    /// What becomes of old events.
    pub outbox: Outbox,
    /// The coordinator of sagas.
    pub saga: Saga,
    /// What is written to the log.
    pub log: Log,
    /// How mail is sent.
    pub mail: Mail,
    /// The modules.
    pub auth: auth::Settings,
    /// The modules.
    pub catalog: catalog::Settings,
    /// The modules.
    pub inventory: inventory::Settings,
    /// The modules.
    pub order: order::Settings,
    /// The modules.
    pub payment: payment::Settings,
    /// The modules.
    pub fraud: fraud::Settings,
    /// Gift cards and store credit.
    pub credit: credit::Settings,
    /// The modules.
    pub messages: messages::Settings,
    /// The sandbox carrier.
    pub carrier: carrier::Settings,
    /// What was agreed with the processor of payments.
    pub ledger: ledger::Terms,
    /// Whether what it settled is fetched from it.
    pub settlements: ledger::Fetching,
    /// The tamper-evident log.
    pub notary: notary::Settings,
    /// Where cards are kept.
    pub vault: vault::Settings,
    /// Who may order faults.
    pub chaos: Chaos,
}

/// Who may order faults, of a program that was built with the feature `chaos`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Chaos {
    /// The public half of their key, `name+id+key`; empty is nobody.
    pub public_key: String,
}

/// The web server.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Server {
    /// Where the shop listens.
    pub listen: SocketAddr,
    /// Where health and metrics are served.
    pub ops_listen: SocketAddr,
    /// The folder of everything the embedded engines keep.
    pub data_dir: PathBuf,
    /// The folder of what several nodes share; empty is `data_dir`.
    pub shared_dir: PathBuf,
    /// TLS, if the shop speaks it itself.
    pub tls: Tls,
    /// Threads that serve requests; 0 is one for each core.
    pub workers: usize,
    /// How many connections one thread has open.
    pub connections_max: usize,
    /// How many answers of one HTTP/2 connection may be under way.
    pub streams_max: usize,
    /// How long the head of a connection's first request may take, in milliseconds.
    pub head_timeout_ms: u64,
    /// How long a connection may stand idle between requests, in milliseconds.
    pub keep_alive_ms: u64,
    /// How long a client may take to close a connection that is to end, in milliseconds.
    pub disconnect_timeout_ms: u64,
    /// `web` serves requests, `worker` relays events and recovers sagas, `vault` keeps cards.
    pub roles: Vec<Role>,
    /// How long requests are still taken after a stop was asked for, in milliseconds, while `/health/ready` says no.
    pub leave_wait_ms: u64,
    /// How many seconds requests and sagas have to end after that.
    pub stop_wait_s: u64,
    /// Whether this shop may be attacked by `stoa torture`: nothing in it is worth keeping.
    pub test_shop: bool,
    /// The catalogue of `--demo`.
    pub demo_catalog: PathBuf,
}

/// What a process does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Serves requests.
    Web,
    /// Relays events, sweeps, recovers sagas.
    Worker,
    /// Takes card numbers and keeps them.
    Vault,
}

/// Where data is kept.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Database {
    /// `sqlite` or `postgres`.
    pub engine: EngineName,
    /// For `postgres`: `postgres://user:password@host/database`.
    pub url: String,
    /// For `postgres`: what the schema of each module is called, before the module's name.
    pub schema_prefix: String,
    /// For `postgres`: what the role of each module is called, before the module's name; empty is one role for all.
    pub role_prefix: String,
    /// For `postgres`: connections of each module.
    pub connections: u32,
    /// For `postgres`: a standby of the same server, as `url`; empty is none.
    pub replica_url: String,
    /// For `postgres`: how long a read of the replica may take until the primary is asked, in milliseconds.
    pub replica_wait_ms: u64,
    /// For `postgres`: the folder of `pg_dump` and `pg_restore`; empty to look for them on the path.
    pub tools_dir: PathBuf,
    /// For `sqlite`: connections that read, of each module.
    pub readers: u32,
}

impl std::fmt::Debug for Database {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Database").field("engine", &self.engine).finish_non_exhaustive()
    }
}

/// The engine's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EngineName {
    /// In process, in `server.data_dir`.
    Sqlite,
    /// A PostgreSQL server.
    Postgres,
}

impl std::fmt::Display for EngineName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgres",
        })
    }
}

/// How mail is sent.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mail {
    /// The server, `smtps://user:password@host`; empty writes mails into the data folder.
    pub url: String,
    /// Who they are from.
    pub from: String,
}

impl std::fmt::Debug for Mail {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mail").field("from", &self.from).finish_non_exhaustive()
    }
}

/// What is written to the log.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Log {
    /// A filter of `tracing`, e.g. `info` or `info,stoa=debug`.
    pub level: String,
    /// `text` or `json`.
    pub format: LogFormat,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// For people.
    Text,
    /// For machines: one object a line.
    Json,
}

/// Why the settings cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// They cannot be read.
    #[error("the settings cannot be used: {0}")]
    Unread(#[from] config::ConfigError),
    /// They make no sense.
    #[error("the settings cannot be used: {0}")]
    Senseless(#[from] CheckError),
}

fn layered(file: Option<&Path>) -> Result<Config, SettingsError> {
    let mut layers = Config::builder().add_source(File::from_str(DEFAULTS, FileFormat::Toml));
    if let Some(file) = file {
        layers = layers.add_source(File::from(file).format(FileFormat::Toml));
    }
    let variables = Environment::with_prefix("STOA")
        .prefix_separator("__")
        .separator("__")
        .try_parsing(true)
        .list_separator(",")
        .with_list_parse_key("server.roles")
        .with_list_parse_key("edge.trusted_proxies")
        .with_list_parse_key("edge.cors.origins")
        .with_list_parse_key("order.seller");
    Ok(layers.add_source(variables).build()?)
}

/// Hides what is never shown, in every section.
fn hide_secrets(section: &mut toml::Table) {
    for (key, value) in section {
        match value {
            toml::Value::Table(inner) => hide_secrets(inner),
            toml::Value::String(text) if SECRET.contains(&key.as_str()) && !text.is_empty() => {
                "(hidden)".clone_into(text);
            }
            _ => {}
        }
    }
}

impl Settings {
    /// Reads the settings. An unknown key is an error that names it, and so is a value that makes no
    /// sense.
    pub fn read(file: Option<&Path>) -> Result<Self, SettingsError> {
        let settings = layered(file)?.try_deserialize()?;
        check(&settings)?;
        Ok(settings)
    }

    /// The effective settings as TOML, with secrets hidden, and with the data folder that they have
    /// by now.
    pub fn show(&self, file: Option<&Path>) -> Result<String, SettingsError> {
        let mut all: toml::Table = layered(file)?.try_deserialize()?;
        if let Some(server) = all.get_mut("server").and_then(toml::Value::as_table_mut) {
            let folder = self.server.data_dir.display().to_string();
            server.insert("data_dir".to_owned(), folder.into());
        }
        hide_secrets(&mut all);
        toml::to_string(&all)
            .map_err(|error| config::ConfigError::Message(error.to_string()).into())
    }

    /// The folder of what is the same for all nodes: keys, the tamper-evident log, images and files of imports.
    pub fn shared_folder(&self) -> &Path {
        let Server { data_dir, shared_dir, .. } = &self.server;
        if shared_dir.as_os_str().is_empty() { data_dir } else { shared_dir }
    }

    /// The folder of the keys that sign access tokens, and of the secret that goes with them.
    pub fn keys_folder(&self) -> PathBuf {
        self.shared_folder().join("keys")
    }

    /// The folder of the tamper-evident log.
    pub fn ledger_folder(&self) -> PathBuf {
        self.shared_folder().join("ledger")
    }

    /// The folder of the keys that wrap the vault's.
    pub fn vault_keys_folder(&self) -> PathBuf {
        let folder = &self.vault.keys_dir;
        if folder.as_os_str().is_empty() { self.keys_folder() } else { folder.clone() }
    }

    /// Whether this process is the vault and nothing else.
    pub fn is_vault_alone(&self) -> bool {
        self.has(Role::Vault) && !self.has(Role::Web) && !self.has(Role::Worker)
    }

    /// Whether this process has a role.
    pub fn has(&self, role: Role) -> bool {
        self.server.roles.contains(&role)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_complete() {
        let settings = Settings::read(None).unwrap();
        assert_eq!(settings.database.engine, EngineName::Sqlite);
        assert!([Role::Web, Role::Worker, Role::Vault].iter().all(|role| settings.has(*role)));
    }

    #[test]
    fn an_unknown_key_is_named() {
        let file = platform::testing::folder().join("stoa.toml");
        std::fs::write(&file, "[server]\nlisten_to = 1\n").unwrap();
        let error = Settings::read(Some(&file)).unwrap_err();
        assert!(error.to_string().contains("listen_to"), "{error}");
    }

    #[test]
    fn what_makes_no_sense_is_named() {
        let file = platform::testing::folder().join("stoa.toml");
        std::fs::write(&file, "[server]\nstreams_max = 0\n").unwrap();
        let error = Settings::read(Some(&file)).unwrap_err();
        let told = "the settings cannot be used: server.streams_max is 0, and must be at least 1";
        assert_eq!(error.to_string(), told);
    }

    #[test]
    fn the_data_folder_of_the_command_line_is_shown() {
        let mut settings = Settings::read(None).unwrap();
        settings.server.data_dir = "elsewhere".into();
        assert!(settings.show(None).unwrap().contains("data_dir = \"elsewhere\""));
    }

    #[test]
    fn secrets_are_hidden() {
        let file = platform::testing::folder().join("stoa.toml");
        let secrets = "[database]\nengine = \"postgres\"\nurl = \"postgres://u:geheim@h/d\"\n\
                       replica_url = \"postgres://u:geheim@r/d\"\n\
                       [payment.stripe]\nsecret_key = \"sk_geheim\"\nwebhook_secret = \"geheim\"\n";
        std::fs::write(&file, secrets).unwrap();
        let shown = Settings::read(Some(&file)).unwrap().show(Some(&file)).unwrap();
        assert!(!shown.contains("geheim"));
        assert!(shown.contains("(hidden)"));
        assert!(!format!("{:?}", Settings::read(Some(&file)).unwrap()).contains("geheim"));
    }
}
