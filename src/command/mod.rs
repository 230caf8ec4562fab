//! What the program can be told to do; one file for each command.

mod account;
mod backup;
#[cfg(feature = "chaos")]
mod chaos;
mod customer;
mod dead_letters;
mod doctor;
mod events;
mod export;
mod fraud;
mod grants;
mod import;
mod keys;
mod ledger;
mod migrate;
mod moving;
mod replay;
mod restore;
mod routes;
mod sagas;
mod sandbox;
mod sandbox_processor;
mod serve;
mod torture;
mod vault;
mod verify;
mod witness;

use std::fmt::Display;
use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use kernel::id::EventId;
use platform::trace;
use tracing_subscriber::EnvFilter;

use crate::settings::{LogFormat, Role, Settings};

/// What went wrong, for people.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

/// An online shop's whole back end in one program.
#[derive(Debug, Parser)]
#[command(version, about)]
pub struct CommandLine {
    /// A TOML file over the defaults; `stoa config` shows what is in effect.
    #[arg(long, global = true, env = "STOA_CONFIG")]
    config: Option<PathBuf>,
    /// The folder of everything the embedded engines keep.
    #[arg(long, global = true)]
    data_dir: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the shop
    Serve {
        /// Where to listen, e.g. 0.0.0.0:8080
        #[arg(long)]
        listen: Option<SocketAddr>,
        /// Where to serve health and metrics
        #[arg(long)]
        ops_listen: Option<SocketAddr>,
        /// Fill an empty shop with a demo catalogue and two accounts
        #[arg(long)]
        demo: bool,
        /// What this process does
        #[arg(long, value_delimiter = ',')]
        roles: Option<Vec<Role>>,
    },
    /// Bring the databases up to date
    Migrate,
    /// Bring data in
    #[command(subcommand)]
    Import(import::Import),
    /// Take data out
    #[command(subcommand)]
    Export(export::Export),
    /// Prove the books: exits 1 and names the rows when an invariant is broken
    Verify {
        /// Events and operations younger than this many seconds may still be under way
        #[arg(long, default_value_t = 60)]
        grace_s: u64,
    },
    /// Save the whole shop, which may run, as it is at one moment: everything but its keys
    Backup {
        /// A new folder
        #[arg(long)]
        to: PathBuf,
    },
    /// Make a shop of a backup, in a place without one
    Restore(restore::Restore),
    /// Move the whole shop from SQLite to PostgreSQL, or back, while nobody serves it; or try whether it could be, while it
    /// is served
    Move(moving::Move),
    /// Look at the settings, the folders and the database that a shop is to run with: exits 1 when it would break a promise
    Doctor,
    /// Print the SQL that gives each module a role of its own with rights on its own schema alone (database.role_prefix)
    Grants {
        /// Who the shop logs in as
        #[arg(long)]
        login: String,
    },
    /// Attack a running test shop, then prove its books: exits 1 when a promise was broken
    Torture(torture::Torture),
    /// Rebuild a projection from the first event, or the search index: `search`
    Replay {
        /// A subscription, e.g. analytics.sales; without one, what can be replayed is listed
        name: Option<String>,
    },
    /// Show events, and how far each subscription has come
    Events(events::Events),
    /// Events that could not be handled
    #[command(subcommand)]
    DeadLetters(dead_letters::DeadLetters),
    /// Sagas that have not ended
    #[command(subcommand)]
    Sagas(sagas::Sagas),
    /// Accounts of people who work in the shop
    #[command(subcommand)]
    Admin(account::Admin),
    /// What is kept about a person: show it, or erase it; and the keys it is sealed under
    #[command(subcommand)]
    Customer(customer::Customer),
    /// The journal of the shop's money, and the tamper-evident log
    #[command(subcommand)]
    Ledger(ledger::Ledger),
    /// What the sandbox processor tells
    #[command(subcommand)]
    Sandbox(sandbox::Sandbox),
    /// Run the sandbox processor by itself: the part of Stripe's API that a shop needs
    SandboxProcessor(sandbox_processor::SandboxProcessor),
    /// Run a witness of tamper-evident logs: it signs that they only grow
    Witness(witness::Witnessing),
    /// Let faults happen in a shop that runs, for a while
    #[cfg(feature = "chaos")]
    #[command(subcommand)]
    Chaos(chaos::Chaos),
    /// Models of fraud: make payments up, train, measure
    #[command(subcommand)]
    Fraud(fraud::Fraud),
    /// Print every endpoint: who may come in, how often, for how long its answer may be kept, the
    /// longest body, the time limit, and `essential` where others are refused first
    Routes,
    /// The keys that sign access tokens
    #[command(subcommand)]
    Keys(keys::Keys),
    /// The keys that card numbers are sealed under
    #[command(subcommand)]
    Vault(vault::Vault),
    /// Print the API's description
    Openapi,
    /// Print the settings in effect, with secrets hidden
    Config,
}

