//! No statement goes through a whole table that grows.

use std::collections::{BTreeMap, BTreeSet};

use kernel::Clock;
use platform::module::STATEMENTS;
use platform::sql::{Db, Engine, Sqlite};
use stoa::app::SCHEMAS;

/// Tables that stay small: what the staff defines, work that waits, one row for a whole shop.
pub const SMALL: [&str; 31] = [
    "api_key",
    "attribute",
    "category",
    "category_tree",
    "collection",
    "data_key",
    "dead_letter",
    "fetching",
    "import_job",
    "journal",
    "location",
    "market",
    "market_set",
    "price_due",
    "price_list",
    "product_sold",
    "promotion",
    "role",
    "saga_shortened",
    "sales_day",
    "search_generation",
    "sequencer",
    "shipping_method",
    "shipping_place",
    "shipping_rate",
    "shipping_zone",
    "stock_location",
    "synonym",
    "tax_rate",
    "unsealed",
    "webhook",
];

/// What `stoa verify` asks: it looks at everything, which is its purpose.
const VERIFIED: [&str; 78] = [
    "ACCOUNTS",
    "ACCOUNTS_UNTOLD",
    "ALERTS_UNTOLD",
    "ASTRAY",
    "ATTEMPTS",
    "ATTEMPTS_BROKEN",
    "BALANCES",
    "BUNDLE_MISCOUNTED",
    "BUNDLE_ROWS",
    "CHARGES",
    "COUNT",
    "DAYS_OFF",
    "DAY_ROWS",
    "DISCOUNTS",
    "DISPUTES",
    "ERASED_LEFT",
    "ERASED_UNTOLD",
    "EVENTS",
    "EVENT_ROWS",
    "GUESTS_LEFT",
    "GUESTS_UNTOLD",
    "HELD_OFF",
    "INCOMPLETE",
    "INVOICES",
    "JOURNAL_ACCOUNTS",
    "JOURNAL_MOVEMENTS",
    "JOURNAL_OFF",
    "JOURNAL_POSTINGS",
    "JOURNAL_ROWS",
    "KEPT_CREDIT",
    "LEFT_IN_ALL",
    "LETTERS",
    "LETTERS_UNTOLD",
    "LINE_ROWS",
    "LINE_SUMS",
    "LOCATIONS_UNTOLD",
    "MISCLEARED",
    "MISCOUNTED",
    "MISJUDGED",
    "MISNUMBERED",
    "MISPACKED",
    "MISPOSTED",
    "MISSTATED",
    "NOT_A_SERIES",
    "NOT_THE_SUM",
    "NOT_WHAT_MOVED",
    "OPERATIONS",
    "ORDER_OFF",
    "ORDER_PARTS",
    "OUTBOX_BEHIND",
    "OUT_OF_BOUNDS",
    "OVERDUE",
    "OVER_LIMIT",
    "OWED_OFF",
    "PACKED_SUBJECTS",
    "PARENT_MISSING_OR_VARIANT",
    "PAYMENTS",
    "PRICE_OUT_OF_BOUNDS",
    "PRODUCTS",
    "PUBLIC_PRICE_APART",
    "REFUNDS_OFF",
    "REPLACEMENTS",
    "SEALED_OF_SOURCE",
    "SESSIONS",
    "SESSIONS_BROKEN",
    "SOLD",
    "STOCK_ROWS",
    "SUBJECTS",
    "TAXES",
    "TOTALS",
    "UNATTENDED",
    "UNBALANCED",
    "UNBALANCED_ENTRIES",
    "UNCHANGED",
    "UNEXCHANGED",
    "UNEXPLAINED",
    "UNPOSTED_LINES",
    "UNTOLD",
];

