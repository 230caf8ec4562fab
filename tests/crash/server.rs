//! A PostgreSQL server of a test's own, which it may end and copy.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use crate::support::WAIT_MAX;

/// A server that listens at a socket in a folder of its own.
pub struct Server {
    tools: PathBuf,
    pub folder: PathBuf,
    /// What its data are called in there.
    pub data: &'static str,
}

impl Server {
    /// One that is not running yet. None where PostgreSQL is not there.
    pub fn new() -> Option<Self> {
        platform::testing::postgres()?;
        let versions = std::fs::read_dir("/usr/lib/postgresql").ok()?;
        let mut tools: Vec<PathBuf> =
            versions.map(|version| version.unwrap().path().join("bin")).collect();
        tools.sort();
        let server = Self::in_a_folder(tools.pop()?);
        let data = server.data().display().to_string();
        said(server.tool("initdb").args(["-D", &data, "-U", "shop", "--auth=trust", "-N"]));
        server.listen();
        server.set("listen_addresses = ''\nfsync = off\nwal_keep_size = 512MB");
        Some(server)
    }

    fn in_a_folder(tools: PathBuf) -> Self {
        let server = Self { tools, folder: platform::testing::folder(), data: "data" };
        give(&server.folder);
        server
    }

    fn listen(&self) {
        self.set(&format!("unix_socket_directories = '{}'", self.folder.display()));
    }

    /// Lets it archive what it writes, in its folder `archive`.
    pub fn archive(&self) {
        let archive = self.folder.join("archive");
        std::fs::create_dir(&archive).unwrap();
        give(&archive);
        let archive = archive.display();
        self.set(&format!(
            "archive_mode = on\n\
             archive_command = 'test ! -f {archive}/%f && cp %p {archive}/%f.part && \
             mv {archive}/%f.part {archive}/%f'"
        ));
    }

    /// A copy of its data of now, beside whoever writes.
    pub fn base_backup(&self, to: &Path, more: &[&str]) {
        let mut copy = self.tool("pg_basebackup");
        copy.args(["-h", self.folder.to_str().unwrap(), "-U", "shop", "--checkpoint=fast"]);
        said(copy.arg("-D").arg(to).args(more));
    }

    /// A standby of it, which is running.
    pub fn standby(&self) -> Self {
        let standby = Self::in_a_folder(self.tools.clone());
        self.base_backup(&standby.data(), &["--write-recovery-conf"]);
        standby.listen();
        standby.start();
        standby
    }

    pub fn data(&self) -> PathBuf {
        self.folder.join(self.data)
    }

    /// One of PostgreSQL's programs, as who may run it.
    fn tool(&self, name: &str) -> Command {
        let program = self.tools.join(name);
        if !is_root() {
            return Command::new(program);
        }
        let mut command = Command::new("setpriv");
        command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]).arg(program);
        // Its own folder is not one that everybody may look into.
        command.current_dir(&self.folder);
        command
    }

    pub fn set(&self, settings: &str) {
        let file = self.data().join("postgresql.conf");
        let known = std::fs::read_to_string(&file).unwrap();
        std::fs::write(file, format!("{known}\n{settings}\n")).unwrap();
    }

    pub fn start(&self) {
        let (data, log) = (self.data(), self.folder.join("log"));
        let (data, log) = (data.to_str().unwrap(), log.to_str().unwrap());
        said(self.tool("pg_ctl").args(["-D", data, "-l", log, "-w", "-t", "120", "start"]));
    }

    pub fn stop(&self) {
        let data = self.data();
        let stop = ["-D", data.to_str().unwrap(), "-m", "immediate", "stop"];
        let _ = self.tool("pg_ctl").args(stop).output();
    }

    /// Where a shop finds its database.
    pub fn url(&self) -> String {
        let socket = self.folder.display().to_string().replace('/', "%2F");
        format!("postgres://shop@{socket}/shop")
    }

    pub fn ask(&self, database: &str, statement: &str) -> String {
        let folder = self.folder.to_str().unwrap();
        let mut psql = self.tool("psql");
        let told = said(psql.args(["-h", folder, "-U", "shop", "-d", database, "-Atc", statement]));
        String::from_utf8(told.stdout).unwrap().trim().to_owned()
    }

    /// Waits until a question is answered by this.
    pub fn until(&self, statement: &str, answer: &str) {
        let began = Instant::now();
        while self.ask("shop", statement) != answer {
            assert!(began.elapsed() < WAIT_MAX, "{statement} is not {answer}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
        // A folder that is left behind harms nobody.
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// Gives a folder to whoever runs the server, who is not root.
fn give(folder: &Path) {
    if is_root() {
        said(Command::new("chown").args(["-R", "postgres:postgres"]).arg(folder));
    }
}

fn is_root() -> bool {
    let told = Command::new("id").arg("-u").output().unwrap();
    told.stdout == b"0\n"
}

fn said(command: &mut Command) -> Output {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {output:?}");
    output
}
