//! Access tokens: JWTs as RFC 8725 and RFC 9068 want them.

use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta};
use hashlink::LruCache;
use jsonwebtoken::{Algorithm, Validation};
use kernel::Timestamp;
use kernel::id::{CustomerId, SessionId};
use kernel::ports::{Factor, Proof};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::domain::Account;
use crate::keys::{Key, Keys};
use crate::settings::Settings;

/// The longest token that is looked at, in bytes.
const TOKEN_MAX: usize = 2_048;
/// How many tokens are remembered as good.
const KNOWN_MAX: usize = 4_096;
/// How much the clock of the node that signed may be ahead of ours.
const SKEW_MAX: TimeDelta = TimeDelta::seconds(5);

/// The session a token is for.
pub(crate) struct Login<'a> {
    pub session: SessionId,
    pub account: &'a Account,
    pub factors: &'a [Factor],
    /// When the person last proved who they are.
    pub at: Timestamp,
}

/// What a good token says.
pub(crate) struct Told {
    pub id: CustomerId,
    pub role: String,
    pub session: SessionId,
    pub proof: Proof,
    pub group: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    sub: CustomerId,
    sid: SessionId,
    role: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    group: Option<String>,
    amr: Vec<Factor>,
    auth_time: i64,
    iat: i64,
    nbf: i64,
    exp: i64,
    jti: String,
}

/// Whether the claims are JSON as a whole (RFC 7519, section 7.2, step 10). What nobody reads of them is
/// passed over when they are decoded, whatever it is.
fn is_json(token: &str) -> bool {
    let claims = token.split('.').nth(1).and_then(|part| URL_SAFE_NO_PAD.decode(part).ok());
    claims.is_some_and(|claims| serde_json::from_slice::<Value>(&claims).is_ok())
}

/// Signs and checks access tokens.
pub(crate) struct AccessTokens {
    validation: Validation,
    issuer: String,
    audience: String,
    lifetime: TimeDelta,
    /// The claims of tokens whose signature was found good, by the SHA-256 of the whole token: who
    /// buys sends the same token with every request, and checking it is the dearest part of many.
    known: Mutex<LruCache<[u8; 32], Arc<Claims>>>,
}

impl AccessTokens {
    pub(crate) fn new(settings: &Settings) -> Self {
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.set_issuer(&[&settings.issuer]);
        validation.set_audience(&[&settings.audience]);
        validation.set_required_spec_claims(&["exp", "nbf", "sub", "iss", "aud"]);
        // The library would ask the machine for the time; `good_at` asks the house's clock.
        validation.validate_exp = false;
        Self {
            validation,
            issuer: settings.issuer.clone(),
            audience: settings.audience.clone(),
            lifetime: settings.access_token(),
            known: Mutex::new(LruCache::new(KNOWN_MAX)),
        }
    }

    /// A token for a login, good from `now` on.
    pub(crate) fn issue(
        &self,
        key: &Key,
        login: &Login<'_>,
        now: Timestamp,
    ) -> jsonwebtoken::errors::Result<String> {
        let claims = Claims {
            iss: self.issuer.clone(),
            aud: self.audience.clone(),
            sub: login.account.id,
            sid: login.session,
            role: login.account.role.clone(),
            group: login.account.group.clone(),
            amr: login.factors.to_vec(),
            auth_time: login.at.timestamp(),
            iat: now.timestamp(),
            nbf: now.timestamp(),
            exp: (now + self.lifetime).timestamp(),
            jti: hex::encode(platform::random::bytes::<16>()),
        };
        jsonwebtoken::encode(&key.header, &claims, &key.signing)
    }

    /// What a token says, if it is one of ours and good now. Whether its session was ended, and what
    /// its role may do, is not known here.
    pub(crate) fn check(&self, keys: &Keys, token: &str, now: Timestamp) -> Option<Told> {
        if token.len() > TOKEN_MAX {
            return None;
        }
        let key = keys.of_token(token, now)?;
        let claims = self.claims_of(&key, token)?;
        let auth_time = DateTime::from_timestamp(claims.auth_time, 0)?;
        self.good_at(&claims, now).then_some(Told {
            id: claims.sub,
            role: claims.role.clone(),
            session: claims.sid,
            group: claims.group.clone(),
            proof: Proof::Login { session: Some(claims.sid), amr: claims.amr.clone(), auth_time },
        })
    }

    /// What a token says, if its signature and all that does not depend on the time are good.
    fn claims_of(&self, key: &Key, token: &str) -> Option<Arc<Claims>> {
        let digest: [u8; 32] = Sha256::digest(token).into();
        let known = || self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(claims) = known().get(&digest) {
            return Some(claims.clone());
        }
        let told = jsonwebtoken::decode(token, &key.verifying, &self.validation).ok()?;
        if !is_json(token) {
            return None;
        }
        let claims: Arc<Claims> = Arc::new(told.claims);
        known().insert(digest, claims.clone());
        Some(claims)
    }

    /// The age is checked beside `exp`, so that revocations need to be remembered for one lifetime
    /// only, even after that setting was lowered.
    fn good_at(&self, claims: &Claims, now: Timestamp) -> bool {
        let at = |seconds| DateTime::from_timestamp(seconds, 0);
        let (Some(iat), Some(nbf), Some(exp)) = (at(claims.iat), at(claims.nbf), at(claims.exp))
        else {
            return false;
        };
        let begun = now + SKEW_MAX;
        iat <= begun && nbf <= begun && now < exp && now - iat < self.lifetime
    }
}
