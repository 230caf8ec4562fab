//! Where the built-in carrier and the built-in processor call their merchant.

use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use reqwest::redirect::Policy;
use reqwest::{Client, Url};

use super::sign;
use crate::http::outbound;

/// How long a call may take.
const ANSWER_WAIT_MAX: Duration = Duration::from_secs(5);

/// Where signed calls go.
pub struct Target {
    client: Client,
    path: &'static str,
    url: RwLock<Option<Url>>,
}

/// Why nobody can be called.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    /// There is no client.
    #[error("no HTTP client can be made")]
    Client(#[from] reqwest::Error),
    /// Where calls are to go is no URL.
    #[error("{0:?} is not a URL")]
    Url(String),
}

/// Why a call did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// A sandbox was told to let it fail.
    #[error("it is made to fail")]
    OnPurpose,
    /// It cannot be written or signed.
    #[error("it cannot be put together")]
    Unusable,
    /// Nobody answered.
    #[error("it was not answered")]
    Http(#[from] reqwest::Error),
    /// It was answered with this status.
    #[error("the answer was {0}")]
    Answered(u16),
}

impl Target {
    /// Calls go to `url`, or if it is empty to `path` of whatever [`Target::default_to`] names.
    pub fn new(url: &str, path: &'static str, agent: &str) -> Result<Self, TargetError> {
        let client = outbound()
            .timeout(ANSWER_WAIT_MAX)
            .redirect(Policy::none())
            .no_proxy()
            .user_agent(agent)
            .build()?;
        let url = match url {
            "" => None,
            url => Some(Url::parse(url).map_err(|_| TargetError::Url(url.to_owned()))?),
        };
        Ok(Self { client, path, url: RwLock::new(url) })
    }

    /// Calls go to the shop at `origin` unless the settings say where they go.
    pub fn default_to(&self, origin: &str) {
        let mut url = self.url.write().unwrap_or_else(PoisonError::into_inner);
        if url.is_none() {
            *url = Url::parse(&format!("{origin}{}", self.path)).ok();
        }
    }

    /// Whether it is known where calls go.
    pub fn is_known(&self) -> bool {
        self.url.read().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    /// Makes a call, signed by `secret` as of `at`, in seconds since 1970.
    pub async fn call(
        &self,
        secret: &[u8],
        id: &str,
        at: i64,
        body: Vec<u8>,
    ) -> Result<(), CallError> {
        let signature = sign(secret, id, at, &body).ok_or(CallError::Unusable)?;
        let headers = [
            ("webhook-id", id),
            ("webhook-timestamp", &at.to_string()),
            ("webhook-signature", &signature),
        ];
        self.send(&headers, body).await
    }

    /// Makes a call that is signed already, by its headers.
    pub async fn send(&self, headers: &[(&str, &str)], body: Vec<u8>) -> Result<(), CallError> {
        let url = self.url.read().unwrap_or_else(PoisonError::into_inner).clone();
        let request = self.client.post(url.ok_or(CallError::Unusable)?);
        let request = request.header("content-type", "application/json");
        let request =
            headers.iter().fold(request, |request, (name, text)| request.header(*name, *text));
        let status = request.body(body).send().await?.status();
        if status.is_success() { Ok(()) } else { Err(CallError::Answered(status.as_u16())) }
    }
}
