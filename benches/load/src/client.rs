//! One client: one connection that is kept, one request at a time.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::net::TcpStream;

use crate::error::{Error, Result};

/// How long a client waits for an answer.
const ANSWER_WAIT_MAX: Duration = Duration::from_secs(20);
/// How much of an unexpected body an error shows.
const BODY_SHOWN_MAX: usize = 400;

/// A client with its connection and, once it has one, its access token.
pub struct Client {
    address: SocketAddr,
    host: String,
    sender: Option<SendRequest<Full<Bytes>>>,
    /// Sent as the bearer of each request.
    pub access_token: Option<String>,
    /// Behind a proxy, the number of the next address that a request comes from; each comes from
    /// another.
    pub forwarded_for: Option<u32>,
}

/// Addresses of clients, 10.0.0.0/8: so many bits of a number count.
const ADDRESS_BITS: u32 = 24;
/// The first addresses of two clients are so far apart.
const ADDRESSES_APART: u32 = 1 << 14;

/// An answer, read to its end.
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The whole body.
    pub body: Bytes,
}

impl Answer {
    /// The body as JSON of this shape.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T> {
        Ok(serde_json::from_slice(&self.body)?)
    }

    fn beginning(&self) -> String {
        String::from_utf8_lossy(&self.body).chars().take(BODY_SHOWN_MAX).collect()
    }
}

impl Client {
    /// A client that connects with its first request.
    pub fn new(address: SocketAddr) -> Self {
        Self {
            address,
            host: address.to_string(),
            sender: None,
            access_token: None,
            forwarded_for: None,
        }
    }

    /// The client with a number, whose requests come from an address each, as a proxy tells them.
    pub fn behind_proxy(address: SocketAddr, number: usize) -> Self {
        let first = u32::try_from(number).unwrap_or_default().wrapping_mul(ADDRESSES_APART);
        Self { forwarded_for: Some(first), ..Self::new(address) }
    }

    /// GET.
    pub async fn get(&mut self, path: &str) -> Result<Answer> {
        self.send(Method::GET, path, None, None).await
    }

    /// POST with a JSON body.
    pub async fn post(&mut self, path: &str, body: &Value, key: Option<&str>) -> Result<Answer> {
        self.send(Method::POST, path, Some(body), key).await
    }

    /// GET that must succeed.
    pub async fn must_get(&mut self, path: &str) -> Result<Value> {
        let answer = self.get(path).await?;
        expected("GET", path, &answer)
    }

    /// POST that must succeed.
    pub async fn must_post(&mut self, path: &str, body: &Value) -> Result<Value> {
        let answer = self.post(path, body, None).await?;
        expected("POST", path, &answer)
    }

    /// POST of a file, which must succeed.
    pub async fn upload(&mut self, path: &str, file: Bytes) -> Result<Value> {
        let answer = self.send_bytes(Method::POST, path, file, None).await?;
        expected("POST", path, &answer)
    }

    async fn send(
        &mut self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        key: Option<&str>,
    ) -> Result<Answer> {
        let bytes = match body {
            Some(body) => Bytes::from(serde_json::to_vec(body)?),
            None => Bytes::new(),
        };
        self.send_bytes(method, path, bytes, key).await
    }

    async fn send_bytes(
        &mut self,
        method: Method,
        path: &str,
        bytes: Bytes,
        key: Option<&str>,
    ) -> Result<Answer> {
        let mut request = Request::builder().method(method).uri(path).header(HOST, &self.host);
        if let Some(token) = &self.access_token {
            request = request.header(AUTHORIZATION, format!("Bearer {token}"));
        }
        if let Some(number) = &mut self.forwarded_for {
            let address = Ipv4Addr::from((10 << ADDRESS_BITS) | (*number % (1 << ADDRESS_BITS)));
            request = request.header("x-forwarded-for", address.to_string());
            *number = number.wrapping_add(1);
        }
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        if !bytes.is_empty() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        let request = request.body(Full::new(bytes))?;
        let outcome = tokio::time::timeout(ANSWER_WAIT_MAX, self.exchange(request)).await;
        let outcome = outcome.unwrap_or(Err(Error::Timeout(ANSWER_WAIT_MAX)));
        if outcome.is_err() {
            self.sender = None;
        }
        outcome
    }

    async fn exchange(&mut self, request: Request<Full<Bytes>>) -> Result<Answer> {
        if self.sender.as_ref().is_none_or(SendRequest::is_closed) {
            self.sender = Some(connect(self.address).await?);
        }
        let Some(sender) = &mut self.sender else {
            return Err(Error::Setup("no connection".into()));
        };
        sender.ready().await?;
        let response = sender.send_request(request).await?;
        let status = response.status().as_u16();
        let body = response.into_body().collect().await?.to_bytes();
        Ok(Answer { status, body })
    }
}

async fn connect(address: SocketAddr) -> Result<SendRequest<Full<Bytes>>> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let (sender, connection) = handshake(TokioIo::new(stream)).await?;
    // An error of the connection is told to whoever waits for the answer.
    tokio::spawn(connection);
    Ok(sender)
}

fn expected(method: &'static str, path: &str, answer: &Answer) -> Result<Value> {
    if (200..300).contains(&answer.status) {
        return if answer.body.is_empty() { Ok(Value::Null) } else { answer.json() };
    }
    let (path, status) = (path.to_owned(), answer.status);
    Err(Error::Refused { method, path, status, body: answer.beginning() })
}
