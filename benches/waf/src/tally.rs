//! Shares of what was detected, by class and by source.

use std::collections::BTreeMap;
use std::fmt;

use crate::corpus::Sample;

/// How many there were, and how many were taken for attacks.
#[derive(Debug, Default, Clone, Copy)]
struct Share {
    all: u32,
    seen: u32,
}

impl Share {
    fn percent(self) -> f64 {
        100.0 * f64::from(self.seen) / f64::from(self.all.max(1))
    }
}

/// Shares by what a text is, its class and its source.
#[derive(Debug, Default)]
pub struct Tally {
    shares: BTreeMap<(bool, String, String), Share>,
}

impl Tally {
    /// Counts a text in the rows that it belongs to.
    pub fn add(&mut self, sample: &Sample, seen: bool) {
        let rows = [
            ("all".to_owned(), String::new()),
            (sample.class.clone(), String::new()),
            (sample.class.clone(), sample.source.clone()),
        ];
        for (class, source) in rows {
            let share = self.shares.entry((!sample.attack, class, source)).or_default();
            share.all += 1;
            share.seen += u32::from(seen);
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "| | class | source | texts | detected | % |\n|---|---|---|--:|--:|--:|")?;
        for ((benign, class, source), share) in &self.shares {
            let kind = if *benign { "shop" } else { "attack" };
            let Share { all, seen } = share;
            writeln!(
                f,
                "| {kind} | {class} | {source} | {all} | {seen} | {:.2} |",
                share.percent()
            )?;
        }
        Ok(())
    }
}
