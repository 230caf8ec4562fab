//! What is kept about whoever pays, and what is left of it when they are erased.

use kernel::events::{CustomerErased, GuestMerged};
use kernel::id::CustomerId;
use kernel::ports::{Decision, PersonalRecords as _, Risk as _};
use platform::sql::{Db, Sql};
use serde_json::json;
use uuid::Uuid;

use crate::world::{attempt, hear, open, settings};

platform::on_both_engines!(fraud::SCHEMA =>
    whoever_is_erased_cannot_be_told_again,
    what_was_decided_about_a_guest_is_about_the_account_they_log_in_to,
);

const NAMES: Sql = Sql::new(
    "select id, account, card, destination, email, network from decision order by attempt_key",
);

#[derive(Debug, PartialEq, platform::sql::Record)]
struct Named {
    id: Uuid,
    account: Uuid,
    card: Uuid,
    destination: Uuid,
    email: Option<Uuid>,
    network: Option<Uuid>,
}

async fn names(db: &Db) -> Vec<Named> {
    db.query(NAMES).all().await.unwrap()
}

async fn whoever_is_erased_cannot_be_told_again(db: Db) {
    let fraud = open(&db, settings());
    let (ada, bob) = (CustomerId::new(), CustomerId::new());
    let mut proxied = attempt("b", ada, 4_000);
    proxied.payer.from = "198.51.100.9".parse().ok();
    for asked in [attempt("a", ada, 1_999), proxied, attempt("c", bob, 500)] {
        fraud.assess(&asked).await.unwrap();
    }
    let records = fraud.records(ada).await.unwrap();
    assert_eq!(records.as_array().unwrap().len(), 2, "{records}");
    assert_eq!((&records[1]["decision"], &records[0]["reasons"]), (&json!("deny"), &json!([])));
    assert_eq!(records[0]["amount"], json!({"amount": "19.99", "currency": "EUR"}));
    assert!(records[0]["score"].is_number() && records[1]["at"].is_string(), "{records}");

    let before = names(&db).await;
    hear(&fraud, "fraud.people", &CustomerErased { customer_id: ada, with_records: false }).await;
    let after = names(&db).await;
    for row in &after[..2] {
        let id = row.id;
        let nobody =
            Named { id, account: id, card: id, destination: id, email: None, network: None };
        assert_eq!(*row, nobody);
    }
    assert_eq!(after[2], before[2], "somebody else's stay");
    assert_eq!(fraud.records(ada).await.unwrap(), json!([]));
    // What was learnt stays: an attempt that is repeated is answered as it was.
    assert_eq!(fraud.assess(&attempt("b", ada, 4_000)).await.unwrap().decision, Decision::Deny);
    assert_eq!(fraud.history().await.unwrap().len(), 2);
}

async fn what_was_decided_about_a_guest_is_about_the_account_they_log_in_to(db: Db) {
    let fraud = open(&db, settings());
    let (guest_id, ada) = (CustomerId::new(), CustomerId::new());
    fraud.assess(&attempt("a", guest_id, 1_999)).await.unwrap();
    hear(&fraud, "fraud.people", &GuestMerged { guest_id, customer_id: ada }).await;
    // Begun before they logged in, and decided about after.
    fraud.assess(&attempt("b", guest_id, 1_999)).await.unwrap();
    assert_eq!(fraud.records(guest_id).await.unwrap(), json!([]));
    assert_eq!(fraud.records(ada).await.unwrap().as_array().unwrap().len(), 2);
    hear(&fraud, "fraud.people", &CustomerErased { customer_id: ada, with_records: false }).await;
    assert_eq!(fraud.records(ada).await.unwrap(), json!([]));
}
