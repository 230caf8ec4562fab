//! `stoa grants`

use std::process::ExitCode;

use super::{Failure, say};
use crate::app::SCHEMAS;
use crate::settings::{EngineName, Settings};

/// Prints what makes a role of its own for each module, for whoever administers the database to run: the program has no
/// right to. It may run again, and must after a restore, whose tables belong to whoever restored.
pub(super) fn grants(settings: &Settings, login: &str) -> Result<ExitCode, Failure> {
    let database = &settings.database;
    if database.engine != EngineName::Postgres || database.role_prefix.is_empty() {
        return Err("set database.engine to postgres and name database.role_prefix first".into());
    }
    let plain = |name: &str| name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if ![login, &database.role_prefix, &database.schema_prefix].into_iter().all(plain) {
        return Err("names of roles and schemas are letters, digits and underscores".into());
    }
    say("-- To be run by an administrator of the database: `stoa grants --login NAME | psql ...`.");
    say("\\set ON_ERROR_STOP on");
    for schema in &SCHEMAS {
        let role = format!("{}{}", database.role_prefix, schema.module);
        let schema = format!("{}{}", database.schema_prefix, schema.module);
        say(of_module(&role, &schema, login));
    }
    Ok(ExitCode::SUCCESS)
}

/// The role of a module, and all of its schema for it and for nobody else.
fn of_module(role: &str, schema: &str, login: &str) -> String {
    format!(
        r#"
select 'create role "{role}" nologin' where not exists (select 1 from pg_roles where rolname = '{role}') \gexec
grant "{role}" to "{login}";
create schema if not exists "{schema}";
alter schema "{schema}" owner to "{role}";
revoke all on schema "{schema}" from public;
select format('alter table %s owner to "{role}"', oid::regclass) from pg_class
 where relnamespace = '"{schema}"'::regnamespace and relkind in ('r', 'v')
 order by relkind \gexec
select format('alter function %s owner to "{role}"', oid::regprocedure) from pg_proc
 where pronamespace = '"{schema}"'::regnamespace \gexec"#
    )
}
