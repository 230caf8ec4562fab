//! The calls themselves: forms out, JSON in, and what neither answer nor silence says.

use std::time::Duration;

use kernel::ports::Unavailable;
use platform::http::outbound;
use reqwest::header::HeaderValue;
use reqwest::redirect::Policy;
use reqwest::{RequestBuilder, Response, Url};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::objects::Refusal;
use super::{API_VERSION, StripeError};

/// How long an answer may take. A use case waits `payment.processor_wait_ms` and no longer; this bounds a
/// connection that nobody waits for.
const ANSWER_WAIT_MAX: Duration = Duration::from_secs(30);
const AGENT: &str = "stoa/1";

/// What is sent: names as Stripe nests them, e.g. `metadata[payment]`.
pub type Form<'a> = Vec<(&'a str, String)>;

/// An answer, or Stripe's refusal.
pub type Said<T> = Result<Result<T, Refusal>, NoAnswer>;

/// Why it is not known what came of a call.
#[derive(Debug, thiserror::Error)]
pub enum NoAnswer {
    /// It did not come through.
    #[error("Stripe did not answer")]
    Http(#[from] reqwest::Error),
    /// It is busy, broken, or does not know the shop.
    #[error("Stripe answered {0}")]
    Answered(u16),
    /// It said something that cannot be read.
    #[error("Stripe's answer cannot be read")]
    Unreadable(#[from] serde_json::Error),
    /// It said something that makes no sense here.
    #[error("{0}")]
    Senseless(&'static str),
    /// The idempotency key gives the same error for ever, or was used with other parameters.
    #[error("the idempotency key cannot be used any more")]
    KeySpent,
}

impl NoAnswer {
    /// Whether the same question may be answered a moment later.
    pub const fn may_pass(&self) -> bool {
        match self {
            Self::Http(_) => true,
            Self::Answered(status) => !matches!(status, 401 | 403),
            Self::Unreadable(_) | Self::Senseless(_) | Self::KeySpent => false,
        }
    }
}

impl From<NoAnswer> for Unavailable {
    fn from(error: NoAnswer) -> Self {
        Self::new("Stripe", error)
    }
}

#[derive(Deserialize)]
struct Refused {
    error: Refusal,
}

/// Who calls Stripe.
pub struct Client {
    http: reqwest::Client,
    base: Url,
    /// `Bearer ` and the secret key; never shown.
    authorization: HeaderValue,
}

impl Client {
    /// A client of the API at `base` with a secret key.
    pub fn new(base: &str, key: &SecretString) -> Result<Self, StripeError> {
        let base = Url::parse(base).map_err(|_| StripeError::Url(base.to_owned()))?;
        let is_test =
            ["sk_test_", "rk_test_"].iter().any(|head| key.expose_secret().starts_with(head));
        if base.scheme() != "https" && !is_test {
            return Err(StripeError::InTheClear);
        }
        let bearer = format!("Bearer {}", key.expose_secret());
        let mut authorization =
            HeaderValue::try_from(bearer).map_err(|_| StripeError::Unusable("secret_key"))?;
        authorization.set_sensitive(true);
        let http = outbound()
            .timeout(ANSWER_WAIT_MAX)
            .redirect(Policy::none())
            .user_agent(AGENT)
            .build()
            .map_err(StripeError::Client)?;
        Ok(Self { http, base, authorization })
    }

    /// Asks for something.
    pub async fn get<T: DeserializeOwned>(&self, path: &str, query: &Form<'_>) -> Said<T> {
        let mut url = self.url(path)?;
        url.query_pairs_mut().extend_pairs(query);
        self.send(self.http.get(url)).await
    }

    /// Does something, at most once for each key.
    pub async fn post<T: DeserializeOwned>(
        &self,
        key: &str,
        path: &str,
        form: &Form<'_>,
    ) -> Said<T> {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let request = self
            .http
            .post(self.url(path)?)
            .header("content-type", "application/x-www-form-urlencoded")
            .header("idempotency-key", key)
            .body(body);
        self.send(request).await
    }

    fn url(&self, path: &str) -> Result<Url, NoAnswer> {
        self.base.join(path).map_err(|_| NoAnswer::Senseless("an id of Stripe's makes no path"))
    }

    async fn send<T: DeserializeOwned>(&self, request: RequestBuilder) -> Said<T> {
        let request = request
            .header("authorization", self.authorization.clone())
            .header("stripe-version", API_VERSION);
        let answer = request.send().await.map_err(reqwest::Error::without_url)?;
        read(answer).await
    }
}

async fn read<T: DeserializeOwned>(answer: Response) -> Said<T> {
    let status = answer.status().as_u16();
    let is_replayed =
        answer.headers().get("idempotent-replayed").is_some_and(|value| value == "true");
    let body = answer.bytes().await.map_err(reqwest::Error::without_url)?;
    match status {
        200..=299 => Ok(Ok(serde_json::from_slice(&body)?)),
        500.. if is_replayed => Err(NoAnswer::KeySpent),
        // A wrong key of the shop is for its operators to mend: no payment fails of it.
        401 | 403 | 408 | 409 | 424 | 429 | 500.. => Err(NoAnswer::Answered(status)),
        400..=499 => {
            let Refused { error } = serde_json::from_slice(&body)?;
            if error.is_of_key() { Err(NoAnswer::KeySpent) } else { Ok(Err(error)) }
        }
        _ => Err(NoAnswer::Answered(status)),
    }
}
