//! A Redis server of a test's own, which it may kill, empty and stop.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::redis::Settings;

/// How long the server may take to answer.
const STARTS_IN: Duration = Duration::from_mins(1);

/// A server that listens at a socket in a folder of its own, and keeps nothing when it ends.
pub struct RedisServer {
    folder: PathBuf,
    process: Child,
}

impl RedisServer {
    /// A server that answers. None where Redis is not installed, which is a skip on a laptop and a failure under
    /// `CI=true`.
    ///
    /// # Panics
    /// When it does not start, or is missing under `CI=true`.
    #[expect(clippy::disallowed_methods, reason = "tests have no settings")]
    pub fn start() -> Option<Self> {
        let must = std::env::var("CI").is_ok_and(|ci| ci == "true");
        let installed =
            Command::new("redis-server").arg("--version").stdout(Stdio::null()).status();
        if installed.is_err() {
            assert!(!must, "redis-server is not installed");
            tracing::warn!("skipped: redis-server is not installed");
            return None;
        }
        let folder = super::folder();
        let process = serve(&folder);
        let server = Self { folder, process };
        server.answers();
        Some(server)
    }

    /// Its address.
    pub fn url(&self) -> String {
        format!("redis+unix://{}", self.folder.join("redis").display())
    }

    /// How a shop asks it, with more patience than a shop has: a machine that is busy is no server that is gone.
    pub fn settings(&self) -> Settings {
        Settings {
            url: self.url().into(),
            prefix: "test".to_owned(),
            budget_ms: 10_000,
            failures_max: 3,
            pause_ms: 1,
            throttle: true,
            pages: true,
        }
    }

    /// Ends it in the middle of what it does.
    ///
    /// # Panics
    /// When it is not there.
    pub fn kill(&mut self) {
        self.process.kill().expect("it runs");
        self.process.wait().expect("it ends");
    }

    /// Starts it again, with nothing in it.
    ///
    /// # Panics
    /// When it does not start.
    pub fn come_back(&mut self) {
        self.process = serve(&self.folder);
        self.answers();
    }

    /// Lets it stand still (`STOP`), or go on (`CONT`).
    ///
    /// # Panics
    /// When it is not there.
    pub fn signal(&self, name: &str) {
        let process = self.process.id().to_string();
        let sent = Command::new("kill").args(["-s", name, &process]).status();
        assert!(sent.expect("kill runs").success(), "the server is not there");
    }

    fn answers(&self) {
        let began = Instant::now();
        let socket = self.folder.join("redis");
        while std::os::unix::net::UnixStream::connect(&socket).is_err() {
            assert!(began.elapsed() < STARTS_IN, "redis-server does not start");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn serve(folder: &std::path::Path) -> Child {
    let mut command = Command::new("redis-server");
    command.args(["--port", "0", "--save", "", "--appendonly", "no", "--unixsocket", "redis"]);
    command.arg("--dir").arg(folder).current_dir(folder);
    command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().expect("redis-server starts")
}
