//! The server as a process: started, waited for, its use of the machine, stopped.

use std::fs::{self, File};
use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use bytes::Bytes;
use serde::Serialize;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, ChildStdout, Command};

use crate::bare;
use crate::error::{Error, Result};

/// How long a server may take until it says that it is ready.
const READY_WITHIN: Duration = Duration::from_mins(2);
/// How long it may take to end, and the check of the books.
const STOPPED_WITHIN: Duration = Duration::from_secs(30);
const VERIFIED_WITHIN: Duration = Duration::from_mins(5);
/// The unit of processor time in `/proc`, which Linux fixes for programs.
const TICKS_PER_SECOND: f64 = 100.0;
/// How much of the log an error shows.
const LOG_LINES_SHOWN: usize = 20;

/// What the shop is started with besides its data folder.
#[derive(Debug, Clone, clap::Args)]
pub struct Extra {
    /// A further argument of `stoa serve`; may be repeated.
    #[arg(long = "server-arg", allow_hyphen_values = true)]
    pub server_args: Vec<String>,
    /// A setting of the shop, such as `STOA__SECTION__KEY=value`; may be repeated.
    #[arg(long = "server-env", value_parser = setting)]
    pub server_env: Vec<(String, String)>,
}

fn setting(text: &str) -> std::result::Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("expected KEY=VALUE")?;
    Ok((key.to_owned(), value.to_owned()))
}

/// A running server. It ends with the harness at the latest.
pub struct Server {
    /// Where it answers.
    pub address: SocketAddr,
    child: Child,
    log: PathBuf,
}

/// What a process has used so far.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Usage {
    /// Seconds of processor time.
    pub cpu_seconds: f64,
    /// Bytes in memory now.
    pub resident_bytes: u64,
}

/// What `stoa verify` said.
#[derive(Debug, Serialize)]
pub struct Verified {
    /// Whether the books are in order.
    pub clean: bool,
    /// Its words.
    pub output: String,
}

impl Server {
    /// The harness's own bare handler, in a process of its own, with these bodies.
    pub async fn start_bare(folder: &Path, bodies: &[Bytes]) -> Result<Self> {
        let address = free_address()?;
        let file = folder.join("bodies.json");
        bare::write(&file, bodies)?;
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("bare").arg(address.to_string()).arg(file);
        Self::start(command, address, folder.join("bare.log")).await
    }

    /// The shop over a data folder; what it is made with comes on top.
    pub async fn start_shop(stoa: &Path, data: &Path, more: &Extra) -> Result<Self> {
        let address = free_address()?;
        let mut command = Command::new(stoa);
        command.args(["serve", "--listen", &address.to_string(), "--data-dir"]);
        // All clients come from one address here.
        command.env("STOA__EDGE__THROTTLE", "false");
        command.env("STOA__EDGE__GUEST_CHECKOUT", "true");
        command.env("STOA__FRAUD__RULES__VELOCITY", "allow");
        command.arg(data).args(&more.server_args).envs(more.server_env.iter().cloned());
        Self::start(command, address, data.with_extension("log")).await
    }

    async fn start(mut command: Command, address: SocketAddr, log: PathBuf) -> Result<Self> {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(File::create(&log)?);
        let mut child = command.kill_on_drop(true).spawn()?;
        let stdout = child.stdout.take().ok_or_else(|| Error::Setup("no stdout".into()))?;
        let server = Self { address, child, log };
        let ready = tokio::time::timeout(READY_WITHIN, ready(stdout, address)).await;
        match ready.unwrap_or(Err(Error::Timeout(READY_WITHIN))) {
            Ok(()) => Ok(server),
            Err(source) => Err(Error::Shop { source: Box::new(source), log: server.log_end() }),
        }
    }

    /// What it has used so far.
    pub fn usage(&self) -> Result<Usage> {
        let id = self.child.id().ok_or_else(|| Error::Setup("the server has ended".into()))?;
        usage_of(&id.to_string())
    }

    /// The end of what it said on stderr.
    pub fn log_end(&self) -> String {
        let log = fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<_> = log.lines().collect();
        lines[lines.len().saturating_sub(LOG_LINES_SHOWN)..].join("\n")
    }

    /// Asks it to end, and ends it when it does not.
    pub async fn stop(&mut self) -> Result<()> {
        if let Some(id) = self.child.id() {
            // The shell's own `kill` is on every machine.
            Command::new("sh")
                .args(["-c", "kill -TERM \"$1\"", "sh", &id.to_string()])
                .status()
                .await?;
        }
        if tokio::time::timeout(STOPPED_WITHIN, self.child.wait()).await.is_err() {
            self.child.kill().await?;
            return Err(Error::Shop {
                source: Box::new(Error::Timeout(STOPPED_WITHIN)),
                log: self.log_end(),
            });
        }
        Ok(())
    }
}

/// Reads until the line that says where the server answers, and goes on reading after it, so that
/// the server never waits for a reader.
async fn ready(stdout: ChildStdout, address: SocketAddr) -> Result<()> {
    let mut lines = BufReader::new(stdout).lines();
    let port = format!(":{}", address.port());
    loop {
        match lines.next_line().await? {
            Some(line) if line.contains(&port) => break,
            Some(_) => {}
            None => return Err(Error::Setup("the server ended before it was ready".into())),
        }
    }
    tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
    Ok(())
}

/// A port that nobody listens on.
pub fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}

/// What the harness itself has used so far.
pub fn own_usage() -> Result<Usage> {
    usage_of("self")
}