/// What else may go through a table, and why.
const EXCEPTIONS: [(&str, &str); 15] = [
    ("NEEDS_ANSWER", "an index that has the calls alone whose outcome is not known"),
    ("CHOSEN_SKUS", "the export of all collections"),
    ("NEWEST_BY_ORDER", "pages along the index of orders, for the sandbox's report"),
    ("LIST", "pages along the primary key"),
    ("BY_ID", "pages along the primary key"),
    ("CLEAR_STOCK", "before all stock is heard of anew"),
    ("CLEAR_SHELVES", "before all stock is heard of anew"),
    ("EXPOSED", "an index that has the differences alone that nobody has resolved"),
    ("TURNING", "an index that has what crossed its mark alone"),
    ("COUNT_SHOWN", "once at start, and when the books are checked"),
    ("QUEUE_ALL", "every price depends on a market that changed"),
    ("ADMINS", "an index that has those alone who work here"),
    ("PASSKEYS", "an index that has those alone that are not sealed yet"),
    ("NOT_SEALED", "an index that has those alone that are not sealed yet"),
    ("ERASED", "an index that has those alone who were erased"),
];

/// Whether a statement may go through a whole table.
pub fn is_known(statement: &str) -> bool {
    VERIFIED.contains(&statement) || EXCEPTIONS.iter().any(|(it, _)| *it == statement)
}

/// Which tables the names of a statement stand for.
fn names(text: &str) -> BTreeMap<String, String> {
    let words: Vec<String> = text
        .split(|c: char| !(c.is_alphanumeric() || c == '_'))
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .collect();
    let mut names = BTreeMap::new();
    for (n, word) in words.iter().enumerate() {
        if ["from", "join", "into", "update"].contains(&word.as_str())
            && let Some(table) = words.get(n + 1)
        {
            names.insert(table.clone(), table.clone());
            let alias = words.get(n + 2).filter(|word| *word != "as").or_else(|| words.get(n + 3));
            if let Some(alias) = alias {
                names.insert(alias.clone(), table.clone());
            }
        }
    }
    names
}

fn tables(conn: &rusqlite::Connection) -> BTreeSet<String> {
    let mut found = conn.prepare("select name from sqlite_schema where type = 'table'").unwrap();
    let names = found.query_map([], |row| row.get::<_, String>(0)).unwrap();
    names.map(Result::unwrap).collect()
}

/// The tables that a statement goes through from one end to the other.
fn scanned(conn: &rusqlite::Connection, text: &str, tables: &BTreeSet<String>) -> BTreeSet<String> {
    let mut plan = conn.prepare(&format!("explain query plan {text}")).unwrap();
    let names = names(text);
    let mut lines = plan.raw_query();
    let mut found = BTreeSet::new();
    while let Some(line) = lines.next().unwrap() {
        let line: String = line.get(3).unwrap();
        let name = line.strip_prefix("SCAN ").and_then(|rest| rest.split(' ').next());
        let table = name.and_then(|name| names.get(&name.to_lowercase()));
        found.extend(table.filter(|table| tables.contains(*table)).cloned());
    }
    found
}

#[tokio::test]
async fn no_statement_goes_through_a_table_that_grows() {
    let folder = tempfile::tempdir().unwrap();
    let mut wrong = Vec::new();
    for schema in &SCHEMAS {
        let at = Sqlite { file: folder.path().join(schema.module), readers: 1 };
        let db = Db::sqlite(schema.module, &at, Clock::system()).await.unwrap();
        schema.migrate(&db).await.unwrap();
        let conn = rusqlite::Connection::open(&at.file).unwrap();
        let tables = tables(&conn);
        for (name, sql) in schema.statements.iter().chain(STATEMENTS).copied().flatten() {
            let found = scanned(&conn, sql.text(Engine::Sqlite), &tables);
            let grows = found.iter().filter(|table| !SMALL.contains(&table.as_str()));
            let module = schema.module;
            let told = grows.map(|table| format!("{module}: {name} goes through {table}"));
            wrong.extend(told.filter(|_| !is_known(name)));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
