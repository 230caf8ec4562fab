//! PostgreSQL's own tools, which save all schemas as they are in one snapshot, and make them again.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use kernel::Clock;
use percent_encoding::percent_decode_str;
use platform::sql;
use tokio::process::Command;

use super::{Error, Result, refused};
use crate::app::{SCHEMAS, open_database};
use crate::settings::{Database, Settings};

/// The file of a backup that has the databases.
pub const DUMP: &str = "postgres.dump";
/// How long `pg_dump` waits for a table that a migration holds.
const LOCK_WAIT_MAX: &str = "--lock-wait-timeout=30s";

/// Saves the schemas of all modules.
pub async fn dump(settings: &Settings, folder: &Path) -> Result<()> {
    let mut command = tool(&settings.database, "pg_dump");
    command.args(["--format=custom", "--strict-names", LOCK_WAIT_MAX]);
    command.args(schemas(settings).map(|schema| format!("--schema=\"{schema}\"")));
    command.arg("--file").arg(folder.join(DUMP));
    run("pg_dump", command).await
}

/// Refuses a database that has anything in a schema of a module. The schemas are made.
pub async fn refuse_used(settings: &Settings) -> Result<()> {
    for schema in &SCHEMAS {
        let db = open_database(settings, schema, &Clock::system()).await?;
        let is_empty = sql::is_empty(&db).await;
        db.close().await;
        if !is_empty? {
            return refused(format!(
                "the database has a schema of {} that is not empty: create another database and name it in database.url",
                schema.module
            ));
        }
    }
    Ok(())
}

/// Makes what was saved again, in schemas that are empty: all of it or nothing. It belongs to whoever does it.
pub async fn restore(settings: &Settings, folder: &Path) -> Result<()> {
    let mut command = tool(&settings.database, "pg_restore");
    command.args(["--single-transaction", "--exit-on-error", "--no-owner", "--no-privileges"]);
    command.args(schemas(settings).map(|schema| format!("--schema={schema}")));
    command.arg(folder.join(DUMP));
    run("pg_restore", command).await
}

fn schemas(settings: &Settings) -> impl Iterator<Item = String> {
    let prefix = &settings.database.schema_prefix;
    SCHEMAS.iter().map(move |schema| format!("{prefix}{}", schema.module))
}

/// A tool that works on the database. Everybody on the machine can see its arguments: the password is not among them.
fn tool(database: &Database, name: &str) -> Command {
    let program: PathBuf = match database.tools_dir.as_os_str() {
        dir if dir.is_empty() => name.into(),
        _ => database.tools_dir.join(name),
    };
    let (url, password) = apart(&database.url);
    let mut command = Command::new(program);
    command.arg("--no-password").arg("--dbname").arg(url).stdin(Stdio::null()).kill_on_drop(true);
    if let Some(password) = password {
        command.env("PGPASSWORD", password);
    }
    command
}

/// An address without its password, and the password.
pub fn apart(url: &str) -> (String, Option<String>) {
    let authority = url.find("://").map_or(0, |at| at + 3);
    let (scheme, rest) = url.split_at(authority);
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let Some((user, host)) = rest.get(..end).and_then(|authority| authority.rsplit_once('@'))
    else {
        return (url.to_owned(), None);
    };
    let Some((name, password)) = user.split_once(':') else { return (url.to_owned(), None) };
    let password = percent_decode_str(password).decode_utf8_lossy().into_owned();
    (format!("{scheme}{name}@{host}{}", rest.get(end..).unwrap_or_default()), Some(password))
}

/// Waits for a tool, for as long as the database is large. What it says of itself is the error.
async fn run(tool: &'static str, mut command: Command) -> Result<()> {
    let output = match command.output().await {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let told = "it is not there; install PostgreSQL's client, or name its folder in database.tools_dir";
            return Err(Error::Tool { tool, told: told.to_owned() });
        }
        output => output.map_err(|error| Error::Tool { tool, told: error.to_string() })?,
    };
    if output.status.success() {
        return Ok(());
    }
    let told = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(Error::Tool { tool, told: format!("{}: {told}", output.status) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_password_is_no_part_of_the_address() {
        let told = |url: &str| apart(url);
        let (with, without) =
            ("postgres://stoa:a%40b:c@db:5432/shop?sslmode=require", "postgres://stoa@db/shop");
        let address = "postgres://stoa@db:5432/shop?sslmode=require".to_owned();
        assert_eq!(told(with), (address, Some("a@b:c".to_owned())));
        assert_eq!(told(without), (without.to_owned(), None));
        assert_eq!(told("postgres://db/a:b@c"), ("postgres://db/a:b@c".to_owned(), None));
    }
}
