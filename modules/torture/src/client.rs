//! Requests, and which of them are made again.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use reqwest::Method;
use reqwest::header::ETAG;
use serde_json::Value;

/// How long one answer is waited for.
const ANSWER_WAIT_MAX: Duration = Duration::from_secs(30);
/// How long it is waited between two looks.
const LOOK_AGAIN: Duration = Duration::from_millis(50);
/// The longest pause that a shop may ask for.
const PAUSE_MAX: Duration = Duration::from_secs(2);

/// Why an attack could not be carried out.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No connection, or no answer in time.
    #[error("the shop does not answer: {0}")]
    Silent(#[from] reqwest::Error),
    /// An answer that should not be given here.
    #[error("{what} was answered {status}: {body}")]
    Unexpected {
        /// What was asked.
        what: String,
        /// The answer's status.
        status: u16,
        /// The answer's body.
        body: String,
    },
    /// Something did not come true.
    #[error("waited in vain: {0}")]
    Vain(String),
}

pub(crate) type Result<T> = std::result::Result<T, Error>;

/// An answer, read to its end.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub status: u16,
    pub body: Value,
    pub etag: Option<String>,
}

impl Answer {
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The order's status, the problem's code, or the status of the answer, in this order.
    pub fn word(&self) -> String {
        let said = self.body["code"].as_str().or(self.body["status"].as_str());
        said.map_or_else(|| self.status.to_string(), str::to_owned)
    }

    /// Whether the shop has not decided, so that the same may be asked again.
    fn is_undecided(&self) -> bool {
        matches!(self.status, 429 | 503)
            || matches!(self.body["code"].as_str(), Some("idempotency_in_progress"))
    }

    pub fn unexpected(self, what: &str) -> Error {
        Error::Unexpected {
            what: what.to_owned(),
            status: self.status,
            body: self.body.to_string(),
        }
    }
}

/// The way into the shop, shared by all who come.
#[derive(Clone)]
pub(crate) struct Door {
    http: reqwest::Client,
    base: Arc<str>,
    /// Everybody comes from an address of their own: it counts where the shop trusts this machine as a
    /// proxy.
    addresses: Arc<AtomicU32>,
    /// How long something is tried again, or waited for to come true, before it is called broken.
    patience: Duration,
}

/// Somebody who talks to the shop.
#[derive(Clone)]
pub(crate) struct Client {
    door: Door,
    token: String,
    address: Ipv4Addr,
}

impl Door {
    pub fn new(base: &str, patience: Duration) -> Result<Self> {
        let http = reqwest::Client::builder()
            .timeout(ANSWER_WAIT_MAX)
            // The server closes connections that stood idle; nothing is sent into one.
            .pool_idle_timeout(Duration::from_secs(1))
            .build()?;
        let base = base.trim_end_matches('/').into();
        Ok(Self { http, base, addresses: Arc::default(), patience })
    }

    /// Somebody with this token, from an address of their own in 10.0.0.0/8.
    pub fn client(&self, token: &str) -> Client {
        let number = self.addresses.fetch_add(1, Ordering::Relaxed) & 0x00ff_ffff;
        let address = Ipv4Addr::from(0x0a00_0000 | number);
        Client { door: self.clone(), token: token.to_owned(), address }
    }

    /// Looks until something has come true.
    pub async fn until<T>(
        &self,
        what: &str,
        mut look: impl AsyncFnMut() -> Result<Option<T>>,
    ) -> Result<T> {
        let until = Instant::now() + self.patience;
        loop {
            if let Some(found) = look().await? {
                return Ok(found);
            }
            if Instant::now() > until {
                return Err(Error::Vain(what.to_owned()));
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }
}

impl Client {
    pub const fn door(&self) -> &Door {
        &self.door
    }

    pub fn with_token(self, token: &str) -> Self {
        Self { token: token.to_owned(), ..self }
    }

    /// Asks once.
    pub async fn once(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        headers: &[(&str, &str)],
    ) -> Result<Answer> {
        let mut request = self.door.http.request(method, format!("{}{path}", self.door.base));
        request = request.header("x-forwarded-for", self.address.to_string());
        if !self.token.is_empty() {
            request = request.bearer_auth(&self.token);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        let response = request.send().await?;
        let status = response.status().as_u16();
        let etag = response.headers().get(ETAG).and_then(|it| it.to_str().ok()).map(str::to_owned);
        let body = serde_json::from_slice(&response.bytes().await?).unwrap_or_default();
        Ok(Answer { status, body, etag })
    }

    /// Asks until the shop has decided: it may be busy, or busy with the same request. What carries a
    /// key is asked again after silence too.
    pub async fn ask(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        headers: &[(&str, &str)],
    ) -> Result<Answer> {
        let until = Instant::now() + self.door.patience;
        let has_key = headers.iter().any(|(name, _)| *name == KEY);
        let mut pause = LOOK_AGAIN;
        loop {
            match self.once(method.clone(), path, body, headers).await {
                Ok(answer) if Instant::now() < until && answer.is_undecided() => {}
                Ok(answer) if Instant::now() < until && has_key && answer.status == 504 => {}
                Err(_) if Instant::now() < until && has_key => {}
                other => return other,
            }
            tokio::time::sleep(pause).await;
            pause = PAUSE_MAX.min(pause * 2);
        }
    }

    pub async fn get(&self, path: &str) -> Result<Answer> {
        self.ask(Method::GET, path, None, &[]).await
    }

    /// GET of what must be there.
    pub async fn must_get(&self, path: &str) -> Result<Value> {
        let answer = self.get(path).await?;
        if answer.is_success() { Ok(answer.body) } else { Err(answer.unexpected(path)) }
    }

    pub async fn post(&self, path: &str, body: &Value) -> Result<Answer> {
        self.ask(Method::POST, path, Some(body), &[]).await
    }

    /// POST that must succeed.
    pub async fn must_post(&self, path: &str, body: &Value) -> Result<Value> {
        let answer = self.post(path, body).await?;
        if answer.is_success() { Ok(answer.body) } else { Err(answer.unexpected(path)) }
    }

    /// POST that is done once, however often it is sent.
    pub async fn command(&self, path: &str, key: &str, body: &Value) -> Result<Answer> {
        self.ask(Method::POST, path, Some(body), &[(KEY, key)]).await
    }
}

/// The header that makes a command one command.
pub(crate) const KEY: &str = "idempotency-key";
