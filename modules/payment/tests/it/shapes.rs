//! What the sandbox answers has the shapes that Stripe describes (its OpenAPI document), as async-stripe's
//! types, which are generated from that, read them.

use std::fmt::Debug;

use kernel::id::PaymentId;
use payment::{NewCharge, Processor as _};
use platform::sql::Db;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use stripe_shared::{
    ApiErrors, BalanceTransaction, Charge, Dispute, PaymentIntent, PaymentMethod, Refund,
};

use crate::disputes::DISPUTED;
use crate::shop::{euros, open};
use crate::stripe::{INTENT, Socket, over_http};

platform::on_both_engines!(payment::SCHEMA =>
    a_payment_is_read_wherever_it_stands,
    what_else_moves_money_is_read,
    refusals_are_read,
);

/// Reads an object, in which every word must be one that Stripe has.
fn read<T: DeserializeOwned + Debug>(what: &Value) -> T {
    let read: T =
        serde_json::from_value(what.clone()).unwrap_or_else(|error| panic!("{error} in {what:#}"));
    let told = format!("{read:?}");
    assert!(!told.contains("Unknown("), "{told}");
    read
}

/// A payment that is shown with its charge and its card.
async fn shown(socket: &Socket, id: &str) -> PaymentIntent {
    let path = format!("payment_intents/{id}?expand[]=latest_charge&expand[]=payment_method");
    let told = socket.get(&path).await;
    if !told["latest_charge"].is_null() {
        read::<Charge>(&told["latest_charge"]);
    }
    read::<PaymentMethod>(&told["payment_method"]);
    read(&told)
}

async fn a_payment_is_read_wherever_it_stands(db: Db) {
    let shop = open(db).await;
    let socket = over_http(&shop);
    let made = |key: &'static str, form: String| {
        let socket = &socket;
        async move {
            let made = socket.post(key, "payment_intents", &form).await.2;
            let made = made.get("error").map_or(&made, |error| &error["payment_intent"]).clone();
            read::<PaymentIntent>(&made).id.to_string()
        }
    };
    let later = made("later", INTENT.replace("confirm=true", "confirm=false")).await;
    let held = made("held", INTENT.to_owned()).await;
    let taken = made("taken", INTENT.to_owned()).await;
    socket.post("take", &format!("payment_intents/{taken}/capture"), "amount_to_capture=400").await;
    let let_go = made("let go", INTENT.to_owned()).await;
    socket.post("let it go", &format!("payment_intents/{let_go}/cancel"), "").await;
    let asked =
        made("asked", INTENT.replace("pm_card_visa", "pm_card_threeDSecure2Required")).await;
    let refused = made("refused", INTENT.replace("pm_card_visa", "pm_card_chargeDeclined")).await;
    for (id, status) in [
        (later, "requires_confirmation"),
        (held, "requires_capture"),
        (taken, "succeeded"),
        (let_go, "canceled"),
        (asked, "requires_action"),
        (refused, "requires_payment_method"),
    ] {
        assert_eq!(shown(&socket, &id).await.status.as_str(), status);
    }
    let listed = socket.get("payment_intents?limit=10").await;
    let listed = listed["data"].as_array().unwrap();
    assert_eq!(listed.iter().map(read::<PaymentIntent>).count(), 6);
}

async fn what_else_moves_money_is_read(db: Db) {
    let shop = open(db).await;
    let socket = over_http(&shop);
    let token = shop.token(DISPUTED).await;
    let new = NewCharge {
        reference: PaymentId::new(),
        amount: euros(1_000),
        token,
        challenge: false,
        exemption: None,
    };
    let outcome = socket.stripe.authorize("a", new).await.unwrap();
    let payment::Outcome::Approved(charge) = outcome else { panic!("{outcome:?}") };
    socket.stripe.capture("c", &charge.id, euros(1_000)).await.unwrap();
    let form = format!("payment_intent={}&amount=400", charge.id);
    let (status, _, refund) = socket.post("r", "refunds", &form).await;
    assert_eq!((status, read::<Refund>(&refund).amount), (200, 400), "{refund}");
    while shop.sandbox.tick().await.unwrap() {}
    let disputes = socket.get(&format!("disputes?payment_intent={}", charge.id)).await;
    let dispute: Dispute = read(&disputes["data"][0]);
    let id = dispute.id.to_string();
    let (status, _, said) = socket
        .post("s", &format!("disputes/{id}"), "evidence[uncategorized_text]=sent&submit=true")
        .await;
    assert_eq!(status, 200, "{said}");
    read::<Dispute>(&said);
    read::<BalanceTransaction>(&said["balance_transactions"][0]);
    for path in ["balance_transactions", "balance_transactions?expand[]=data.source"] {
        let moved = socket.get(path).await;
        let moved = moved["data"].as_array().unwrap();
        let mut about: Vec<_> = moved.iter().map(|one| &one["source"]["object"]).collect();
        about.sort_by_key(ToString::to_string);
        let is_expanded = path.contains("expand");
        let wanted = ["charge", "dispute", "refund"].map(|object| json!(object));
        assert_eq!(about.len(), 3, "{moved:?}");
        assert!(!is_expanded || about.iter().copied().eq(&wanted), "{moved:?}");
        for one in moved {
            assert!(read::<BalanceTransaction>(one).source.is_some(), "{one}");
            match one["source"]["object"].as_str() {
                Some("charge") => drop(read::<Charge>(&one["source"])),
                Some("refund") => drop(read::<Refund>(&one["source"])),
                Some("dispute") => drop(read::<Dispute>(&one["source"])),
                _ => assert!(!is_expanded && one["source"].is_string(), "{one}"),
            }
        }
    }
    let listed = socket.get("disputes?created[gte]=1&limit=1").await;
    read::<Dispute>(&listed["data"][0]);
}

async fn refusals_are_read(db: Db) {
    let shop = open(db).await;
    let socket = over_http(&shop);
    for (key, form) in [
        ("declined", INTENT.replace("pm_card_visa", "pm_card_chargeDeclined")),
        ("strange", format!("{INTENT}&ammount=1")),
        ("nobody", format!("{INTENT}&payment_method=pm_nobody")),
    ] {
        let (status, _, refused) = socket.post(key, "payment_intents", &form).await;
        assert!(matches!(status, 400 | 402), "{refused}");
        read::<ApiErrors>(&refused["error"]);
    }
    let (_, _, reused) = socket.post("declined", "payment_intents", INTENT).await;
    read::<ApiErrors>(&reused["error"]);
    let none = json!(null);
    assert_ne!(socket.get("payment_intents/pi_none").await["error"], none);
    read::<ApiErrors>(&socket.get("payment_intents/pi_none").await["error"]);
}
