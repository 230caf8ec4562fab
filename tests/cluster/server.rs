//! A PostgreSQL server of its own, on a disk of its own, which a test may kill and fill.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

/// The port, which only names the socket: the server listens at no other one.
const PORT: u16 = 5432;
/// How large its disk is: some orders more than an empty shop.
const DISK: &str = "size=400m";
/// For how many seconds it is looked whether a server that found its disk full has ended.
const ENDS_WITHIN: u32 = 5;
const SETTINGS: &str = "
listen_addresses=''
max_connections=400
autovacuum=off
# A process that dies takes nothing of what the system has; a commit waits until the system has it.
fsync=off
full_page_writes=off
synchronous_commit=on
min_wal_size=32MB
max_wal_size=64MB
shared_buffers=32MB
";

pub struct Server {
    disk: PathBuf,
    programs: PathBuf,
}

impl Server {
    /// None where there is no PostgreSQL, or nobody who may mount a disk for it: a skip on a laptop, a failure where
    /// everything must run.
    #[expect(clippy::disallowed_methods, reason = "tests have no settings")]
    pub fn start() -> Option<Self> {
        let must = std::env::var("CI").is_ok_and(|ci| ci == "true");
        let Some(programs) = programs() else {
            assert!(!must, "PostgreSQL is not installed");
            return None;
        };
        let disk = platform::testing::folder();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", DISK, "tmpfs"]).arg(&disk);
        if !mount.status().is_ok_and(|status| status.success()) {
            assert!(!must, "a disk cannot be mounted");
            return None;
        }
        let server = Self { disk, programs };
        // Only root may mount, and the server refuses to run as root.
        let chown = Command::new("chown").arg("postgres:").arg(&server.disk).status();
        assert!(chown.unwrap().success());
        server
            .run("initdb", &["-U", "shop", "--auth=trust", "-E", "UTF8", "--locale=C.UTF-8", "-N"]);
        let file = server.data().join("postgresql.conf");
        let socket = server.disk.display();
        let settings = format!("{SETTINGS}unix_socket_directories='{socket}'\nport={PORT}\n");
        let before = std::fs::read_to_string(&file).unwrap();
        std::fs::write(&file, before + &settings).unwrap();
        server.run("pg_ctl", &["-w", "-t", "120", "start"]);
        Some(server)
    }

    /// Its socket.
    pub fn socket(&self) -> PathBuf {
        self.disk.join(format!(".s.PGSQL.{PORT}"))
    }

    /// Ends it in the middle of what it does, and starts it again.
    pub fn crash(&self) {
        self.run("pg_ctl", &["-w", "-m", "immediate", "stop"]);
        self.run("pg_ctl", &["-w", "-t", "120", "start"]);
    }

    /// Whether a file that fills the disk could be written.
    pub fn fill(&self) {
        let file = std::fs::File::create(self.filling()).unwrap();
        let mut zeros = std::io::repeat(0);
        // The error is what is wanted.
        assert!(std::io::copy(&mut zeros, &mut &file).is_err());
    }

    /// Makes room again. A server that ended without it is started again.
    pub fn make_room(&self) {
        std::fs::remove_file(self.filling()).unwrap();
        // It may be about to end.
        for _ in 0..ENDS_WITHIN {
            if !self.command("pg_ctl").arg("status").status().unwrap().success() {
                return self.run("pg_ctl", &["-w", "-t", "120", "start"]);
            }
            std::thread::sleep(Duration::from_secs(1));
        }
    }

    fn filling(&self) -> PathBuf {
        self.disk.join("filling")
    }

    fn data(&self) -> PathBuf {
        self.disk.join("data")
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new("setpriv");
        command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]);
        command.arg(self.programs.join(program)).arg("-D").arg(self.data());
        command.stdin(Stdio::null()).stdout(Stdio::null());
        command
    }

    fn run(&self, program: &str, arguments: &[&str]) {
        let log = self.disk.join("log");
        let mut command = self.command(program);
        if program == "pg_ctl" {
            command.arg("-l").arg(&log);
        }
        let done = command.args(arguments).status().unwrap();
        let told = std::fs::read_to_string(log).unwrap_or_default();
        assert!(done.success(), "{program} {arguments:?}: {told}");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.command("pg_ctl").args(["-w", "-m", "immediate", "stop"]).status();
        let _ = Command::new("umount").arg("-l").arg(&self.disk).status();
        let _ = std::fs::remove_dir(&self.disk);
    }
}

/// The folder of the newest PostgreSQL's programs.
fn programs() -> Option<PathBuf> {
    let versions = std::fs::read_dir(Path::new("/usr/lib/postgresql")).ok()?.flatten();
    let version =
        |path: &PathBuf| path.file_name().and_then(|name| name.to_str()?.parse::<u32>().ok());
    let newest = versions.map(|entry| entry.path()).max_by_key(version)?;
    let programs = newest.join("bin");
    programs.join("initdb").exists().then_some(programs)
}
