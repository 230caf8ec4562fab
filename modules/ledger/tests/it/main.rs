//! The ledger's promises, on both engines.
#![cfg(test)]

mod attacks;
mod fetching;
mod settling;
mod shop;

use futures_util::future::join_all;
use kernel::events::{OrderCancelled, OrderExchanged, PaymentRefunded};
use kernel::id::{ChangeId, OrderId};
use platform::audit::Actor;
use platform::bus::replay;
use platform::sql::Db;
use serde_json::json;

use crate::attacks::{nobody_changes_the_journal, nobody_unbalances_the_journal};
use crate::fetching::{
    nothing_is_taken_of_what_was_told_in_part, one_node_fetches_each_day_and_catches_up,
    what_nobody_told_of_is_missing_until_it_is_told, what_was_fetched_is_taken_once,
};
use crate::settling::{
    a_difference_is_resolved_with_a_note, a_file_and_a_line_count_once,
    a_line_that_came_before_its_event_is_accepted_afterwards,
    a_line_that_was_told_in_two_ways_is_no_third, every_seeded_fault_is_found,
    several_who_take_files_settle_once, what_is_disputed_is_no_open_clearing,
};
use crate::shop::{Sale, Shop, euros};

platform::on_both_engines!(ledger::SCHEMA =>
    several_relays_journal_once_and_a_replay_adds_nothing,
    what_staff_gave_back_before_a_cancel_is_a_part_of_it,
    an_order_is_called_off_in_the_batch_that_confirms_it,
    what_is_owed_for_a_replacement_is_owed_where_its_money_is,
    the_staff_reads_accounts_and_entries,
    nobody_unbalances_the_journal,
    nobody_changes_the_journal,
    every_seeded_fault_is_found,
    what_is_disputed_is_no_open_clearing,
    a_line_that_came_before_its_event_is_accepted_afterwards,
    a_line_that_was_told_in_two_ways_is_no_third,
    a_file_and_a_line_count_once,
    several_who_take_files_settle_once,
    a_difference_is_resolved_with_a_note,
    what_was_fetched_is_taken_once,
    nothing_is_taken_of_what_was_told_in_part,
    one_node_fetches_each_day_and_catches_up,
    what_nobody_told_of_is_missing_until_it_is_told,
);

async fn several_relays_journal_once_and_a_replay_adds_nothing(db: Db) {
    let shop = Shop::new(&db).await;
    let mut orders = Vec::new();
    for n in 0..20_i64 {
        orders.push(shop.sold(1_000 + n).await);
    }
    let relays = ["a", "b", "c"].map(|node| shop.bus(node));
    relays[0].register().await.unwrap();
    for drained in join_all(relays.iter().map(platform::bus::Bus::drain)).await {
        drained.unwrap();
    }
    shop.deliver().await;
    shop.books_are_right().await;
    let before = shop.get("entries?limit=100").await;
    assert_eq!(before["items"].as_array().unwrap().len(), 40);
    assert_eq!(shop.balance("receivable").await, 0);
    assert_eq!(shop.balance("clearing").await, (0..20).map(|n| 1_000 + n).sum::<i64>());

    for subscription in shop.ledger.subscriptions() {
        replay(&subscription, &Actor::SYSTEM).await.unwrap();
    }
    shop.deliver().await;
    assert_eq!(shop.get("entries?limit=100").await, before, "a replay adds what is missing");
    let position = shop.ledger.positions(&[orders[0].order_id]).await.unwrap();
    let of_first = position[&orders[0].order_id];
    assert_eq!((of_first.owed, of_first.captured, of_first.refunded), (0, 1_000, 0));
}

fn cancelled(sale: &Sale, order_id: OrderId, minor: i64) -> OrderCancelled {
    OrderCancelled {
        order_id,
        customer_id: sale.customer_id,
        lines: vec![],
        total: euros(minor),
        confirmed_at: sale.confirmed_at,
        reason: "other".to_owned(),
        was_confirmed: true,
        refunded: None,
        replaces: None,
    }
}

async fn what_staff_gave_back_before_a_cancel_is_a_part_of_it(db: Db) {
    let shop = Shop::new(&db).await;
    let sale = shop.sold(5_000).await;
    let given = |minor, by_staff| PaymentRefunded {
        payment_id: sale.payment_id,
        order_id: sale.order_id,
        change_id: None,
        amount: euros(minor),
        reason: None,
        charge: None,
        by_staff,
    };
    shop.tell_payment(&given(1_200, true), 2).await;
    shop.deliver().await;
    assert_eq!(shop.balance("goodwill").await, 1_200);
    let cancelled = cancelled(&sale, sale.order_id, 5_000);
    shop.tell_order(&cancelled, 2).await;
    shop.tell_payment(&given(3_800, false), 3).await;
    shop.deliver().await;
    for kind in ["receivable", "clearing", "goodwill", "revenue", "tax", "shipping"] {
        assert_eq!(shop.balance(kind).await, 0, "{kind}");
    }
    shop.books_are_right().await;
}

