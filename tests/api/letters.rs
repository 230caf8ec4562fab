//! What customers are told of their orders, by mail.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

use crate::support::{
    APPROVED, Customer, DECLINED, Engine, Shop, WAIT_MAX, id_of, on_both_engines, order_body,
    product,
};

on_both_engines![an_order_is_told_by_mail_once];

/// What a mail server was handed, each mail with the address it is for.
type Handed = Arc<Mutex<Vec<(String, String)>>>;

/// A mail server as far as a client needs one.
async fn mail_server() -> (String, Handed) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("smtp://{}", listener.local_addr().unwrap());
    let handed = Handed::default();
    let keeps = handed.clone();
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            tokio::spawn(receive(socket, keeps.clone()));
        }
    });
    (url, handed)
}

async fn receive(socket: TcpStream, handed: Handed) {
    let mut socket = BufReader::new(socket);
    socket.write_all(b"220 mail.example\r\n").await.unwrap();
    let (mut to, mut mail, mut in_mail) = (String::new(), String::new(), false);
    loop {
        let mut line = String::new();
        if socket.read_line(&mut line).await.unwrap_or_default() == 0 {
            return;
        }
        if in_mail {
            if line != ".\r\n" {
                mail += &line;
                continue;
            }
            in_mail = false;
            // Quoted-printable: long lines are broken by `=`.
            let text = mail.replace("=\r\n", "");
            handed.lock().unwrap().push((std::mem::take(&mut to), text));
            mail.clear();
        } else if let Some(path) = line.strip_prefix("RCPT TO:") {
            to = path.trim().to_owned();
        }
        let answer: &[u8] = if line == "DATA\r\n" {
            in_mail = true;
            b"354 go on\r\n"
        } else {
            b"250 well\r\n"
        };
        if socket.write_all(answer).await.is_err() {
            return;
        }
    }
}

async fn until(handed: &Handed, wanted: usize) -> Vec<(String, String)> {
    let began = Instant::now();
    loop {
        let mails = handed.lock().unwrap().clone();
        if mails.len() >= wanted {
            return mails;
        }
        assert!(began.elapsed() < WAIT_MAX, "{mails:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn order(who: &Customer, card: &str, change: Value) -> Value {
    who.fill_cart(&id_of(who, "LAMP-1").await, 1).await;
    let mut body = order_body(&who.card(card).await);
    body.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
    let answer = who.command("/v1/orders", &change.to_string(), &body).await;
    if card == APPROVED {
        assert_eq!(answer.body["status"], "CONFIRMED", "{answer:?}");
    }
    answer.body
}

async fn an_order_is_told_by_mail_once(engine: Engine) {
    let Some(mut shop) = Shop::new(engine, &[product("LAMP-1", "20.00", 50)]) else { return };
    let (url, handed) = mail_server().await;
    shop.set("STOA__MAIL__URL", &url);
    shop.set("STOA__LOG__LEVEL", "info");
    shop.start(&[]);
    let guest = Customer::guest(&shop).await;
    let to = json!({"email": "Guest@Example.com", "locale": "fr-CA"});
    let told = order(&guest, APPROVED, to).await;
    assert_eq!(told["email"], "guest@example.com");
    let anyone = Customer::anyone(&shop);
    let mut ada = json!({"email": "ada@example.com", "password": "correct horse battery"});
    let credentials = ada.clone();
    ada["name"] = json!("Ada");
    anyone.post("/v1/auth/register", &ada).await;
    let ada = anyone.log_in(&credentials).await.unwrap();
    order(&ada, DECLINED, json!({})).await;
    let silent = Customer::guest(&shop).await;
    let untold = order(&silent, APPROVED, json!({})).await;
    assert_eq!(untold["email"], Value::Null);
    // The third is auth's: the address of the account is to be confirmed.
    until(&handed, 3).await;

    shop.settle();
    let replayed = shop.run(&["replay", "messages.events"]);
    assert!(replayed.status.success(), "{replayed:?}");
    shop.settle();
    let staff = shop.staff().await;
    let began = Instant::now();
    let nobody = loop {
        let nobody = staff.get("/v1/admin/messages?state=nobody").await.body["items"].clone();
        if nobody != json!([]) {
            break nobody;
        }
        assert!(began.elapsed() < WAIT_MAX);
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    assert_eq!(nobody[0]["order_id"], untold["id"], "{nobody}");
    let mails = handed.lock().unwrap().clone();
    let of = |to: &str| -> Vec<&str> {
        mails.iter().filter(|(path, _)| path == to).map(|(_, mail)| mail.as_str()).collect()
    };
    let guests = of("<guest@example.com>");
    assert_eq!(guests.len(), 1, "{mails:?}");
    assert!(guests[0].contains("multipart/alternative"), "{guests:?}");
    assert!(guests[0].contains("Nous vous remercions de votre commande"), "{guests:?}");
    let about = "did not go through";
    let failed = of("<ada@example.com>").into_iter().filter(|mail| mail.contains(about));
    assert_eq!(failed.count(), 1, "{mails:?}");
    assert!(!shop.log().contains("@example.com"), "{}", shop.log());

    shop.stop();
    shop.set("STOA__ORDER__GUEST_EMAIL", "required");
    shop.start(&[]);
    let silent = silent.at(&shop);
    silent.fill_cart(&id_of(&silent, "LAMP-1").await, 1).await;
    let body = order_body(&silent.card(APPROVED).await);
    let refused = silent.command("/v1/orders", "k", &body).await;
    assert_eq!(refused.status, 422, "{refused:?}");
    assert_eq!(refused.body["errors"][0]["field"], "email");
    order(&ada.at(&shop), APPROVED, json!({"locale": "de"})).await;
}
