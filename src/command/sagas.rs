//! `stoa sagas`

use std::process::ExitCode;

use clap::Subcommand;
use kernel::Clock;
use platform::audit::Actor;
use platform::saga;
use platform::sql::Db;
use uuid::Uuid;

use super::{Failure, say};
use crate::app::open_database;
use crate::settings::Settings;

/// How many sagas are listed.
const LISTED_MAX: i64 = 1_000;

/// What to do with sagas.
#[derive(Debug, Subcommand)]
pub(super) enum Sagas {
    /// List those that have not ended, stuck ones first
    List,
    /// Show the history of a saga or of its subject, e.g. an order
    History {
        /// The saga, or its subject
        id: Uuid,
    },
    /// Let one go on at once, with fresh patience
    Retry {
        /// The saga
        id: Uuid,
    },
    /// Give one up and undo its steps
    Compensate {
        /// The saga
        id: Uuid,
    },
}

/// Lists sagas, or intervenes in one.
pub(super) async fn sagas(settings: &Settings, what: Sagas) -> Result<ExitCode, Failure> {
    let db = open_database(settings, &order::SCHEMA, &Clock::system()).await?;
    // Refused where nobody is to work on it.
    platform::sql::applied(&db).await?;
    let done = match what {
        Sagas::List => {
            list(&db).await?;
            true
        }
        Sagas::History { id } => {
            let steps = saga::history(&db, id).await?;
            for step in &steps {
                let detail = step.detail.as_deref().unwrap_or_default();
                say(format!("{} {} {} {} {detail}", step.at, step.phase, step.step, step.outcome));
            }
            !steps.is_empty()
        }
        Sagas::Retry { id } => saga::retry(&db, id, &Actor::OPERATOR).await?,
        Sagas::Compensate { id } => saga::compensate(&db, id, &Actor::OPERATOR).await?,
    };
    db.close().await;
    if done {
        return Ok(ExitCode::SUCCESS);
    }
    Err("there is no such saga, or its state does not allow this".into())
}

async fn list(db: &Db) -> Result<(), Failure> {
    for saga in saga::list(db, LISTED_MAX).await? {
        say(format!(
            "{} {} of {} step {} attempts {} due {} deadline {} {}",
            saga.phase,
            saga.id,
            saga.subject,
            saga.step,
            saga.attempts,
            saga.due_at,
            saga.deadline,
            saga.last_error.unwrap_or_default(),
        ));
    }
    Ok(())
}
