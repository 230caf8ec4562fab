//! What Stripe settled is fetched and matched to the journal: orders from the checkout to the bank.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::Output;

use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::stripe::{API_KEY, Processor, running, until};
use crate::support::{Customer, Shop, WAIT_MAX, id_of, order_body};

const LEDGER: &str = "/v1/admin/ledger";

/// Orders a lamp; answers the id of its payment, once that stands so.
async fn sold(shop: &Shop, staff: &Customer, card: &str, status: &str) -> String {
    let ada = Customer::guest(shop).await;
    ada.fill_cart(&id_of(&ada, "LAMP-1").await, 1).await;
    let order = ada.command("/v1/orders", "a", &order_body(card)).await;
    assert_eq!((order.status, &order.body["status"]), (201, &json!("CONFIRMED")), "{order:?}");
    let payment = order.body["payment"]["id"].as_str().unwrap().to_owned();
    until(staff, &payment, status).await;
    payment
}

/// Asks the processor for what it settled since yesterday.
fn settle(shop: &Shop) -> (Option<i32>, String, Output) {
    let yesterday = (kernel::Clock::system().now() - TimeDelta::days(1)).date_naive().to_string();
    let output = shop.run(&["ledger", "settle", "--from-processor", "--since", &yesterday]);
    let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    (output.status.code(), text, output)
}

async fn open_accounts(staff: &Customer, kind: &str) -> Vec<Value> {
    let page = staff.get(&format!("{LEDGER}/accounts?kind={kind}&open=true")).await;
    page.body["items"].as_array().unwrap().clone()
}

async fn differences(staff: &Customer) -> Vec<String> {
    let page = staff.get(&format!("{LEDGER}/differences?open=true")).await;
    let items = page.body["items"].as_array().unwrap();
    items.iter().map(|it| it["reason"].as_str().unwrap().to_owned()).collect()
}

/// Somebody charges a card at the processor, and not through the shop.
async fn charge_elsewhere(processor: &Processor) {
    let http = reqwest::Client::builder().timeout(WAIT_MAX).build().unwrap();
    let call = async |path: &str, form: &str| -> Value {
        let request = http.post(format!("{}/v1/{path}", processor.base)).bearer_auth(API_KEY);
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        request.body(form.to_owned()).send().await.unwrap().json().await.unwrap()
    };
    let form = "amount=700&currency=eur&payment_method=pm_card_visa&payment_method_types[]=card\
                &capture_method=manual&confirm=true";
    let made = call("payment_intents", form).await;
    let id = made["id"].as_str().unwrap();
    let taken = call(&format!("payment_intents/{id}/capture"), "").await;
    assert_eq!(taken["status"], "succeeded", "{taken}");
}

/// A Stripe that tells one page and says that there is more, and then is broken. Answers where it listens.
fn broken_after_a_page() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut head = Vec::new();
            let mut byte = [0];
            while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap_or(0) == 1 {
                head.push(byte[0]);
            }
            let is_second = String::from_utf8_lossy(&head).contains("starting_after");
            let stray = json!({"id": "txn_half", "amount": 900, "currency": "eur", "fee": 0, "created": 1,
                "available_on": 1, "reporting_category": "charge", "source": "ch_half"});
            let page = json!({"object": "list", "has_more": true, "data": [stray]}).to_string();
            let (status, body) = if is_second { ("503 Busy", "{}") } else { ("200 OK", &*page) };
            let length = body.len();
            let head =
                format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close");
            let _ = write!(stream, "{head}\r\n\r\n{body}");
        }
    });
    base
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_stripe_settled_is_fetched_and_matched() {
    let (mut shop, processor) = running();
    let staff = shop.staff().await;
    let given_back = sold(&shop, &staff, "pm_card_visa", "captured").await;
    let refund = json!({"amount": {"amount": "5.00", "currency": "EUR"}});
    let path = format!("/v1/admin/payments/{given_back}/refund");
    assert_eq!(staff.command(&path, "r", &refund).await.status, 200);
    for (evidence, end) in [("winning_evidence", "won"), ("losing_evidence", "lost")] {
        let disputed = sold(&shop, &staff, "pm_card_createDispute", "disputed").await;
        let path = format!("/v1/admin/payments/{disputed}/dispute/evidence");
        let said = staff.command(&path, end, &json!({"text": evidence})).await;
        assert_eq!(said.status, 200, "{said:?}");
        until(&staff, &disputed, end).await;
    }
    let waits = sold(&shop, &staff, "pm_card_createDispute", "disputed").await;
    shop.settle();
    assert!(!open_accounts(&staff, "clearing").await.is_empty());

    // Four were taken, one was given back in part, and one was lost.
    let (code, text, output) = settle(&shop);
    assert_eq!((code, text.as_str()), (Some(0), "6 lines, 6 posted, 0 differences"), "{output:?}");
    // What is disputed is settled, and still open: it may have to be given back.
    for kind in ["clearing", "disputes"] {
        let open = open_accounts(&staff, kind).await;
        assert_eq!(open.len(), 1, "{open:?}");
        assert!(open[0]["code"].as_str().unwrap().ends_with(&waits), "{open:?}");
    }
    let path = format!("/v1/admin/payments/{waits}/dispute/evidence");
    let said = staff.command(&path, "w", &json!({"text": "winning_evidence"})).await;
    assert_eq!(said.status, 200, "{said:?}");
    until(&staff, &waits, "won").await;
    shop.settle();
    for kind in ["clearing", "disputes", "receivable"] {
        assert_eq!(open_accounts(&staff, kind).await, Vec::<Value>::new(), "{kind}");
    }
    let (code, text, _) = settle(&shop);
    assert_eq!((code, text.as_str()), (Some(0), "nothing that was not told before"));
    let from = kernel::Clock::system().now() - TimeDelta::days(1);
    let fetch = format!("{LEDGER}/settlements/fetch");
    let asked = staff.post(&fetch, &json!({"from": from})).await;
    assert_eq!(asked.status, 204, "{asked:?}");

    // What does not fit is a difference: a charge of nobody here, and a fee that was not agreed.
    charge_elsewhere(&processor).await;
    let asked = staff.post(&fetch, &json!({"from": from})).await;
    assert_eq!((asked.status, &asked.body["differences"]), (200, &json!(1)), "{asked:?}");
    assert_eq!(differences(&staff).await, ["orphan_charge"]);
    sold(&shop, &staff, "pm_card_visa", "captured").await;
    shop.settle();
    shop.set("STOA__LEDGER__FEE_FIXED_MINOR", "26");
    let (code, text, output) = settle(&shop);
    assert_eq!((code, text.as_str()), (Some(1), "1 lines, 0 posted, 1 differences"), "{output:?}");
    assert_eq!(differences(&staff).await, ["orphan_charge", "fee"]);

    // Nothing is taken of a Stripe that breaks off.
    let before = staff.get(&format!("{LEDGER}/settlements")).await.body["items"].clone();
    assert_eq!(before.as_array().unwrap().len(), 3);
    shop.set("STOA__PAYMENT__STRIPE__BASE_URL", &broken_after_a_page());
    let (code, text, output) = settle(&shop);
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(code == Some(2) && text.is_empty() && told.contains("Stripe"), "{output:?}");
    assert_eq!(staff.get(&format!("{LEDGER}/settlements")).await.body["items"], before);
    shop.set("STOA__PAYMENT__STRIPE__BASE_URL", &processor.base);
    shop.settle();
}