/// Runs a command and tells how it ended.
pub fn run(line: CommandLine) -> ExitCode {
    match start(line) {
        Ok(code) => code,
        Err(error) => {
            let mut text = format!("stoa: {error}");
            let mut cause = error.source();
            while let Some(error) = cause {
                text = format!("{text}: {error}");
                cause = error.source();
            }
            // Nothing can be done about a closed standard error.
            let _ = writeln!(std::io::stderr(), "{text}");
            ExitCode::from(2)
        }
    }
}

fn start(line: CommandLine) -> Result<ExitCode, Failure> {
    let file = line.config.as_deref();
    let mut settings = Settings::read(file)?;
    if let Some(folder) = line.data_dir {
        settings.server.data_dir = folder;
    }
    log_to_stderr(&settings)?;
    if !matches!(line.command, Command::Restore(_) | Command::Config) {
        crate::backup::refuse_unfinished(&settings)?;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    // What a command does is known by its run, as what a request does is known by the request.
    let run = EventId::new().to_string();
    runtime.block_on(trace::within(run, async {
        match line.command {
            Command::Serve { listen, ops_listen, demo, roles } => {
                settings.server.listen = listen.unwrap_or(settings.server.listen);
                settings.server.ops_listen = ops_listen.unwrap_or(settings.server.ops_listen);
                settings.server.roles = roles.unwrap_or(settings.server.roles);
                Box::pin(serve::serve(settings, file, demo)).await
            }
            Command::Migrate => migrate::migrate(&settings).await,
            Command::Import(import) => import::import(settings, import).await,
            Command::Export(export) => export::export(settings, export).await,
            Command::Verify { grace_s } => verify::verify(settings, grace_s).await,
            Command::Backup { to } => backup::backup(&settings, &to).await,
            Command::Restore(what) => restore::restore(&settings, what).await,
            Command::Move(what) => moving::relocate(&settings, what).await,
            Command::Doctor => doctor::doctor(&settings).await,
            Command::Grants { login } => grants::grants(&settings, &login),
            Command::Torture(torture) => torture::torture(settings, torture).await,
            Command::Replay { name } => replay::replay(settings, name).await,
            Command::Events(events) => events::events(settings, events).await,
            Command::DeadLetters(letters) => dead_letters::dead_letters(settings, letters).await,
            Command::Sagas(sagas) => sagas::sagas(&settings, sagas).await,
            Command::Admin(admin) => account::admin(settings, admin).await,
            Command::Ledger(what) => ledger::ledger(settings, what).await,
            Command::Sandbox(what) => sandbox::sandbox(settings, what).await,
            Command::SandboxProcessor(what) => sandbox_processor::serve(settings, what).await,
            Command::Witness(what) => witness::serve(what).await,
            #[cfg(feature = "chaos")]
            Command::Chaos(what) => chaos::chaos(what),
            Command::Fraud(what) => fraud::fraud(settings, what).await,
            Command::Routes => routes::routes(&settings),
            Command::Customer(what) => customer::customer(settings, what).await,
            Command::Keys(what) => keys::keys(&settings, what).await,
            Command::Vault(what) => vault::vault(settings, what).await,
            Command::Openapi => {
                say(crate::edge::description(&settings.edge)?.to_pretty_json()?);
                Ok(ExitCode::SUCCESS)
            }
            Command::Config => {
                say(settings.show(file)?);
                Ok(ExitCode::SUCCESS)
            }
        }
    }))
}

fn log_to_stderr(settings: &Settings) -> Result<(), Failure> {
    let filter = EnvFilter::try_new(&settings.log.level)?;
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match settings.log.format {
        LogFormat::Text => lines.try_init(),
        LogFormat::Json => lines.json().try_init(),
    }
}

/// Prints a line. A reader that has gone away is no error.
fn say(line: impl Display) {
    let _ = writeln!(std::io::stdout(), "{line}");
}
