//! A customer's system, as far as a test needs one.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use sha2::{Digest, Sha256};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// A call that came.
#[derive(Debug, Clone)]
pub struct Call {
    pub headers: HashMap<String, String>,
    pub body: Vec<u8>,
}

impl Call {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// Whether it is signed with a secret, by RFC 2104 and Standard Webhooks themselves.
    pub fn is_signed_with(&self, secret: &str) -> bool {
        let key = STANDARD.decode(secret.strip_prefix("whsec_").unwrap()).unwrap();
        let mut block = [0_u8; 64];
        block[..key.len()].copy_from_slice(&key);
        let hash = |pad: u8, message: &[u8]| {
            let key: Vec<u8> = block.iter().map(|byte| byte ^ pad).collect();
            Sha256::digest([key.as_slice(), message].concat()).to_vec()
        };
        let (id, at) = (&self.headers["webhook-id"], &self.headers["webhook-timestamp"]);
        let signed = [format!("{id}.{at}.").as_bytes(), &self.body].concat();
        let expected = STANDARD.encode(hash(0x5c, &hash(0x36, &signed)));
        self.headers["webhook-signature"] == format!("v1,{expected}")
    }
}

/// What it answers; 0 is nothing, for ever.
pub struct Receiver {
    pub url: String,
    calls: Arc<Mutex<Vec<Call>>>,
    answer: Arc<Mutex<u16>>,
}

impl Receiver {
    pub async fn new(answer: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let receiver = Self { url, calls: Arc::default(), answer: Arc::new(Mutex::new(answer)) };
        let (calls, answer) = (receiver.calls.clone(), receiver.answer.clone());
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                tokio::spawn(receive(socket, calls.clone(), answer.clone()));
            }
        });
        receiver
    }

    pub fn answers(&self, status: u16) {
        *self.answer.lock().unwrap() = status;
    }

    pub fn calls(&self) -> Vec<Call> {
        self.calls.lock().unwrap().clone()
    }

    /// The calls, once there are as many.
    pub async fn until(&self, wanted: usize) -> Vec<Call> {
        let began = Instant::now();
        while self.calls().len() < wanted {
            assert!(began.elapsed() < Duration::from_mins(1), "{:?}", self.calls());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        self.calls()
    }
}

async fn receive(socket: TcpStream, calls: Arc<Mutex<Vec<Call>>>, answer: Arc<Mutex<u16>>) {
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
        let status = *answer.lock().unwrap();
        if status == 0 {
            std::future::pending::<()>().await;
        }
        let location = "location: http://127.0.0.1:1/elsewhere\r\n";
        let head = format!("HTTP/1.1 {status} X\r\n{location}content-length: 0\r\n\r\n");
        socket.write_all(head.as_bytes()).await.unwrap();
    }
}
