//! A merchant: what it books, and where it is called.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use carrier::{Carrier, Settings};
use kernel::Address;
use kernel::id::OrderId;
use kernel::ports::Booking;
use platform::sql::Db;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

pub fn settings() -> Settings {
    Settings {
        latency_ms: 0,
        step_ms: 0,
        webhook_url: String::new(),
        poll_ms: 5,
        late_ms: 50,
        faults: vec![],
        seed: 1,
    }
}

pub async fn open(db: Db) -> Carrier {
    Carrier::open(db, settings()).await.unwrap()
}

/// A booking to a house where this goes wrong.
pub fn booking(order_id: OrderId, faults: &str) -> Booking {
    let address = Address {
        name: "Ada".to_owned(),
        line1: "1 Long Road".to_owned(),
        line2: Some(format!("sandbox:{faults}")),
        city: "London".to_owned(),
        region: None,
        postal_code: None,
        country: "GB".to_owned(),
    };
    Booking { order_id, address, method: "standard".to_owned() }
}

/// A webhook that came.
#[derive(Debug, Clone)]
pub struct Call {
    pub headers: HashMap<String, String>,
    pub body: Vec<u8>,
}

impl Call {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub fn is_signed_by(&self, carrier: &Carrier) -> bool {
        let [id, at, signature] = ["id", "timestamp", "signature"]
            .map(|name| self.headers[&format!("webhook-{name}")].clone());
        let (at, secret) = (at.parse().unwrap(), carrier.secret());
        platform::webhook::is_signed(secret, &id, at, &self.body, &signature)
    }
}

/// Where the merchant is called.
#[derive(Clone)]
pub struct Receiver {
    pub origin: String,
    calls: Arc<Mutex<Vec<Call>>>,
}

impl Receiver {
    pub async fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let receiver = Self { origin, calls: Arc::default() };
        let calls = receiver.calls.clone();
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                tokio::spawn(receive(socket, calls.clone()));
            }
        });
        receiver
    }

    /// The calls, once there are as many.
    pub async fn until(&self, wanted: usize) -> Vec<Call> {
        let began = Instant::now();
        loop {
            let calls = self.calls.lock().unwrap().clone();
            if calls.len() >= wanted {
                return calls;
            }
            assert!(began.elapsed() < Duration::from_mins(1), "{calls:?}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

async fn receive(socket: TcpStream, calls: Arc<Mutex<Vec<Call>>>) {
    let mut socket = BufReader::new(socket);
    loop {
        let mut headers = HashMap::new();
        loop {
            let mut line = String::new();
            if socket.read_line(&mut line).await.unwrap_or_default() == 0 {
                return;
            }
            if line == "\r\n" {
                break;
            }
            if let Some((name, value)) = line.trim().split_once(": ") {
                headers.insert(name.to_lowercase(), value.to_owned());
            }
        }
        let mut body = vec![0; headers["content-length"].parse().unwrap()];
        socket.read_exact(&mut body).await.unwrap();
        calls.lock().unwrap().push(Call { headers, body });
        socket.write_all(b"HTTP/1.1 204 X\r\n\r\n").await.unwrap();
    }
}
