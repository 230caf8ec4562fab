//! A shop whose processor is Stripe: here `stoa sandbox-processor`, a process and a party of its own.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::{Customer, Engine, Shop, WAIT_MAX, id_of, order_body, product};

pub const API_KEY: &str = "sk_test_of_this_test";
const SECRET: &str = "whsec_of_this_test";

/// `stoa sandbox-processor`.
pub struct Processor {
    process: Child,
    pub base: String,
}

impl Processor {
    fn start(shop: &Shop, webhooks_to: &str) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_stoa"))
            .args(["sandbox-processor", "--listen", "127.0.0.1:0", "--webhooks-to", webhooks_to])
            .env("STOA_SANDBOX_API_KEY", API_KEY)
            .env("STOA_SANDBOX_WEBHOOK_SECRET", SECRET)
            .env("STOA__SERVER__DATA_DIR", shop.folder.join("processor"))
            .env("STOA__PAYMENT__SANDBOX__DISPUTE_AFTER_MS", "0")
            .env("STOA__PAYMENT__SANDBOX__POLL_MS", "50")
            .env("STOA__LOG__LEVEL", "warn")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let base = line.trim().strip_prefix("ready: ").unwrap().to_owned();
        Self { process, base }
    }
}

impl Drop for Processor {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

/// Waits until a payment stands so.
pub async fn until(staff: &Customer, payment: &str, status: &str) {
    let began = Instant::now();
    loop {
        let shown = staff.get(&format!("/v1/payments/{payment}")).await;
        if shown.body["status"] == status {
            return;
        }
        assert!(began.elapsed() < WAIT_MAX, "not {status}: {shown:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// A port that was free just now, of an address that no other test listens at: the shop and its processor each have
/// to know where the other is.
fn free_port() -> u16 {
    TcpListener::bind("127.0.0.2:0").unwrap().local_addr().unwrap().port()
}

/// A running shop whose processor is Stripe.
pub fn running() -> (Shop, Processor) {
    let mut shop = Shop::new(Engine::Sqlite, &[product("LAMP-1", "20.00", 9)]).unwrap();
    let listen = format!("127.0.0.2:{}", free_port());
    let processor = Processor::start(&shop, &format!("http://{listen}/v1/webhooks/stripe"));
    for (name, value) in [
        ("STOA__SERVER__LISTEN", listen.as_str()),
        ("STOA__PAYMENT__PROCESSOR", "stripe"),
        ("STOA__PAYMENT__STRIPE__BASE_URL", &processor.base),
        ("STOA__PAYMENT__STRIPE__SECRET_KEY", API_KEY),
        ("STOA__PAYMENT__STRIPE__WEBHOOK_SECRET", SECRET),
        ("STOA__PAYMENT__STRIPE__RETURN_URL", "https://shop.example/paid"),
    ] {
        shop.set(name, value);
    }
    shop.start(&[]);
    (shop, processor)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_sold_is_paid_through_stripe() {
    let (shop, processor) = running();
    let staff = shop.staff().await;
    let buy = async |token: &str| {
        let ada = Customer::guest(&shop).await;
        ada.fill_cart(&id_of(&ada, "LAMP-1").await, 1).await;
        let order = ada.command("/v1/orders", "a", &order_body(token)).await;
        (ada, order)
    };
    let id = |value: &Value| value.as_str().unwrap().to_owned();

    // Approved, taken, and given back in part.
    let (_, order) = buy("pm_card_visa").await;
    assert_eq!((order.status, &order.body["status"]), (201, &json!("CONFIRMED")), "{order:?}");
    let paid = id(&order.body["payment"]["id"]);
    until(&staff, &paid, "captured").await;
    let refund = json!({"amount": {"amount": "5.00", "currency": "EUR"}});
    let given = staff.command(&format!("/v1/admin/payments/{paid}/refund"), "r", &refund).await;
    assert_eq!((given.status, &given.body["status"]), (200, &json!("partially_refunded")));

    let (_, order) = buy("pm_card_chargeDeclined").await;
    assert_eq!((order.status, &order.body["code"]), (402, &json!("payment_declined")), "{order:?}");

    // The shopper authenticates at the processor, whose webhook lets the order go on.
    for (outcome, state) in [("approve", "CONFIRMED"), ("decline", "FAILED")] {
        let (ada, order) = buy("pm_card_threeDSecure2Required").await;
        assert_eq!(order.body["status"], "AWAITING_PAYMENT", "{order:?}");
        let url = id(&order.body["payment"]["next_action"]["url"]);
        assert!(url.starts_with(&processor.base), "{url}");
        let page = reqwest::Client::builder().timeout(WAIT_MAX).build().unwrap();
        let page = page.post(&url).body(format!("outcome={outcome}")).send().await.unwrap();
        assert_eq!(page.status(), 200);
        ada.until(&id(&order.body["id"]), &[state]).await;
    }

    // A dispute that only webhooks tell of.
    let (_, order) = buy("pm_card_createDispute").await;
    let disputed = id(&order.body["payment"]["id"]);
    until(&staff, &disputed, "disputed").await;
    let path = format!("/v1/admin/payments/{disputed}/dispute/evidence");
    let said = staff.command(&path, "e", &json!({"text": "winning_evidence"})).await;
    assert_eq!(said.status, 200, "{said:?}");
    until(&staff, &disputed, "won").await;

    // No card number comes to this shop, and its own challenge page is not there.
    let card =
        json!({"number": "4242424242424242", "exp_month": 12, "exp_year": 2030, "cvc": "123"});
    assert_eq!(staff.post("/v1/payment-tokens", &card).await.status, 404);
    let (path, answer) = (format!("/v1/payments/{paid}/challenge"), json!({"outcome": "approve"}));
    assert_eq!(staff.post(&path, &answer).await.status, 404);
    // The books of both sides say the same.
    shop.settle();
    assert!(!shop.log().contains(API_KEY), "the key is in the log");
}
