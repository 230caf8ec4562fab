//! The same on PostgreSQL, whose planner goes by how much there is: each statement is planned over tables of many rows.
//!
//! Rows are made of what the columns are, and not of what they mean, for which constraints are dropped first.

use std::collections::BTreeSet;
use std::io::Write;
use std::process::{Command, Stdio};

use kernel::Clock;
use kernel::id::EventId;
use platform::module::STATEMENTS;
use platform::sql::{Db, Engine, Postgres};
use stoa::app::SCHEMAS;

use crate::plans::{SMALL, is_known};

/// How many rows a table has: so many that going through all of them is dearer than any index.
const ROWS: u32 = 15_000;

/// What goes through a large table here and not on SQLite, and why it may.
const EXCEPTIONS: [(&str, &str); 18] = [
    ("FIRST", "the first of an index; none of these rows is sealed"),
    ("CLEAR", "before all is counted anew"),
    ("CLEAR_PRODUCTS", "before all is counted anew"),
    ("ENDED", "`stoa verify` looks at everything"),
    ("ENDED_UNTOLD", "`stoa verify` looks at everything"),
    ("HELD_BY_ENDED", "`stoa verify` looks at everything"),
    ("HELD_COUNT", "`stoa verify` looks at everything"),
    ("VARIANTS", "`stoa verify` looks at everything"),
    ("SEALED_ACCOUNTS", "pages along the primary key; none of these rows is sealed"),
    ("SEALED_LETTERS", "pages along the primary key; none of these rows is sealed"),
    ("SEALED_PASSKEYS", "pages along the primary key; none of these rows is sealed"),
    ("SEALED_SESSIONS", "pages along the primary key; none of these rows is sealed"),
    ("SEALED_ORDERS", "pages along the primary key; none of these rows is sealed"),
    ("SEALED_CARDS", "pages along the primary key; none of these rows is sealed"),
    ("SEALED_EVIDENCE", "pages along the primary key; none of these rows is sealed"),
    ("RANKED", "all that was sold of late, once an hour"),
    ("INTENTS_BEFORE", "pages along the primary key; none of these rows is of that time"),
    ("DISPUTES_BEFORE", "pages along the primary key; none of these rows is of that time"),
];

