//! OpenID issuers that the shop trusts beside itself: where their keys are is asked of them
//! (discovery), kept, and asked again when a key is strange, at most once a minute.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use chrono::TimeDelta;
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use kernel::Timestamp;
use platform::http::outbound;
use reqwest::redirect::Policy;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::sync::{Mutex, MutexGuard};

use crate::domain::foreign::{ForeignClaims, algorithm_of, label};
use crate::error::OpenError;
use crate::settings::Issuer;

/// How long an issuer may take for an answer.
const ANSWER_WAIT_MAX: Duration = Duration::from_secs(3);
/// The longest answer that is read, in bytes.
const ANSWER_MAX: usize = 256 * 1024;
/// How many keys of an issuer are kept.
const KEYS_MAX: usize = 64;
/// How long after it was asked an issuer is left alone, whatever it said.
const ASK_PAUSE: TimeDelta = TimeDelta::seconds(60);
/// How old keys may be before they are asked for again: a key that was withdrawn is then refused.
const KEYS_AGE_MAX: TimeDelta = TimeDelta::hours(1);

/// Somebody whom another issuer knows.
pub(crate) struct Introduced {
    pub claims: ForeignClaims,
    /// The name of their role here, if the settings give them one.
    pub role: Option<String>,
}

/// The issuers of the settings.
pub(crate) struct Issuers {
    each: Vec<Trusted>,
    client: reqwest::Client,
}

struct Trusted {
    settings: Issuer,
    keys: RwLock<Arc<Keys>>,
    /// When it was asked last; held while it is, so that it is asked once.
    asked: Mutex<Option<Timestamp>>,
}

#[derive(Default)]
struct Keys {
    by_name: HashMap<String, (Algorithm, DecodingKey)>,
    /// When they came.
    at: Option<Timestamp>,
}

impl Keys {
    fn are_fresh(&self, now: Timestamp) -> bool {
        self.at.is_some_and(|at| now - at < KEYS_AGE_MAX)
    }
}

