//! A PostgreSQL server that is lost is recovered to a moment from its base backup and its archived WAL, as
//! `docs/backup.md` says, and the shop goes on from there.

use crate::server::Server;
use crate::support::{APPROVED, Customer, Shop, id_of, product};

/// An order that is confirmed.
async fn bought(shop: &Shop, buyer: &Customer, key: &str) -> String {
    buyer.fill_cart(&id_of(buyer, "LAMP-1").await, 1).await;
    let order = buyer.order(key, &buyer.card(APPROVED).await).await;
    assert_eq!(order.body["status"], "CONFIRMED", "{order:?} {}", shop.log());
    order.body["id"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shop_is_recovered_to_a_moment() {
    let Some(mut server) = Server::new() else { return };
    server.archive();
    server.start();
    server.ask("postgres", "create database shop");
    let mut shop = Shop::over(&server.url(), &[product("LAMP-1", "20.00", 100)]);
    // What is settled is sealed before the shop stops.
    shop.set("STOA__NOTARY__POLL_MS", "20");
    shop.start(&[]);
    let ada = Customer::guest(&shop).await;
    let first = bought(&shop, &ada, "first").await;

    // The base backup, beside a shop that runs.
    server.base_backup(&server.folder.join("base"), &[]);

    let second = bought(&shop, &ada, "second").await;
    shop.settle();
    let moment = server.ask("shop", "select clock_timestamp()");
    let third = bought(&shop, &ada, "third").await;
    shop.settle();
    shop.stop();
    let last = server.ask("shop", "select pg_walfile_name(pg_switch_wal())");
    let archived = format!("select last_archived_wal >= '{last}' from pg_stat_archiver");
    server.until(&archived, "t");
    server.stop();

    // Another server in its place, which is told when to end.
    server.data = "base";
    let archive = server.folder.join("archive").display().to_string();
    server.set(&format!(
        "restore_command = 'cp {archive}/%f %p'\nrecovery_target_time = '{moment}'\n\
         recovery_target_action = promote\narchive_mode = off\n"
    ));
    std::fs::write(server.data().join("recovery.signal"), "").unwrap();
    server.start();
    server.until("select pg_is_in_recovery()", "f");

    // What is signed of the log is newer than the databases, and says so.
    let done = shop.run(&["restore", "--recovered"]);
    assert!(done.status.success(), "{done:?}");
    let told = String::from_utf8(done.stdout).unwrap();
    assert!(told.contains("entries of the log were signed after that"), "{told}");
    let verified = shop.run(&["verify", "--grace-s", "0"]);
    let told = String::from_utf8(verified.stdout).unwrap();
    let broken: Vec<&str> = told.lines().filter(|line| line.starts_with("BROKEN")).collect();
    assert!(matches!(broken[..], [line] if line.contains("every sealed entry is there")), "{told}");

    shop.start(&[]);
    let ada = ada.at(&shop);
    for (order, status) in [(&first, 200), (&second, 200), (&third, 404)] {
        let found = ada.get(&format!("/v1/orders/{order}")).await;
        assert_eq!(found.status, status, "{found:?}");
    }
    assert_eq!(ada.get("/v1/products/LAMP-1").await.body["available"], 98);
    bought(&shop, &ada, "after").await;
    shop.stop();
}
