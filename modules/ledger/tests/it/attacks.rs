//! The schema refuses what the program would not do.

use platform::sql::{Db, Engine, Sql};

use crate::shop::Shop;

async fn refused(db: &Db, attempts: &[&'static str]) {
    for attempt in attempts {
        let mut tx = db.begin("attack").await.unwrap();
        let done = tx.query(Sql::new(attempt)).execute().await;
        assert!(done.is_err(), "{attempt}");
    }
}

/// An entry that is in the next place, and an account that is there.
const ENTRY: &str =
    "insert into entry (number, key, kind, occurred_at, recorded_at, description, postings)
                     select entries + 1, 'x', 'x', '2026-01-01T00:00:00.000000Z',
                            '2026-01-01T00:00:00.000000Z', 'x', 1 from journal";
const ENTRY_OF_POSTGRES: &str =
    "insert into entry (number, key, kind, occurred_at, recorded_at, description, postings)
                     select entries + 1, 'x', 'x', now(), now(), 'x', 1 from journal";

async fn begun(db: &Db) -> platform::sql::Tx {
    let mut tx = db.begin("attack").await.unwrap();
    tx.query(Sql::split(ENTRY, ENTRY_OF_POSTGRES)).execute().await.unwrap();
    tx
}

pub async fn nobody_unbalances_the_journal(db: Db) {
    let shop = Shop::new(&db).await;
    shop.sold(1_000).await;
    shop.deliver().await;
    // What is debited is credited, in the same currency, or it is not written.
    for (posting, why) in [
        ("1, null, 'tax', 'EUR', 5", "no debit"),
        ("1, 'tax', null, 'EUR', 5", "no credit"),
        ("1, 'tax', 'shipping', 'EUR', 0", "nothing"),
        ("1, 'tax', 'shipping', 'EUR', -5", "less than nothing"),
        ("1, 'tax', 'tax', 'EUR', 5", "one account"),
        ("1, 'tax', 'shipping', 'USD', 5", "accounts of another currency"),
        ("1, 'tax', 'nowhere', 'EUR', 5", "no account"),
        ("2, 'tax', 'shipping', 'EUR', 5", "more postings than the entry has"),
    ] {
        let mut tx = begun(&db).await;
        let text = format!(
            "insert into posting (entry, n, debit, credit, currency, amount_minor)
             select entries, {posting} from journal"
        );
        let sql = Sql::new(Box::leak(text.into_boxed_str()));
        // A foreign key may be looked at when all is committed.
        let done = match tx.query(sql).execute().await {
            Ok(_) => tx.commit().await,
            Err(error) => Err(error),
        };
        assert!(done.is_err(), "{why}");
    }
    let mut tx = begun(&db).await;
    let sound = "insert into posting (entry, n, debit, credit, currency, amount_minor)
                 select entries, 1, 'tax', 'shipping', 'EUR', 5 from journal";
    tx.query(Sql::new(sound)).execute().await.unwrap();
    tx.commit().await.unwrap();
    shop.books_are_right().await;
}

pub async fn nobody_changes_the_journal(db: Db) {
    let shop = Shop::new(&db).await;
    shop.sold(1_000).await;
    shop.deliver().await;
    let mut attempts = vec![
        "update entry set kind = 'x'",
        "delete from entry",
        "update posting set amount_minor = amount_minor + 1",
        "delete from posting",
        "update account set code = 'x' where code = 'tax'",
        "delete from account",
        "insert into entry (number, key, kind, occurred_at, recorded_at, description, postings)
         select number + 7, 'x', kind, occurred_at, recorded_at, description, postings from entry
          where number = 1",
        "insert into posting (entry, n, debit, credit, currency, amount_minor)
         select entry, n + 7, debit, credit, currency, amount_minor from posting
          where entry = 1 and n = 1",
        "insert into posting (entry, n, debit, credit, currency, amount_minor)
         select entry, n, debit, credit, currency, amount_minor + 1 from posting",
    ];
    attempts.extend(match db.engine() {
        Engine::Sqlite => vec![
            "insert or replace into entry select number, key, 'x', occurred_at, recorded_at,
                    order_id, payment_id, description, postings from entry",
            "insert or replace into entry
             select number + 2, key, 'x', occurred_at, recorded_at, order_id, payment_id,
                    description, postings from entry where number = 1",
            "insert or replace into posting select entry, n, debit, credit, currency, 1
               from posting",
            "insert or replace into account select code, currency, kind, subject, 0 from account",
        ],
        Engine::Postgres => {
            vec!["truncate posting", "truncate entry cascade", "truncate account cascade"]
        }
    });
    refused(&db, &attempts).await;
    shop.books_are_right().await;
}
