//! `stoa witness`

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};

use actix_web::http::StatusCode;
use actix_web::web::{self, Bytes, Data, PayloadConfig};
use actix_web::{App, HttpResponse, HttpServer};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use clap::Args;
use kernel::Clock;
use secrecy::zeroize::Zeroizing;
use sha2::{Digest, Sha256};
use verifier::{Key, Refusal, Request, Witness};

use super::serve::stop_asked;
use super::{Failure, say};

/// How long a request may be, in bytes: a checkpoint, its signatures and a proof of 63 hashes.
const BODY_MAX: usize = 64 << 10;
const KEY_FILE: &str = "witness.key";
const LOCK: &str = "witness.lock";
/// What an answer is that tells the size that was signed at last.
const SIZE: &str = "text/x.tlog.size";
const PLAIN: &str = "text/plain; charset=utf-8";

/// Signs that logs only grow (C2SP's tlog-witness): run it where whoever runs the shop cannot change it.
#[derive(Debug, Args)]
pub(super) struct Witnessing {
    /// Where to listen
    #[arg(long, default_value = "127.0.0.1:8091")]
    listen: SocketAddr,
    /// The folder of its key and of what it has signed; neither is of use without the other
    #[arg(long)]
    folder: PathBuf,
    /// What it is called, such as witness.example/w1
    #[arg(long)]
    name: String,
    /// The key of a log that it signs, name+id+key, as `stoa ledger key` prints it; may be repeated
    #[arg(long = "log", required = true)]
    logs: Vec<String>,
}

/// A witness with what it has signed.
struct Seen {
    witness: Witness,
    logs: Vec<Key>,
    folder: PathBuf,
    /// Held from the look at what was signed before until what is signed now is on disk.
    turn: Mutex<()>,
    clock: Clock,
}

/// Runs it until it is told to stop.
pub(super) async fn serve(what: Witnessing) -> Result<ExitCode, Failure> {
    let Witnessing { listen, folder, name, logs } = what;
    fs::create_dir_all(&folder)?;
    let lock = File::create(folder.join(LOCK))?;
    if lock.try_lock().is_err() {
        return Err(format!("another witness runs in {}", folder.display()).into());
    }
    let witness = witness(&folder, &name)?;
    let logs = logs.iter().map(|log| Key::read(log)).collect::<Result<Vec<_>, _>>()?;
    let names: BTreeSet<&str> = logs.iter().map(Key::name).collect();
    if names.len() < logs.len() {
        return Err("two of --log have the same name: one key signs a log".into());
    }
    let key = witness.public_key();
    let (turn, clock) = (Mutex::default(), Clock::system());
    let seen = Data::new(Seen { witness, logs, folder, turn, clock });
    let served = move || {
        let add = web::post().to(add_checkpoint);
        App::new()
            .app_data(seen.clone())
            .app_data(PayloadConfig::new(BODY_MAX))
            .route("/add-checkpoint", add)
    };
    let http = HttpServer::new(served).workers(1).disable_signals().bind(listen)?;
    let at = http.addrs().first().map(|at| format!("http://{at}")).unwrap_or_default();
    let server = http.run();
    let handle = server.handle();
    tokio::spawn(server);
    say(format!("ready: {at}, {key}"));
    stop_asked().await?;
    handle.stop(true).await;
    Ok(ExitCode::SUCCESS)
}

/// The witness of a folder, whose key is made when it is missing.
fn witness(folder: &Path, name: &str) -> Result<Witness, Failure> {
    let new = || Zeroizing::new(STANDARD.encode(*Zeroizing::new(platform::random::bytes::<32>())));
    let file = folder.join(KEY_FILE);
    let text = platform::key_file::read_or_make(&file, new)
        .map_err(|error| format!("{}: {error}", file.display()))?;
    let secret = Zeroizing::new(STANDARD.decode(text.trim())?);
    let secret: &[u8; 32] = secret.as_slice().try_into()?;
    let witness = Witness::new(name, secret);
    Ok(witness.ok_or("--name must have no spaces and plus signs, such as witness.example/w1")?)
}

async fn add_checkpoint(seen: Data<Seen>, body: Bytes) -> HttpResponse {
    let seen: Arc<Seen> = seen.into_inner();
    match web::block(move || seen.answer(&body)).await {
        Ok(Ok(Told { status, kind, text })) => {
            HttpResponse::build(status).content_type(kind).body(text)
        }
        failed => {
            tracing::error!(
                ?failed,
                "what would be signed cannot be kept, so that it is not signed"
            );
            HttpResponse::InternalServerError().finish()
        }
    }
}

/// What is answered.
#[derive(Debug)]
struct Told {
    status: StatusCode,
    kind: &'static str,
    text: String,
}

impl Told {
    fn new(status: StatusCode, text: impl Into<String>) -> Self {
        Self { status, kind: PLAIN, text: text.into() }
    }
}

impl Seen {
    /// Judges a request, and keeps what it signs before it says so.
    fn answer(&self, body: &[u8]) -> std::io::Result<Told> {
        let request = match Request::read(body) {
            Ok(request) => request,
            Err(refusal) => return Ok(refused(refusal)),
        };
        let Some(log) = self.logs.iter().find(|log| log.name() == request.origin()) else {
            return Ok(Told::new(StatusCode::NOT_FOUND, "This log is not known here.\n"));
        };
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let file =
            self.folder.join(format!("{}.checkpoint", hex::encode(Sha256::digest(log.name()))));
        let known = match fs::read(&file) {
            Ok(note) => Some(log.checkpoint(&note, "checkpoint").map_err(std::io::Error::other)?),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        if let Err(refusal) = request.judge(log, known.as_ref()) {
            tracing::warn!(log = log.name(), %refusal, "a checkpoint is not signed");
            return Ok(refused(refusal));
        }
        replace(&file, request.note().as_bytes())?;
        let at = u64::try_from(self.clock.now().timestamp()).unwrap_or_default();
        Ok(Told::new(StatusCode::OK, self.witness.cosign(&request, at)))
    }
}

fn refused(refusal: Refusal) -> Told {
    let status = match refusal {
        Refusal::Malformed => StatusCode::BAD_REQUEST,
        Refusal::Unsigned => StatusCode::FORBIDDEN,
        Refusal::Elsewhere(size) => {
            return Told { status: StatusCode::CONFLICT, kind: SIZE, text: format!("{size}\n") };
        }
        Refusal::Forked => StatusCode::CONFLICT,
        Refusal::Proof => StatusCode::UNPROCESSABLE_ENTITY,
    };
    Told::new(status, format!("{refusal}\n"))
}

/// Puts a file in the place of another; it is on disk when this returns.
fn replace(file: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let beside = file.with_added_extension("new");
    let mut out = File::create(&beside)?;
    out.write_all(bytes)?;
    out.sync_all()?;
    fs::rename(&beside, file)?;
    file.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}
