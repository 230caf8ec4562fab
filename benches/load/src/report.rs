//! The report: a Markdown table for people, and the same as JSON.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;

use serde::Serialize;

use crate::drive::Measured;
use crate::process::{Usage, Verified};

/// Bytes.
pub const MIB: u64 = 1024 * 1024;

/// What one scenario gave with one number of clients.
#[derive(Debug, Serialize)]
pub struct Row {
    /// What was done.
    pub scenario: &'static str,
    /// Whether the bare handler did it, with the same bytes.
    pub bare: bool,
    /// How many clients did it.
    pub clients: usize,
    /// How often it succeeded.
    pub done: u64,
    /// Successes per second.
    pub per_second: f64,
    /// Latencies of the successes, in microseconds.
    pub p50_us: u64,
    /// The 95th percentile.
    pub p95_us: u64,
    /// The 99th percentile.
    pub p99_us: u64,
    /// Processors that the server kept busy.
    pub server_cpus: f64,
    /// The server's memory at the end, in bytes.
    pub server_resident_bytes: u64,
    /// Processors that the harness kept busy: where it is near the server's, the machine was shared.
    pub generator_cpus: f64,
    /// What did not succeed, by its name.
    pub others: BTreeMap<String, u64>,
}

impl Row {
    /// From what was measured, and the use of server and harness before and after.
    pub fn new(
        (scenario, bare): (&'static str, bool),
        clients: usize,
        measured: &Measured,
        before: (Usage, Usage),
        after: (Usage, Usage),
    ) -> Self {
        let seconds = measured.elapsed.as_secs_f64().max(f64::EPSILON);
        let busy = |before: Usage, after: Usage| (after.cpu_seconds - before.cpu_seconds) / seconds;
        let done = measured.latencies.len();
        Self {
            scenario,
            bare,
            clients,
            done,
            per_second: to_f64(done) / seconds,
            p50_us: measured.latencies.value_at_quantile(0.50),
            p95_us: measured.latencies.value_at_quantile(0.95),
            p99_us: measured.latencies.value_at_quantile(0.99),
            server_cpus: busy(before.0, after.0),
            server_resident_bytes: after.0.resident_bytes,
            generator_cpus: busy(before.1, after.1),
            others: measured.others.clone(),
        }
    }
}

/// A count as a number to divide.
#[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^52")]
pub fn to_f64(count: u64) -> f64 {
    count as f64
}

/// The whole run.
#[derive(Debug, Serialize)]
pub struct Report {
    /// The machine's processor.
    pub processor: String,
    /// How many of it.
    pub processors: usize,
    /// The file system under the data folder.
    pub filesystem: String,
    /// Seconds per row.
    pub seconds: u64,
    /// The rows.
    pub rows: Vec<Row>,
    /// What `stoa verify` said after the run.
    pub verified: Option<Verified>,
}

impl Report {
    /// An empty report of this machine.
    pub fn new(filesystem: String, seconds: u64) -> Self {
        let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let model = info.lines().find(|line| line.starts_with("model name"));
        let model = model.and_then(|line| line.split_once(": ")).map_or("unknown", |(_, it)| it);
        let processors = std::thread::available_parallelism().map_or(1, Into::into);
        let processor = model.to_owned();
        Self { processor, processors, filesystem, seconds, rows: Vec::new(), verified: None }
    }

    /// Why the run may not count, if so.
    pub fn fault(&self) -> Option<String> {
        if let Some(row) = self.rows.iter().find(|row| row.done == 0) {
            let (scenario, clients) = (row.scenario, row.clients);
            return Some(format!(
                "{scenario} with {clients} clients never succeeded: {:?}",
                row.others
            ));
        }
        match &self.verified {
            Some(verified) if verified.clean => None,
            Some(verified) => Some(format!("THE BOOKS ARE NOT IN ORDER:\n{}", verified.output)),
            None => Some("the books were not checked".to_owned()),
        }
    }

