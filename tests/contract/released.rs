//! Nodes of the last release go on beside nodes of this one while a shop is upgraded: whatever they ask of PostgreSQL is
//! still understood after this one's migrations. What is taken out of a schema goes one release after the last statement
//! that knows it (expand and contract).
//!
//! `make released` writes down what this program asks; it is run when a release is made.

use std::collections::BTreeMap;
use std::path::PathBuf;

use kernel::Clock;
use kernel::id::EventId;
use platform::guard::Guard;
use platform::module::STATEMENTS;
use platform::sql::{Db, Engine, Postgres, Sql};
use stoa::app::SCHEMAS;

/// Whose statements are asked of every module's schema.
const OF_ALL: &str = "platform";

/// Every statement of a release, by its module.
type Asked = BTreeMap<String, Vec<String>>;

fn file() -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "tests", "contract", "released.json"].iter().collect()
}

fn of_this_program() -> Asked {
    let text = |sql: &Sql| {
        let words: Vec<&str> = sql.text(Engine::Postgres).split_whitespace().collect();
        words.join(" ")
    };
    let of_all = STATEMENTS.iter().copied().flatten().map(|(_, sql)| text(sql)).collect();
    let mut asked = Asked::from([(OF_ALL.to_owned(), of_all)]);
    for schema in &SCHEMAS {
        let own = schema.statements.iter().copied().flatten().map(|(_, sql)| text(sql));
        let guards = schema.guards.iter().flat_map(Guard::statements);
        let all = own.chain(guards.map(|(_, sql)| text(&sql))).collect();
        asked.insert(schema.module.to_owned(), all);
    }
    asked
}

#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "tests have no settings")]
async fn a_node_of_the_last_release_goes_on() {
    if std::env::var("STOA_RELEASE").is_ok() {
        let asked = serde_json::to_string_pretty(&of_this_program()).unwrap();
        std::fs::write(file(), asked + "\n").unwrap();
        return;
    }
    let Some(url) = platform::testing::postgres() else { return };
    let asked: Asked = serde_json::from_slice(&std::fs::read(file()).unwrap()).unwrap();
    let mut refused = Vec::new();
    for schema in &SCHEMAS {
        let name = format!("t{}", EventId::new().uuid().simple());
        let at = Postgres { url: url.clone(), schema: name, role: None, connections: 1 };
        let db = Db::postgres(schema.module, &at, Clock::system()).await.unwrap();
        schema.migrate(&db).await.unwrap();
        for text in [OF_ALL, schema.module].iter().flat_map(|whose| &asked[*whose]) {
            let mut tx = db.begin("prepare").await.unwrap();
            if let Err(error) = tx.prepare(Sql::new(Box::leak(text.clone().into_boxed_str()))).await
            {
                refused.push(format!("{}: {text}: {error:?}", schema.module));
            }
        }
        db.close().await;
    }
    assert!(refused.is_empty(), "{refused:#?}");
}
