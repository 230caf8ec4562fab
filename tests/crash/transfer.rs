//! SIGKILL around the commit of a transfer: units lie at the one location or at the other.

use serde_json::json;

use crate::kill::dies_at;
use crate::support::{Engine, Shop, id_of, on_both_engines, product};

on_both_engines![a_kill_at_the_commit_of_a_transfer_loses_no_unit];

async fn a_kill_at_the_commit_of_a_transfer_loses_no_unit(engine: Engine) {
    for point in ["before commit of inventory.transfer", "after commit of inventory.transfer"] {
        let lamp = product("LAMP-1", "20.00", 5);
        let Some(mut shop) = Shop::new(engine, &[lamp]) else { return };
        shop.start(&[]);
        let staff = shop.staff().await;
        let lamp = id_of(&staff, "LAMP-1").await;
        let south = json!({"code": "south", "serves_orders": true});
        let made = staff.post("/v1/admin/stock/locations", &south).await;
        assert_eq!(made.status, 201, "{made:?}");
        shop.settle();
        shop.stop();
        shop.start(&[("STOA_FAULT", &format!("kill:{point}"))]);
        let lines = [json!({"product_id": lamp, "quantity": 3})];
        let body = json!({"from": "main", "to": "south", "lines": lines});
        let transfers = "/v1/admin/stock/transfers";
        staff.at(&shop).try_command(transfers, "key", &body).await.unwrap_err();
        dies_at(&mut shop, point).await;
        shop.start(&[]);
        let staff = staff.at(&shop);
        // The one who was not answered asks again with the same key.
        let again = staff.command(transfers, "key", &body).await;
        assert_eq!(again.status, 200, "{point}: {again:?}");
        shop.settle();
        let lies = staff.get(&format!("/v1/admin/stock/{lamp}")).await;
        let on_hand = |n: usize| lies.body["locations"][n]["on_hand"].clone();
        assert_eq!([on_hand(0), on_hand(1)], [json!(2), json!(3)], "{point}: {lies:?}");
        assert_eq!(staff.get("/v1/products/LAMP-1").await.body["available"], 5, "{point}");
        shop.stop();
        shop.assert_books();
    }
}
