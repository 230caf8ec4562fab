//! SIGKILL between a carrier's call and what comes of it: a parcel is picked up once.

use serde_json::json;

use crate::kill::{FAULT, LEASE_MS, dies_at};
use crate::support::{APPROVED, Customer, Engine, Shop, id_of, product};

/// Before the call is kept, when it is, and when it is applied; and when the carrier has moved a parcel.
const POINTS: [&str; 5] = [
    "after commit of carrier.move",
    "before commit of carrier.receive",
    "after commit of carrier.receive",
    "before commit of carrier.event",
    "after commit of carrier.event",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_carriers_call_is_applied_once_whenever_the_shop_dies() {
    let Some(mut shop) = Shop::new(Engine::Sqlite, &[product("LAMP-1", "20.00", 100)]) else {
        return;
    };
    for (name, value) in [
        ("STOA__SAGA__LEASE_MS", LEASE_MS),
        ("STOA__BUS__LEASE_MS", LEASE_MS),
        ("STOA__ORDER__CARRIER", "sandbox"),
        ("STOA__ORDER__CARRIER_POLL_MS", "50"),
        ("STOA__CARRIER__POLL_MS", "50"),
        ("STOA_FAULT", &format!("from:{}", shop.folder.join(FAULT).display())),
    ] {
        shop.set(name, value);
    }
    shop.start(&[]);
    let staff = shop.staff().await;
    for point in POINTS {
        let (ada, staff) = (Customer::guest(&shop).await, staff.at(&shop));
        ada.fill_cart(&id_of(&ada, "LAMP-1").await, 2).await;
        let order = ada.order("order", &ada.card(APPROVED).await).await;
        let id = order.body["id"].as_str().unwrap().to_owned();
        ada.until(&id, &["CONFIRMED"]).await;
        let parcels = staff.get("/v1/admin/carrier/parcels?limit=1").await;
        let parcel = &parcels.body["items"][0];
        assert_eq!(parcel["order_id"], id, "{parcels:?}");
        let tracking = parcel["tracking"].as_str().unwrap();
        let happens = format!("/v1/admin/carrier/parcels/{tracking}/events");

        let fault = shop.folder.join(FAULT);
        std::fs::write(&fault, format!("kill:{point}")).unwrap();
        // The shop may die before it answers.
        let _ = staff.try_post(&happens, &json!({"event": "picked_up"})).await;
        dies_at(&mut shop, point).await;
        std::fs::remove_file(fault).unwrap();
        shop.start(&[]);
        let ada = ada.at(&shop);
        let order = ada.until(&id, &["SHIPPED"]).await;
        assert_eq!(order.body["shipments"].as_array().unwrap().len(), 1, "{point}: {order:?}");
    }
    shop.settle();
    shop.stop();
    shop.assert_books();
}