async fn an_order_is_called_off_in_the_batch_that_confirms_it(db: Db) {
    let shop = Shop::new(&db).await;
    let kept = shop.sold(1_000).await;
    let sale = shop.sold(5_000).await;
    shop.tell_order(&cancelled(&sale, sale.order_id, 5_000), 2).await;
    shop.deliver().await;
    let owed = |balance: i64, what: &str| assert_eq!(balance, 0, "{what}");
    let position = shop.ledger.positions(&[kept.order_id, sale.order_id]).await.unwrap();
    owed(position[&kept.order_id].owed, "of what was kept and paid");
    assert_eq!(position[&sale.order_id].owed, -5_000, "what was paid for nothing is owed back");
    shop.books_are_right().await;
}

/// Neither the order that was sent instead nor what calls it off says whose payments paid it; the exchange does.
async fn what_is_owed_for_a_replacement_is_owed_where_its_money_is(db: Db) {
    let shop = Shop::new(&db).await;
    let sale = shop.sold(5_000).await;
    let replacement = shop.confirmed(OrderId::new(), 2_000).await;
    let given = PaymentRefunded {
        payment_id: sale.payment_id,
        order_id: sale.order_id,
        change_id: None,
        amount: euros(2_000),
        reason: None,
        charge: None,
        by_staff: false,
    };
    shop.deliver().await;
    let exchanged = OrderExchanged {
        order_id: sale.order_id,
        change_id: ChangeId::new(),
        customer_id: sale.customer_id,
        replacement_id: replacement,
        account_id: sale.order_id,
        credit: euros(2_000),
        credit_tax: None,
        charged: euros(0),
        refund: euros(0),
        confirmed_at: sale.confirmed_at,
    };
    shop.tell_order(&exchanged, 2).await;
    shop.deliver().await;
    shop.tell_order(&cancelled(&sale, replacement, 2_000), 2).await;
    shop.tell_payment(&given, 2).await;
    shop.deliver().await;
    let open = shop.get("accounts?kind=receivable&open=true").await;
    assert_eq!(open["items"], json!([]));
    shop.books_are_right().await;
}

async fn the_staff_reads_accounts_and_entries(db: Db) {
    let shop = Shop::new(&db).await;
    let sale = shop.sold(5_000).await;
    shop.sold(700).await;
    shop.deliver().await;
    let revenue = shop.get("accounts?kind=revenue").await;
    assert_eq!(revenue["items"][0]["code"], "revenue:home");
    assert_eq!(revenue["items"][0]["normal_side"], "credit");
    let first = shop.get("accounts?open=true&limit=2").await;
    let next = first["next_cursor"].as_str().expect("more accounts");
    let rest = shop.get(&format!("accounts?open=true&limit=100&cursor={next}")).await;
    let codes = |page: &serde_json::Value| -> Vec<String> {
        let items = page["items"].as_array().unwrap().iter();
        items.map(|item| item["code"].as_str().unwrap().to_owned()).collect()
    };
    let open = [codes(&first), codes(&rest)].concat();
    assert_eq!(open.len(), 5, "{open:?}");
    assert!(open.is_sorted() && !open.iter().any(|code| code.starts_with("receivable")));

    let of_order = shop.get(&format!("entries?order_id={}", sale.order_id)).await;
    assert_eq!(of_order["items"].as_array().unwrap().len(), 2);
    let owed = shop.get(&format!("accounts/receivable:{}/entries", sale.order_id)).await;
    assert_eq!(owed["items"], of_order["items"]);
    let of_payment = shop.get(&format!("entries?payment_id={}", sale.payment_id)).await;
    let number = &of_payment["items"][0]["number"];
    let one = shop.get(&format!("entries/{number}")).await;
    assert_eq!(one["postings"][0]["amount"], json!({"amount": "50.00", "currency": "EUR"}));
    assert_eq!(shop.ask("entries/99").await.0, 404);
    assert_eq!(shop.ask("accounts?kind=cash").await.0, 422);
    let both = format!("entries?order_id={}&payment_id={}", sale.order_id, sale.payment_id);
    assert_eq!(shop.ask(&both).await.0, 422);
    let newest = shop.get("entries?limit=1").await;
    let next = newest["next_cursor"].as_str().unwrap();
    let older = shop.get(&format!("entries?limit=100&cursor={next}")).await;
    assert_eq!(older["items"].as_array().unwrap().len(), 3);
    let nothing = shop.get(&format!("accounts/receivable:{}/entries", OrderId::new())).await;
    assert_eq!(nothing["items"], json!([]));
}
