//! SIGKILL between a dispute at the processor and what comes of it: whenever the shop dies, it hears of the dispute
//! and answers it, once. And what is broken about it then is found.

use std::time::Duration;

use serde_json::{Value, json};

use crate::kill::{FAULT, LEASE_MS, dies_at};
use crate::support::{Customer, Engine, Shop, id_of, product};

const DISPUTED: &str = "4000000000000259";
/// When the processor has opened it; before its call is kept, when it is, and when the shop has looked.
const OPENING: [&str; 5] = [
    "after commit of sandbox.dispute",
    "before commit of payment.receive",
    "after commit of payment.receive",
    "before handling of processor.event",
    "after commit of payment.look",
];
/// When the answer is written down, and when the processor has it.
const ANSWERING: [&str; 2] = ["after commit of payment.command", "after call of sandbox.dispute"];
/// How long something may take to come true, in looks.
const LOOKS_MAX: u32 = 1_200;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dispute_is_heard_of_and_answered_once_whenever_the_shop_dies() {
    let Some(mut shop) = Shop::new(Engine::Sqlite, &[product("LAMP-1", "20.00", 100)]) else {
        return;
    };
    for (name, value) in [
        ("STOA__SAGA__LEASE_MS", LEASE_MS),
        ("STOA__BUS__LEASE_MS", LEASE_MS),
        ("STOA__PAYMENT__WEBHOOK_POLL_MS", "50"),
        ("STOA__PAYMENT__SANDBOX__POLL_MS", "50"),
        ("STOA__PAYMENT__SANDBOX__DISPUTE_AFTER_MS", "1500"),
        ("STOA_FAULT", &format!("from:{}", shop.folder.join(FAULT).display())),
    ] {
        shop.set(name, value);
    }
    shop.start(&[]);
    let staff = shop.staff().await;
    let fault = shop.folder.join(FAULT);
    for point in OPENING {
        std::fs::write(&fault, format!("kill:{point}")).unwrap();
        let payment = buy(&shop).await;
        dies_at(&mut shop, point).await;
        std::fs::remove_file(&fault).unwrap();
        shop.start(&[]);
        let shown = is(&staff.at(&shop), &payment, "disputed").await;
        assert_eq!(shown["dispute"]["state"], "needs_response", "{point}: {shown}");
    }
    for point in ANSWERING {
        let payment = buy(&shop).await;
        is(&staff.at(&shop), &payment, "disputed").await;
        std::fs::write(&fault, format!("kill:{point}")).unwrap();
        let (path, said) = (at(&payment, "dispute/evidence"), json!({"text": "winning_evidence"}));
        let _ = staff.at(&shop).try_command(&path, &path, &said).await;
        dies_at(&mut shop, point).await;
        std::fs::remove_file(&fault).unwrap();
        shop.start(&[]);
        let staff = staff.at(&shop);
        is(&staff, &payment, "won").await;
        let again = staff.command(&path, &path, &said).await;
        assert_eq!(again.status, 200, "{point}: {again:?}");
    }
    shop.settle();
    shop.stop();
    shop.assert_books();
    bugs_are_found(&mut shop).await;
}

/// Bugs that are found by different lines of `stoa verify`, in one shop.
async fn bugs_are_found(shop: &mut Shop) {
    shop.start(&[
        (
            "STOA_BUG",
            "processor_event_is_not_kept,lost_dispute_takes_nothing,part_is_told_as_whole",
        ),
        ("STOA__PAYMENT__CAPTURE", "shipped"),
        ("STOA__PAYMENT__SANDBOX__DISPUTE_AFTER_MS", "0"),
        ("STOA__PAYMENT__SANDBOX__RESPOND_S", "1"),
    ]);
    let staff = shop.staff().await;
    let (unheard, looked_at, in_parts) = (buy(shop).await, buy(shop).await, buy(shop).await);
    for (payment, part) in [(&unheard, None), (&looked_at, None), (&in_parts, Some("10.00"))] {
        let part = part.map(|amount| json!({"amount": {"amount": amount, "currency": "EUR"}}));
        let (path, body) = (at(payment, "capture"), part.unwrap_or_else(|| json!({})));
        let taken = staff.command(&path, &path, &body).await;
        assert_eq!(taken.status, 200, "{taken:?}");
    }
    for look in 0.. {
        // One of them is looked at when the processor has closed it, and the other is not.
        let shown = staff.post(&at(&looked_at, "resolve"), &json!({})).await;
        if shown.body["status"] != "disputed" && shown.body["status"] != "captured" {
            break;
        }
        assert!(look < LOOKS_MAX, "{shown:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let expected = [
        ("the processor's books", unheard.payment.as_str()),
        ("what its disputes are about", looked_at.payment.as_str()),
        ("what every order's payments took", in_parts.order.as_str()),
    ];
    let mut text = String::new();
    for _ in 0..LOOKS_MAX {
        let verified = shop.run(&["verify", "--grace-s", "0"]);
        text = String::from_utf8_lossy(&verified.stdout).into_owned();
        if expected.iter().all(|(invariant, about)| is_named(&text, invariant, about)) {
            return shop.stop();
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{expected:?} are not all named:\n{text}");
}

/// Whether `stoa verify` says that an invariant is broken, and by what.
fn is_named(text: &str, invariant: &str, about: &str) -> bool {
    let plain = |text: &str| text.replace('-', "");
    let mut lines = text.lines();
    lines.any(|line| line.starts_with("BROKEN") && line.contains(invariant))
        && lines
            .take_while(|line| line.starts_with(' '))
            .any(|line| plain(line).contains(&plain(about)))
}

/// An order and its payment.
struct Bought {
    order: String,
    payment: String,
}

async fn buy(shop: &Shop) -> Bought {
    let ada = Customer::guest(shop).await;
    ada.fill_cart(&id_of(&ada, "LAMP-1").await, 1).await;
    let order = ada.order("order", &ada.card(DISPUTED).await).await;
    let text = |value: &Value| value["id"].as_str().unwrap_or_default().to_owned();
    assert_eq!(order.status, 201, "{order:?}");
    Bought { order: text(&order.body), payment: text(&order.body["payment"]) }
}

fn at(bought: &Bought, what: &str) -> String {
    format!("/v1/admin/payments/{}/{what}", bought.payment)
}

/// A payment, once it is where it should come to be.
async fn is(staff: &Customer, bought: &Bought, status: &str) -> Value {
    let path = format!("/v1/payments/{}", bought.payment);
    for _ in 0..LOOKS_MAX {
        let shown = staff.get(&path).await;
        if shown.body["status"] == status {
            return shown.body;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the payment is not {status}: {:?}", staff.get(&path).await);
}