/// Why an issuer did not tell its keys.
#[derive(Debug, thiserror::Error)]
enum AskError {
    #[error("it did not answer")]
    Http(#[from] reqwest::Error),
    #[error("its answer is no JSON of this kind")]
    Json(#[from] serde_json::Error),
    #[error("its answer is too long")]
    TooLong,
    #[error("it says that it is {0:?}")]
    AnotherIssuer(String),
    #[error("its keys are at {0:?}, which is not https")]
    Insecure(String),
}

/// What discovery tells (OpenID Connect Discovery 1.0, section 4.2).
#[derive(Deserialize)]
struct Discovered {
    issuer: String,
    jwks_uri: String,
}

impl Issuers {
    pub(crate) fn new(settings: &[Issuer]) -> Result<Self, OpenError> {
        let client = outbound().timeout(ANSWER_WAIT_MAX).redirect(Policy::none());
        let client = client.build().map_err(OpenError::Client)?;
        let trusted = |settings: &Issuer| Trusted {
            settings: settings.clone(),
            keys: RwLock::default(),
            asked: Mutex::default(),
        };
        Ok(Self { each: settings.iter().map(trusted).collect(), client })
    }

    /// Who a token is for, if one of the issuers has signed it for this shop and it is good now.
    pub(crate) async fn check(&self, token: &str, now: Timestamp) -> Option<Introduced> {
        if self.each.is_empty() {
            return None;
        }
        let label = label(token)?;
        let trusted = self.each.iter().find(|one| one.settings.issuer == label.issuer)?;
        let (algorithm, key) = trusted.key(&self.client, &label.key, now).await?;
        if format!("{algorithm:?}") != label.algorithm {
            return None;
        }
        let mut validation = Validation::new(algorithm);
        validation.set_issuer(&[&trusted.settings.issuer]);
        validation.set_required_spec_claims(&["exp", "iss", "sub"]);
        // The library would ask the machine for the time, and knows no audience but `aud`.
        (validation.validate_exp, validation.validate_aud) = (false, false);
        let claims: ForeignClaims = jsonwebtoken::decode(token, &key, &validation).ok()?.claims;
        if !claims.is_for(&trusted.settings.audience) || !claims.is_good_at(now) {
            return None;
        }
        let Issuer { role_claim, roles, .. } = &trusted.settings;
        let role = claims.role(role_claim, roles).map(str::to_owned);
        Some(Introduced { claims, role })
    }
}

impl Trusted {
    fn known(&self) -> Arc<Keys> {
        self.keys.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The key of a name, which is asked for when it is strange or old. While the issuer does not
    /// answer, what it said before holds.
    async fn key(
        &self,
        client: &reqwest::Client,
        name: &str,
        now: Timestamp,
    ) -> Option<(Algorithm, DecodingKey)> {
        let known = self.known();
        if !known.by_name.contains_key(name) {
            self.ask(client, now, self.asked.lock().await).await;
        } else if !known.are_fresh(now)
            && let Ok(asked) = self.asked.try_lock()
        {
            // One caller waits for it; for the others what is known is good enough.
            self.ask(client, now, asked).await;
        }
        self.known().by_name.get(name).cloned()
    }

    async fn ask(
        &self,
        client: &reqwest::Client,
        now: Timestamp,
        mut asked: MutexGuard<'_, Option<Timestamp>>,
    ) {
        if asked.is_some_and(|at| now - at < ASK_PAUSE) {
            return;
        }
        *asked = Some(now);
        match keys_of(client, &self.settings.issuer).await {
            Ok(by_name) => {
                let keys = Arc::new(Keys { by_name, at: Some(now) });
                *self.keys.write().unwrap_or_else(PoisonError::into_inner) = keys;
            }
            Err(error) => {
                let issuer = &self.settings.issuer;
                tracing::warn!(issuer, error = %error, "an issuer did not tell its keys");
            }
        }
    }
}

async fn keys_of(
    client: &reqwest::Client,
    issuer: &str,
) -> Result<HashMap<String, (Algorithm, DecodingKey)>, AskError> {
    let path = ".well-known/openid-configuration";
    let at = format!("{}/{path}", issuer.trim_end_matches('/'));
    let discovered: Discovered = get(client, &at).await?;
    if discovered.issuer != issuer {
        return Err(AskError::AnotherIssuer(discovered.issuer));
    }
    // Only an issuer that is set up without TLS, for trials, may have its keys without.
    if !discovered.jwks_uri.starts_with("https://") && issuer.starts_with("https://") {
        return Err(AskError::Insecure(discovered.jwks_uri));
    }
    let set: JwkSetOrMore = get(client, &discovered.jwks_uri).await?;
    let keys = set.known().keys.into_iter().filter_map(|key| {
        let name = key.common.key_id.clone()?;
        let algorithm = algorithm_of(&key)?;
        DecodingKey::from_jwk(&key).ok().map(|decoding| (name, (algorithm, decoding)))
    });
    Ok(keys.take(KEYS_MAX).collect())
}

/// A set of keys, some of which may be of kinds that nobody here knows.
#[derive(Deserialize)]
struct JwkSetOrMore {
    keys: Vec<serde_json::Value>,
}

impl JwkSetOrMore {
    fn known(self) -> JwkSet {
        let keys = self.keys.into_iter().filter_map(|key| serde_json::from_value(key).ok());
        JwkSet { keys: keys.collect() }
    }
}

async fn get<T: DeserializeOwned>(client: &reqwest::Client, url: &str) -> Result<T, AskError> {
    let mut response = client.get(url).send().await?.error_for_status()?;
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        if body.len() + chunk.len() > ANSWER_MAX {
            return Err(AskError::TooLong);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(serde_json::from_slice(&body)?)
}
