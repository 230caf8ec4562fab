use std::path::Path;

use kernel::Timestamp;
use kernel::id::ImportId;
use platform::audit::Actor;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How a file holds its products.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// One JSON object a line.
    Jsonl,
    /// Comma separated values under a line of names. Lists are separated by `|` or
    /// are JSON; attributes and options are JSON too, or columns such as `attributes.colour` and
    /// `options.size`.
    Csv,
}

impl Format {
    /// The word it is stored as; names of such files end in it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Jsonl => "jsonl",
            Self::Csv => "csv",
        }
    }

    /// The format that the name of a file ends in.
    pub fn of_file(path: &Path) -> Option<Self> {
        Self::of_word(path.extension()?.to_str()?)
    }

    /// The format of a stored word.
    pub fn of_word(word: &str) -> Option<Self> {
        [Self::Jsonl, Self::Csv].into_iter().find(|format| format.word() == word)
    }
}

/// Where an import that was asked for stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum JobStatus {
    /// It waits for its turn.
    Queued,
    /// It is being done.
    Running,
    /// It is through; single lines may have been left out.
    Done,
    /// Its file cannot be read, or the shop has no room for it. What was done until then is done.
    Failed,
    /// Somebody ended it. What was done until then is done.
    Cancelled,
}

impl JobStatus {
    const ALL: [Self; 5] = [Self::Queued, Self::Running, Self::Done, Self::Failed, Self::Cancelled];

    /// Whether it waits or runs.
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Queued | Self::Running)
    }

    /// The word it is stored as.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// The status of a stored word.
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.word() == word)
    }
}

/// An import that was asked for.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Job {
    /// The import.
    pub id: ImportId,
    /// How the file holds its products.
    pub format: Format,
    /// Whether it only decides and writes nothing.
    pub dry_run: bool,
    /// Where it stands.
    pub status: JobStatus,
    /// Who asked for it.
    #[serde(skip)]
    pub actor: Actor,
    /// How much of the file is read.
    pub bytes: i64,
    /// How long the file is.
    pub bytes_total: i64,
    /// Records that are done.
    pub records: i64,
    /// Products that are new.
    pub created: i64,
    /// Products that changed.
    pub updated: i64,
    /// Products that were as the file says.
    pub unchanged: i64,
    /// Lines that were left out.
    pub failed: i64,
    /// Why it failed.
    pub detail: Option<String>,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When it began.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
}