/// What all processes of a program have used so far, as far as they run.
pub fn usage_of_all(program: &str) -> Result<Usage> {
    let mut all = Usage { cpu_seconds: 0.0, resident_bytes: 0 };
    for entry in fs::read_dir("/proc")? {
        let process = entry?.file_name().to_string_lossy().into_owned();
        let name = fs::read_to_string(format!("/proc/{process}/comm")).unwrap_or_default();
        // One may end meanwhile.
        if name.trim() == program
            && let Ok(Usage { cpu_seconds, resident_bytes }) = usage_of(&process)
        {
            all.cpu_seconds += cpu_seconds;
            all.resident_bytes += resident_bytes;
        }
    }
    Ok(all)
}

fn usage_of(process: &str) -> Result<Usage> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat"))?;
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    usage_from(&stat, &status)
        .ok_or_else(|| std::io::Error::new(ErrorKind::InvalidData, "unexpected /proc").into())
}

fn usage_from(stat: &str, status: &str) -> Option<Usage> {
    // The name of the program, in parentheses, may hold anything; state is the field after it.
    let fields: Vec<_> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = fields.get(11)?.parse::<f64>().ok()? + fields.get(12)?.parse::<f64>().ok()?;
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = resident.split_whitespace().next()?.parse().ok()?;
    Some(Usage { cpu_seconds: ticks / TICKS_PER_SECOND, resident_bytes: kib * 1024 })
}

/// The kind of file system under a folder, such as `ext4`, or `tmpfs`, which is memory.
pub fn filesystem_of(folder: &Path) -> String {
    let mounts = fs::read_to_string("/proc/mounts").unwrap_or_default();
    let fields = mounts.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let over = fields.filter(|fields| fields.len() > 2 && folder.starts_with(fields[1]));
    over.max_by_key(|fields| fields[1].len()).map_or("unknown", |fields| fields[2]).to_owned()
}

/// Runs another command of the shop over a data folder.
pub async fn command(
    stoa: &Path,
    arguments: &[&str],
    data: &Path,
    settings: &[(String, String)],
) -> Result<()> {
    let mut command = Command::new(stoa);
    command.args(arguments).arg("--data-dir").arg(data).envs(settings.iter().cloned());
    let output = command.stdin(Stdio::null()).kill_on_drop(true).output();
    let output = tokio::time::timeout(VERIFIED_WITHIN, output).await;
    let output = output.map_err(|_| Error::Timeout(VERIFIED_WITHIN))??;
    if output.status.success() {
        return Ok(());
    }
    let words = String::from_utf8_lossy(&output.stderr);
    Err(Error::Setup(format!("{arguments:?}: {}", words.trim())))
}

/// Lets the shop check its own books.
pub async fn verify(stoa: &Path, data: &Path, settings: &[(String, String)]) -> Result<Verified> {
    let mut command = Command::new(stoa);
    command.arg("verify").arg("--data-dir").arg(data).envs(settings.iter().cloned());
    let output = command.stdin(Stdio::null()).kill_on_drop(true).output();
    let output = tokio::time::timeout(VERIFIED_WITHIN, output).await;
    let output = output.map_err(|_| Error::Timeout(VERIFIED_WITHIN))??;
    let words = [output.stdout, output.stderr].concat();
    let output_text = String::from_utf8_lossy(&words).trim().to_owned();
    Ok(Verified { clean: output.status.success(), output: output_text })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn program(folder: &Path, script: &str) -> PathBuf {
        let path = folder.join("stoa");
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    async fn started(folder: &Path, script: &str) -> Result<Server> {
        let stoa = program(folder, script);
        let more = Extra { server_args: Vec::new(), server_env: Vec::new() };
        Server::start_shop(&stoa, &folder.join("data"), &more).await
    }

    #[test]
    fn usage_is_read_whatever_the_program_is_called() {
        let stat = "7 (a b) c) S 1 1 1 0 -1 4194304 100 0 0 0 250 50 0 0 20 0 9 0 1 2 3";
        let usage = usage_from(stat, "Name:\tx\nVmRSS:\t    2048 kB\n").unwrap();
        assert_eq!(usage, Usage { cpu_seconds: 3.0, resident_bytes: 2 * 1024 * 1024 });
        assert_eq!(usage_from(stat, "Name:\tx\n"), None);
        assert!(own_usage().unwrap().resident_bytes > 0);
    }

    #[tokio::test]
    async fn a_server_that_says_its_port_is_ready_and_can_be_stopped() {
        let folder = tempfile::tempdir().unwrap();
        let script = "echo starting; echo \"ready on $3\"; exec sleep 60";
        let mut server = started(folder.path(), script).await.unwrap();
        assert!(server.usage().unwrap().resident_bytes > 0);
        server.stop().await.unwrap();
        assert!(server.usage().is_err());
    }

    #[tokio::test]
    async fn a_server_that_ends_is_told_with_its_last_words() {
        let folder = tempfile::tempdir().unwrap();
        let Err(error) = started(folder.path(), "echo 'no room for data' >&2; exit 3").await else {
            panic!("it cannot be ready");
        };
        assert!(error.to_string().contains("no room for data"), "{error}");
    }

    #[tokio::test]
    async fn books_that_are_not_in_order_are_told() {
        let folder = tempfile::tempdir().unwrap();
        let stoa = program(folder.path(), "echo 'stock is negative'; exit 1");
        let verified = verify(&stoa, folder.path(), &[]).await.unwrap();
        assert!(!verified.clean);
        assert_eq!(verified.output, "stock is negative");
        let stoa = program(folder.path(), "exit 0");
        assert!(verify(&stoa, folder.path(), &[]).await.unwrap().clean);
    }
}
