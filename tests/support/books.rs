//! The books of a shop, once nothing is under way in it.

use std::time::{Duration, Instant};

use chrono::TimeDelta;
use kernel::{Clock, Timestamp};

use super::{Shop, WAIT_MAX};

/// Within which time whatever is under way goes on: longer than a lease and each pause.
const SOON: TimeDelta = TimeDelta::seconds(30);

impl Shop {
    /// Runs `stoa verify` without grace on a shop that was stopped, and fails when an invariant is
    /// broken. A running shop has events on their way at any time: see [`Shop::settle`].
    pub fn assert_books(&self) {
        assert!(self.process.is_none(), "the shop must be stopped first");
        let verified = self.run(&["verify", "--grace-s", "0"]);
        let text = String::from_utf8_lossy(&verified.stdout);
        assert!(verified.status.success(), "{text}\n{verified:?}\n{}", self.log());
    }

    /// Waits until everything is settled: `stoa verify` without grace finds nothing, twice with the
    /// same rows, and nothing wakes up soon. Once is not enough: an event that is handled while it looks
    /// may cause another one in a table it has looked at already.
    pub fn settle(&self) {
        let began = Instant::now();
        let mut before = None;
        loop {
            let verified = self.run(&["verify", "--grace-s", "0"]);
            let text = String::from_utf8_lossy(&verified.stdout).into_owned();
            let clean = verified.status.success();
            let is_quiet = clean && before.as_ref() == Some(&text) && !self.wakes_soon(&text);
            if is_quiet {
                return;
            }
            assert!(began.elapsed() < WAIT_MAX, "{text}\n{verified:?}\n{}", self.log());
            if !clean || before.as_ref() == Some(&text) {
                std::thread::sleep(Duration::from_millis(200));
            }
            before = clean.then_some(text);
        }
    }

    /// Whether an event is tried again, or a saga goes on, by what `stoa verify` said: one that was killed when its lease
    /// ends, one that failed after a pause. Those that wait for a shopper's challenge do so for longer.
    fn wakes_soon(&self, verified: &str) -> bool {
        if verified.contains("parked events are tried again") {
            return true;
        }
        if verified.contains(" 0 rows  order: no saga is stuck") {
            return false;
        }
        let soon = Clock::system().now() + SOON;
        let listed = self.run(&["sagas", "list"]);
        let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
        // An error of one may have several lines.
        let due = |saga: &str| {
            let due = saga.split(" due ").nth(1)?.split(" UTC").next()?;
            format!("{due}Z").parse::<Timestamp>().ok()
        };
        let mut due = listed.lines().filter_map(due).peekable();
        // None is left: it ended meanwhile, and what it told of is under way.
        due.peek().is_none() || due.any(|due| due < soon)
    }
}
