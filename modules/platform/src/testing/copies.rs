//! PostgreSQL databases that begin as copies of one that was migrated once: a copy costs a tenth of the migrations.

use sqlx::{AssertSqlSafe, Connection as _, PgConnection};

/// A database of its own on the server for tests, by its address: a copy of the one called `kind`, which is made by
/// `fill` when it is not there yet. None when there is no server.
///
/// # Panics
/// When it cannot be made, or PostgreSQL is missing under `CI=true`.
pub fn copy(kind: &str, fill: impl FnOnce(&str) + Send) -> Option<String> {
    let server = super::postgres()?;
    let name = format!("t{}", kernel::id::EventId::new().uuid().simple());
    let copied = on_a_thread(async {
        let mut conn = PgConnection::connect(&server).await?;
        // Held until this connection ends: one test makes it, the others wait.
        let lock = format!("select pg_advisory_lock(hashtext('{kind}'))");
        run(&mut conn, &lock).await?;
        let known = sqlx::query("select 1 from pg_database where datname = $1").bind(kind);
        if known.fetch_optional(&mut conn).await?.is_none() {
            let begun = format!("{kind}_begun");
            // What a test that died left half done.
            run(&mut conn, &format!("drop database if exists {begun} with (force)")).await?;
            run(&mut conn, &format!("create database {begun}")).await?;
            fill(&address(&server, &begun));
            run(&mut conn, &format!("alter database {begun} rename to {kind}")).await?;
        }
        run(&mut conn, &format!("create database {name} template {kind}")).await
    });
    copied.expect("the server for tests makes a database");
    Some(address(&server, &name))
}

/// Drops a copy. One that is left behind harms nobody.
pub fn drop_copy(url: &str) {
    let (Some(server), Some((_, name))) = (super::postgres(), url.rsplit_once('/')) else { return };
    let _ = on_a_thread(async {
        let mut conn = PgConnection::connect(&server).await?;
        run(&mut conn, &format!("drop database if exists {name} with (force)")).await
    });
}

/// The address of another database of the same server.
fn address(server: &str, name: &str) -> String {
    let head = server.rsplit_once('/').map_or(server, |(head, _)| head);
    format!("{head}/{name}")
}

async fn run(conn: &mut PgConnection, statement: &str) -> sqlx::Result<()> {
    sqlx::raw_sql(AssertSqlSafe(statement)).execute(conn).await.map(drop)
}

/// Those who ask may be inside of a runtime, which must not be blocked by another one.
fn on_a_thread(work: impl Future<Output = sqlx::Result<()>> + Send) -> sqlx::Result<()> {
    let work =
        || tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(work);
    let done = std::thread::scope(|scope| scope.spawn(work).join());
    done.unwrap_or(Err(sqlx::Error::WorkerCrashed))
}
