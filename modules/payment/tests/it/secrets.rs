use kernel::id::OrderId;
use kernel::ports::Payments as _;
use platform::sql::{Db, Sql};

use crate::shop::{APPROVED, CHALLENGE, open};

platform::on_both_engines!(payment::SCHEMA => no_card_number_is_in_any_table);

const NUMBERS: [&str; 4] = [APPROVED, CHALLENGE, "4000000000000002", "5555555555554444"];

async fn no_card_number_is_in_any_table(db: Db) {
    let shop = open(db).await;
    for number in NUMBERS {
        let _ = shop.payments.authorize(shop.ask(OrderId::new(), 1_000, number).await).await;
    }
    let dump = dump(&shop.db).await + &dump(&shop.books).await;
    // The dump sees what is there: the last four digits are.
    assert!(dump.contains("3184") && dump.contains("payment.action_required"));
    for number in NUMBERS {
        assert!(!dump.contains(number));
    }
}

/// Everything in a database that somebody wrote in words.
pub async fn dump(db: &Db) -> String {
    let mut dump = String::new();
    for table in TABLES {
        dump.push_str(&rows(db, table).await);
    }
    dump
}

/// A table, and how each engine spells its rows as text.
struct Table {
    is_there: Sql,
    rows: Sql,
}

macro_rules! tables {
    ($($name:literal: $columns:literal),+) => {
        const TABLES: &[Table] = &[$(Table {
            is_there: Sql::split(
                concat!("select count(*) from sqlite_master where name = '", $name, "'"),
                concat!("select count(*) from information_schema.tables
                          where table_schema = current_schema() and table_name = '", $name, "'"),
            ),
            rows: Sql::split(
                concat!("select ", $columns, " from ", $name),
                concat!("select cast(t as text) from ", $name, " t"),
            ),
        }),+];
    };
}

tables! {
    "payment": "concat_ws('|', token, processor_ref, card_brand, card_last4, card_sealed, decline_code,
                          decline_detail, action_url)",
    "payment_operation": "concat_ws('|', kind, key, state, error, answer_scope, answer_key)",
    "dispute": "concat_ws('|', reason, state, evidence)",
    "processor_event": "concat_ws('|', event_id, kind, raw, note)",
    "audit": "concat_ws('|', action, before, after)",
    "outbox": "concat_ws('|', kind, data)",
    "idempotency": "concat_ws('|', scope, key, body)",
    "card_token": "concat_ws('|', token, brand, last4, exp_month, exp_year, behaviour)",
    "charge": "concat_ws('|', id, token, status)",
    "operation": "concat_ws('|', key, parameters, answer)"
}

async fn rows(db: &Db, table: &Table) -> String {
    let (there,): (i64,) = db.query(table.is_there).one().await.unwrap();
    if there == 0 {
        return String::new();
    }
    let rows: Vec<(Option<String>,)> = db.query(table.rows).all().await.unwrap();
    rows.into_iter().filter_map(|(row,)| row).collect::<Vec<_>>().join("\n")
}
