//! The server of a shop as a process.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use super::Shop;

impl Shop {
    /// Starts the server, with more variables for this one process.
    pub fn start(&mut self, more: &[(&str, &str)]) {
        let log = self.folder.join("server.log");
        let log = std::fs::OpenOptions::new().create(true).append(true).open(log).unwrap();
        let mut child = self
            .command(&["serve"])
            // It lives for seconds: huge pages would be zeroed for what it never uses of them.
            .env("MIMALLOC_ALLOW_THP", "0")
            .envs(more.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let ready = lines.by_ref().map_while(Result::ok).find(|line| line.starts_with("ready: "));
        let ready = ready.unwrap_or_else(|| panic!("the shop did not start: {}", self.log()));
        let address = |after: &str| {
            let rest = ready.split(after).nth(1).unwrap_or_default();
            rest.split(',').next().unwrap().to_owned()
        };
        self.base = address("ready: ");
        self.ops = address("ops ");
        self.redirect = address("redirect ");
        // The pipe must be read on, or the server would stop at its next line.
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
        self.process = Some(child);
    }

    /// What the server wrote to its log.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.join("server.log")).unwrap_or_default()
    }

    /// Sends a signal to the server.
    pub fn signal(&self, name: &str) {
        let process = self.process.as_ref().unwrap();
        let sent = Command::new("kill").args(["-s", name, &process.id().to_string()]).status();
        assert!(sent.unwrap().success());
    }

    /// Ends the server with SIGKILL.
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().unwrap();
            process.wait().unwrap();
        }
    }

    /// Asks the server to stop, and waits until it has.
    pub fn stop(&mut self) {
        let mut process = self.process.take().unwrap();
        Command::new("kill").arg(process.id().to_string()).status().unwrap();
        assert!(process.wait().unwrap().success(), "{}", self.log());
    }

    /// Whether the server has died, as it does at an armed fault point.
    pub fn has_died(&mut self) -> bool {
        self.process.as_mut().is_some_and(|process| process.try_wait().unwrap().is_some())
    }
}