    /// How much of the bare handler's rate a row reaches, with the same bytes or else those of the
    /// first rows, and the same number of clients.
    fn of_bare(&self, row: &Row) -> Option<f64> {
        let mut bare = self.rows.iter().filter(|it| it.bare && it.clients == row.clients);
        let same = bare.clone().find(|it| it.scenario == row.scenario);
        let bare = same.or_else(|| bare.next())?;
        (bare.per_second > 0.0).then(|| row.per_second / bare.per_second)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { processor, processors, filesystem, seconds, .. } = self;
        writeln!(
            f,
            "{processors} x {processor}, data on {filesystem}, {seconds} s per row. Server and"
        )?;
        writeln!(f, "load generator share the machine; CPU is in processors kept busy.\n")?;
        writeln!(
            f,
            "| scenario | clients | per second | of bare | p50 ms | p95 ms | p99 ms | server CPU | \
             memory MiB | generator CPU | other outcomes |"
        )?;
        writeln!(f, "|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|---|")?;
        for row in &self.rows {
            let of_bare = self.of_bare(row).map_or("-".to_owned(), |ratio| format!("{ratio:.3}"));
            let others: Vec<_> =
                row.others.iter().map(|(name, count)| format!("{count} x {name}")).collect();
            writeln!(
                f,
                "| {}{} | {} | {:.0} | {of_bare} | {} | {} | {} | {:.2} | {} | {:.2} | {} |",
                if row.bare { "bare handler: " } else { "" },
                row.scenario,
                row.clients,
                row.per_second,
                millis(row.p50_us),
                millis(row.p95_us),
                millis(row.p99_us),
                row.server_cpus,
                row.server_resident_bytes / MIB,
                row.generator_cpus,
                others.join("; "),
            )?;
        }
        let clean = self.verified.as_ref().is_some_and(|verified| verified.clean);
        writeln!(
            f,
            "\n`stoa verify` after the run: {}.\n",
            if clean { "clean" } else { "NOT CLEAN" }
        )?;
        let json = serde_json::to_string(self).map_err(|_| fmt::Error)?;
        writeln!(f, "```json\n{json}\n```")
    }
}

/// Milliseconds with two digits.
pub fn millis(micros: u64) -> String {
    format!("{}.{:02}", micros / 1000, micros % 1000 / 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(scenario: &'static str, clients: usize, done: u64) -> Row {
        Row {
            scenario,
            bare: false,
            clients,
            done,
            per_second: to_f64(done),
            p50_us: 1234,
            p95_us: 2000,
            p99_us: 30_050,
            server_cpus: 1.0,
            server_resident_bytes: 3 * MIB,
            generator_cpus: 0.5,
            others: BTreeMap::new(),
        }
    }

    fn report(rows: Vec<Row>, clean: bool) -> Report {
        let verified = Some(Verified { clean, output: "stock is negative".into() });
        Report { rows, verified, ..Report::new("ext4".into(), 1) }
    }

    #[test]
    fn rows_are_ratios_to_the_bare_handler_with_as_many_clients() {
        let bare = |scenario, clients, done| Row { bare: true, ..row(scenario, clients, done) };
        let rows = vec![
            bare("product", 16, 200),
            bare("search", 1, 100),
            bare("search", 16, 400),
            row("search", 16, 100),
            row("checkout", 16, 100),
        ];
        let report = report(rows, true);
        for (name, ratio) in [("search", "0.250"), ("checkout", "0.500")] {
            let line = format!("| {name} | 16 | 100 | {ratio} | 1.23 | 2.00 | 30.05 | 1.00 | 3 |");
            assert!(report.to_string().contains(&line), "{report}");
        }
        assert_eq!(report.fault(), None);
    }

    #[test]
    fn a_run_that_does_not_count_says_so() {
        let unclean = report(vec![row("bare", 1, 1)], false);
        assert!(unclean.fault().unwrap().contains("stock is negative"));
        assert!(unclean.to_string().contains("NOT CLEAN"));
        assert!(report(vec![row("search", 1, 0)], true).fault().unwrap().contains("search"));
        let unchecked = Report { verified: None, ..report(vec![], true) };
        assert!(unchecked.fault().is_some());
    }
}
