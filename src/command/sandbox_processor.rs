//! `stoa sandbox-processor`

use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;

use actix_web::{App, HttpServer};
use clap::Args;
use kernel::Clock;
use payment::sandbox::http::{Face, FaceSettings, routes};
use payment::{SANDBOX_SCHEMA, Sandbox};
use platform::tasks::Tasks;

use super::serve::stop_asked;
use super::{Failure, say};
use crate::app::{open_migrated, sandbox_terms};
use crate::settings::Settings;

/// The sandbox processor by itself.
#[derive(Debug, Args)]
pub(super) struct SandboxProcessor {
    /// Where to listen
    #[arg(long, default_value = "127.0.0.1:8090")]
    listen: SocketAddr,
    /// Where shoppers find its challenges; without it, where it listens
    #[arg(long)]
    origin: Option<String>,
    /// Where its webhooks go, e.g. http://127.0.0.1:8080/v1/webhooks/stripe; without it nobody is told
    #[arg(long)]
    webhooks_to: Option<String>,
    /// What they are signed with
    #[arg(
        long,
        env = "STOA_SANDBOX_WEBHOOK_SECRET",
        hide_env_values = true,
        default_value = "whsec_sandbox"
    )]
    secret: String,
    /// The secret key of its merchant
    #[arg(
        long,
        env = "STOA_SANDBOX_API_KEY",
        hide_env_values = true,
        default_value = "sk_test_sandbox"
    )]
    api_key: String,
    /// How many of 100 commands fail before anything is done
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u64).range(0..=100))]
    errors_percent: u64,
    /// How many of 100 commands are done, and their answer comes too late
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u64).range(0..=100))]
    timeouts_percent: u64,
}

/// Runs it until it is told to stop. Its books are in the data folder, beside or without a shop's.
pub(super) async fn serve(
    mut settings: Settings,
    what: SandboxProcessor,
) -> Result<ExitCode, Failure> {
    let SandboxProcessor { listen, origin, webhooks_to, secret, api_key, .. } = what;
    settings.payment.sandbox.webhook_url = webhooks_to.unwrap_or_default();
    let db = open_migrated(&settings, &SANDBOX_SCHEMA, &Clock::system()).await?;
    let sandbox = Sandbox::new(db.clone(), &settings.payment.sandbox)?
        .settling(sandbox_terms(settings.ledger))
        .telling_as_stripe(&secret);
    let tasks = Tasks::default();
    sandbox.start(&tasks);
    let (errors_percent, timeouts_percent) = (what.errors_percent, what.timeouts_percent);
    let told = FaceSettings { api_key, errors_percent, timeouts_percent };
    let face = Arc::new(Face::new(sandbox, told));
    let served = face.clone();
    let mut http = HttpServer::new(move || App::new().configure(|config| routes(&served, config)));
    if settings.server.workers > 0 {
        http = http.workers(settings.server.workers);
    }
    let http = http.disable_signals().bind(listen)?;
    let at = http.addrs().first().map(|at| format!("http://{at}")).unwrap_or_default();
    face.serve(origin.as_deref().unwrap_or(&at));
    let server = http.run();
    let handle = server.handle();
    tokio::spawn(server);
    say(format!("ready: {at}"));
    stop_asked().await?;
    handle.stop(true).await;
    tasks.stop(std::time::Duration::from_secs(settings.server.stop_wait_s)).await;
    db.close().await;
    Ok(ExitCode::SUCCESS)
}
