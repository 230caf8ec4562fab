//! Shoppers who buy one thing after the other at whichever node answers, and remember what they were told.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::support::{APPROVED, Answer, Customer, Shop, WAIT_MAX, order_body};

/// How long a shopper waits for an answer before another node is asked.
const ANSWERS_IN: Duration = Duration::from_secs(20);
/// How many shoppers there are at a time.
const SIZE: usize = 8;

/// What shoppers and the test share.
#[derive(Default)]
pub struct Square {
    /// Where the nodes are now.
    pub nodes: Mutex<Vec<String>>,
    pub confirmed: AtomicUsize,
    is_over: AtomicBool,
}

impl Square {
    fn node(&self, turn: usize) -> String {
        let nodes = self.nodes.lock().unwrap();
        nodes[turn % nodes.len()].clone()
    }

    /// Waits until that many more orders were confirmed.
    pub async fn sells(&self, more: usize) {
        let (began, before) = (Instant::now(), self.confirmed.load(SeqCst));
        while self.confirmed.load(SeqCst) < before + more {
            assert!(began.elapsed() < WAIT_MAX, "the shop does not sell any more");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

/// One who bought, and the orders that were confirmed to them.
pub struct Bought {
    pub ada: Customer,
    pub orders: Vec<String>,
}

impl Bought {
    /// Each order that was confirmed is there once, and no other one is.
    pub async fn is_there(&self, shop: &Shop) {
        let (ada, began) = (self.ada.at(shop), Instant::now());
        let mut listed = ada.get("/v1/orders?limit=100").await;
        while listed.status == 401 && began.elapsed() < WAIT_MAX {
            tokio::time::sleep(Duration::from_millis(100)).await;
            listed = ada.get("/v1/orders?limit=100").await;
        }
        let listed = listed.body["items"].as_array().unwrap().iter();
        let mut there: Vec<&str> = listed
            .filter(|order| order["status"] != "FAILED" && order["status"] != "AWAITING_PAYMENT")
            .map(|order| order["id"].as_str().unwrap())
            .collect();
        let mut told: Vec<&str> = self.orders.iter().map(String::as_str).collect();
        there.sort_unstable();
        told.sort_unstable();
        assert_eq!(there, told, "what is there, and what was confirmed");
    }
}

pub struct Crowd {
    square: Arc<Square>,
    shoppers: Vec<JoinHandle<Vec<Bought>>>,
}

impl Crowd {
    /// Shoppers who buy these products in turn.
    pub fn comes(square: &Arc<Square>, anyone: &Customer, products: &[String]) -> Self {
        let comes = |n| {
            let (square, products) = (square.clone(), products.to_vec());
            let anyone = anyone.hurried(ANSWERS_IN);
            tokio::spawn(async move { Shopper { anyone, square, turn: n }.shops(&products).await })
        };
        Self { square: square.clone(), shoppers: (0..SIZE).map(comes).collect() }
    }

    /// Goes, when everybody was told what became of the order at hand.
    pub async fn goes(self) -> Vec<Bought> {
        self.square.is_over.store(true, SeqCst);
        let all = futures_util::future::join_all(self.shoppers).await;
        self.square.is_over.store(false, SeqCst);
        all.into_iter().flat_map(Result::unwrap).collect()
    }
}

struct Shopper {
    anyone: Customer,
    square: Arc<Square>,
    turn: usize,
}

impl Shopper {
    async fn shops(mut self, products: &[String]) -> Vec<Bought> {
        let mut all = Vec::new();
        while !self.square.is_over.load(SeqCst) {
            all.push(self.buys(products).await);
        }
        all
    }

    /// Buys until something cannot be had: then whoever it was leaves the cart as it is, and another one comes.
    async fn buys(&mut self, products: &[String]) -> Bought {
        let anyone = self.anyone.clone();
        let guest = self.insists(&anyone, "/v1/auth/guest", "guest", &json!({})).await;
        let ada = anyone.with(guest.body["access_token"].as_str().unwrap());
        let card = json!({
            "number": APPROVED, "exp_month": 12, "exp_year": 2030, "cvc": "123", "name": "Ada",
        });
        let card = self.insists(&ada, "/v1/payment-tokens", "card", &card).await;
        let body = order_body(card.body["token"].as_str().unwrap());
        let mut orders = Vec::new();
        while !self.square.is_over.load(SeqCst) {
            let product = &products[self.turn % products.len()];
            let line = json!({"product_id": product, "quantity": 1});
            let line = self.insists(&ada, "/v1/cart/lines", "line", &line).await;
            if line.status != 200 {
                break;
            }
            let key = format!("order {}", orders.len());
            let order = self.insists(&ada, "/v1/orders", &key, &body).await;
            if order.body["status"] != "CONFIRMED" {
                // A payment that nothing could be decided about in time is challenged, and this shopper does not stay for it.
                let is_challenged = order.body["status"] == "AWAITING_PAYMENT";
                assert!(is_challenged || matches!(order.status, 402 | 409 | 422), "{order:?}");
                break;
            }
            orders.push(order.body["id"].as_str().unwrap().to_owned());
            self.square.confirmed.fetch_add(1, SeqCst);
        }
        Bought { ada, orders }
    }

    /// Asks one node after the other until one says what became of it.
    async fn insists(&mut self, who: &Customer, path: &str, key: &str, body: &Value) -> Answer {
        let began = Instant::now();
        loop {
            self.turn += 1;
            let at = who.at_base(&self.square.node(self.turn));
            let answer = at.try_command(path, key, body).await;
            if let Ok(answer) = &answer
                && is_final(answer)
            {
                return answer.clone();
            }
            assert!(began.elapsed() < WAIT_MAX, "{path}: {answer:?}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

fn is_final(answer: &Answer) -> bool {
    let goes_on = ["conflict", "idempotency_in_progress", "cart_in_checkout"];
    match answer.status {
        // A token of a node whose clock is ahead is not good yet.
        202 | 401 | 408 | 429 | 500.. => false,
        409 => !goes_on.iter().any(|code| answer.body["code"] == *code),
        _ => true,
    }
}
