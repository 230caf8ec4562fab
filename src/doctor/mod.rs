//! What an operator should know about the place that a shop is to run in, before a customer finds it out. Nothing is
//! changed: no database is made, and no migration runs.

mod database;
mod place;
mod policy;
mod redis;
mod replica;

use crate::settings::Settings;

/// How bad something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mark {
    /// As it should be.
    Fine,
    /// A shop runs with it; it is seldom what is wanted.
    Doubtful,
    /// The shop does not run with it, or breaks a promise.
    Bad,
}

/// Something that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// How bad it is.
    pub mark: Mark,
    /// What was looked at, e.g. `database`.
    pub about: &'static str,
    /// What was seen, and what to do about it.
    pub text: String,
}

impl Finding {
    fn new(mark: Mark, about: &'static str, text: impl Into<String>) -> Self {
        Self { mark, about, text: text.into() }
    }

    fn fine(about: &'static str, text: impl Into<String>) -> Self {
        Self::new(Mark::Fine, about, text)
    }

    fn doubtful(about: &'static str, text: impl Into<String>) -> Self {
        Self::new(Mark::Doubtful, about, text)
    }

    fn bad(about: &'static str, text: impl Into<String>) -> Self {
        Self::new(Mark::Bad, about, text)
    }
}

/// Looks at settings, folders, limits of the process and the database.
pub async fn examine(settings: &Settings) -> Vec<Finding> {
    let mut findings = policy::examine(settings);
    findings.extend(place::examine(settings));
    findings.extend(database::examine(settings).await);
    findings.extend(replica::examine(settings).await);
    findings.extend(redis::examine(&settings.redis).await);
    findings
}