/// Fills every table of a schema but those that stay small.
const FILL: &str = r"
do $$
declare t record; names text; made text;
begin
  for t in select c.conrelid::regclass as tab, c.conname as name from pg_constraint c
            where c.connamespace = current_schema()::regnamespace and c.contype in ('c', 'f')
            order by c.contype desc
  loop
    execute format('alter table %s drop constraint %I', t.tab, t.name);
  end loop;
  for t in select c.oid as id, c.relname as name from pg_class c
            where c.relnamespace = current_schema()::regnamespace and c.relkind = 'r'
              and c.relname <> all ('{<small>}'::text[])
  loop
    select string_agg(quote_ident(a.attname), ', ' order by a.attnum),
           string_agg(case when a.attnotnull then '' else 'case when random() > 0.02 then ' end ||
             case format_type(a.atttypid, null)
             when 'uuid' then 'gen_random_uuid()'
             when 'text' then 'md5(random()::text)'
             when 'bigint' then 'i'
             when 'boolean' then 'i % 2 = 0'
             when 'timestamp with time zone' then 'now() - random() * interval ''300 days'''
             when 'date' then 'current_date - i'
             when 'jsonb' then '''{}''::jsonb'
             when 'bytea' then 'decode(md5(random()::text), ''hex'')'
             when 'double precision' then 'random()'
             when 'numeric' then 'i'
             else 'null' end || case when a.attnotnull then '' else ' end' end, ', ' order by a.attnum)
      into names, made from pg_attribute a
     where a.attrelid = t.id and a.attnum > 0 and not a.attisdropped
       and a.attgenerated = '' and a.attidentity = '';
    execute format('insert into %I (%s) select %s from generate_series(1, <rows>) i on conflict do nothing',
                   t.name, names, made);
  end loop;
end $$;
analyze;
select '= ' || relname from pg_class where relnamespace = current_schema()::regnamespace
   and relkind = 'r' and reltuples > <rows> / 2;
";

/// Plans the prepared statement `it` with values of the kinds that it takes.
const EXPLAIN: &str = r"
select 'explain (costs off) execute it' || coalesce('(' || string_agg(case kind::text
         when 'uuid' then '''0199aaaa-0000-7000-8000-000000000000'''
         when 'text' then '''a'''
         when 'bigint' then '10'
         when 'boolean' then 'true'
         when 'timestamp with time zone' then 'now()'
         when 'date' then 'current_date'
         when 'jsonb' then '''[]'''
         when 'bytea' then '''\x00'''
         when 'double precision' then '0.5'
         when 'numeric' then '10'
         else 'null' end, ', ' order by place) || ')', '')
  from pg_prepared_statements, unnest(parameter_types) with ordinality as t(kind, place)
 where name = 'it' \gexec
deallocate it;
";

fn psql(url: &str, script: &str) -> String {
    let mut psql = Command::new("psql")
        .args(["-XAtq", "-v", "ON_ERROR_STOP=1", url])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = psql.stdin.take().unwrap();
    let script = script.to_owned();
    let writes = std::thread::spawn(move || stdin.write_all(script.as_bytes()));
    let done = psql.wait_with_output().unwrap();
    // It reads no further than to an error, which is told below.
    let _ = writes.join().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).unwrap()
}

/// The large tables that a plan goes through, by statement.
fn scanned(plans: &str) -> Vec<(&str, &str)> {
    let large: BTreeSet<&str> = plans.lines().filter_map(|line| line.strip_prefix("= ")).collect();
    let mut statement = "";
    let mut found = Vec::new();
    for line in plans.lines() {
        if let Some(name) = line.strip_prefix("# ") {
            statement = name;
        }
        if let Some((_, scan)) = line.split_once("Seq Scan on ") {
            let table = scan.split(' ').next().unwrap_or_default();
            found.extend(large.contains(table).then_some((statement, table)));
        }
    }
    found
}

#[tokio::test]
async fn no_statement_goes_through_a_large_table() {
    let Some(url) = platform::testing::postgres() else { return };
    let mut wrong = Vec::new();
    // What is part of every schema is looked at in the first.
    let (mut statements, mut small) = (STATEMENTS, SMALL.map(str::to_owned).to_vec());
    for schema in &SCHEMAS {
        let name = format!("t{}", EventId::new().uuid().simple());
        let at = Postgres { url: url.clone(), schema: name.clone(), role: None, connections: 1 };
        let db = Db::postgres(schema.module, &at, Clock::system()).await.unwrap();
        schema.migrate(&db).await.unwrap();
        db.close().await;
        let fill = FILL.replace("<small>", &small.join(",")).replace("<rows>", &ROWS.to_string());
        let mut script =
            vec![format!("set search_path to {name};\nset random_page_cost to 1.0;\n{fill}")];
        for (statement, sql) in schema.statements.iter().chain(statements).copied().flatten() {
            let text = sql.text(Engine::Postgres);
            // There is no plan of it.
            if text.starts_with("lock ") {
                continue;
            }
            script.push(format!("\\echo '# {statement}'\nprepare it as {text};\n{EXPLAIN}"));
        }
        script.push(format!("drop schema {name} cascade;\n"));
        let plans = psql(&url, &script.concat());
        for (statement, table) in scanned(&plans) {
            if !is_known(statement) && !EXCEPTIONS.iter().any(|(name, _)| *name == statement) {
                wrong.push(format!("{}: {statement} goes through {table}", schema.module));
            }
        }
        if !std::mem::take(&mut statements).is_empty() {
            small.extend(tables_of_all());
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// What stands before the bracket that closes the one that was opened before.
fn bracketed(text: &str) -> &str {
    let mut depth = 1;
    let end = text.find(|c| {
        depth += i32::from(c == '(') - i32::from(c == ')');
        depth == 0
    });
    &text[..end.unwrap_or(text.len())]
}

/// Of an array PostgreSQL thinks that it has ten elements, and of any other list that it has a hundred: it would
/// rather go through a table of some thousand rows than look so many up.
#[test]
fn lists_of_keys_are_arrays() {
    let mut wrong = Vec::new();
    let statements = SCHEMAS.iter().flat_map(|schema| schema.statements).chain(STATEMENTS);
    for (name, sql) in statements.copied().flatten() {
        let text = sql.text(Engine::Postgres);
        for (at, begin) in text.match_indices(" in (select ") {
            let list = bracketed(&text[at + begin.len()..]).split(" where ").next();
            let is_list = list.is_some_and(|list| list.contains("jsonb_array_elements"));
            wrong.extend((is_list && !text[..at].ends_with(" not")).then_some(*name));
        }
    }
    assert!(wrong.is_empty(), "{wrong:?}: = any(array(select ...)), not in (select ...)");
}

/// The tables that are part of every schema.
fn tables_of_all() -> Vec<String> {
    let texts = platform::MIGRATIONS
        .iter()
        .flat_map(|migration| migration.text.split("create table ").skip(1));
    texts.filter_map(|text| text.split_whitespace().next().map(str::to_owned)).collect()
}
