//! Tokens of other issuers: what they must look like, and who they make of somebody.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta};
use jsonwebtoken::Algorithm;
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, PublicKeyUse};
use kernel::Timestamp;
use kernel::id::CustomerId;
use kernel::ports::Factor;
use serde::Deserialize;
use serde_json::Value;
use uuid::Uuid;

/// The longest foreign token that is looked at, in bytes.
pub(crate) const FOREIGN_TOKEN_MAX: usize = 8_192;
/// How much the clock of another issuer may differ from ours.
const SKEW_MAX: TimeDelta = TimeDelta::seconds(30);

/// What a token says of itself, of which nothing is checked yet.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Label {
    pub issuer: String,
    pub key: String,
    pub algorithm: String,
}

#[derive(Deserialize)]
struct Head {
    alg: String,
    kid: String,
    crit: Option<Value>,
    b64: Option<Value>,
}

#[derive(Deserialize)]
struct Issued {
    iss: String,
}

/// Who has signed a token, by which key, as it says; None for what no issuer would send. Where keys
/// are (`jku`, `x5u`, `jwk`) a token cannot say.
pub(crate) fn label(token: &str) -> Option<Label> {
    if token.len() > FOREIGN_TOKEN_MAX {
        return None;
    }
    let mut parts = token.split('.');
    let (head, claims) = (parts.next()?, parts.next()?);
    parts.next().filter(|signature| !signature.is_empty())?;
    if parts.next().is_some() {
        return None;
    }
    let head: Head = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(head).ok()?).ok()?;
    let issued: Issued = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).ok()?).ok()?;
    let plain = head.crit.is_none() && head.b64.is_none();
    plain.then_some(Label { issuer: issued.iss, key: head.kid, algorithm: head.alg })
}

/// The one algorithm that a published key is used with; None for one that is not for signatures, or
/// that both sides would know.
pub(crate) fn algorithm_of(key: &Jwk) -> Option<Algorithm> {
    if key.common.public_key_use.as_ref().is_some_and(|used| *used != PublicKeyUse::Signature) {
        return None;
    }
    let told = key.common.key_algorithm;
    match &key.algorithm {
        AlgorithmParameters::RSA(_) => match told {
            None | Some(KeyAlgorithm::RS256) => Some(Algorithm::RS256),
            Some(KeyAlgorithm::PS256) => Some(Algorithm::PS256),
            Some(_) => None,
        },
        AlgorithmParameters::EllipticCurve(curve) if curve.curve == EllipticCurve::P256 => {
            matches!(told, None | Some(KeyAlgorithm::ES256)).then_some(Algorithm::ES256)
        }
        AlgorithmParameters::OctetKeyPair(pair) if pair.curve == EllipticCurve::Ed25519 => {
            matches!(told, None | Some(KeyAlgorithm::EdDSA)).then_some(Algorithm::EdDSA)
        }
        _ => None,
    }
}

/// What a foreign token says, once its signature is known to be good.
#[derive(Debug, Deserialize)]
pub(crate) struct ForeignClaims {
    pub iss: String,
    pub sub: String,
    aud: Option<Value>,
    client_id: Option<String>,
    exp: i64,
    nbf: Option<i64>,
    iat: Option<i64>,
    auth_time: Option<i64>,
    #[serde(default)]
    amr: Vec<String>,
    #[serde(flatten)]
    others: serde_json::Map<String, Value>,
}

impl ForeignClaims {
    /// Whether it is for this shop: by `aud`, or, where an issuer leaves that out as Cognito does, by
    /// `client_id`.
    pub(crate) fn is_for(&self, audience: &str) -> bool {
        match &self.aud {
            Some(Value::String(one)) => one == audience,
            Some(Value::Array(all)) => all.iter().any(|one| one == audience),
            Some(_) => false,
            None => self.client_id.as_deref() == Some(audience),
        }
    }

    /// Whether it is good at a time.
    pub(crate) fn is_good_at(&self, now: Timestamp) -> bool {
        let at = |seconds| DateTime::from_timestamp(seconds, 0);
        let begun = |seconds: Option<i64>| match seconds {
            None => true,
            Some(seconds) => at(seconds).is_some_and(|at| at <= now + SKEW_MAX),
        };
        at(self.exp).is_some_and(|end| now < end) && begun(self.nbf) && begun(self.iat)
    }

    /// When they last proved who they are; long ago when nobody says.
    pub(crate) fn auth_time(&self) -> Timestamp {
        let seconds = self.auth_time.and_then(|seconds| DateTime::from_timestamp(seconds, 0));
        seconds.unwrap_or(DateTime::UNIX_EPOCH)
    }

    /// How they did, as far as this shop knows the words.
    pub(crate) fn amr(&self) -> Vec<Factor> {
        let known = |word: &String| serde_json::from_value(Value::String(word.clone())).ok();
        self.amr.iter().filter_map(known).collect()
    }

    /// The name of the role that the first of these pairs gives whose word is in a claim, which is a
    /// word or a list of words.
    pub(crate) fn role<'a>(&self, claim: &str, roles: &'a [(String, String)]) -> Option<&'a str> {
        let said = self.others.get(claim)?;
        let is_said = |word: &str| match said {
            Value::String(one) => one == word,
            Value::Array(all) => all.iter().any(|one| one == word),
            _ => false,
        };
        roles.iter().find(|(word, _)| is_said(word)).map(|(_, role)| role.as_str())
    }

    /// Who they are here: always the same, and nobody else.
    pub(crate) fn id(&self) -> CustomerId {
        let issuer = Uuid::new_v5(&Uuid::NAMESPACE_URL, self.iss.as_bytes());
        Uuid::new_v5(&issuer, self.sub.as_bytes()).into()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn token(head: &Value, claims: &Value) -> String {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        format!("{}.{}.c2ln", part(head), part(claims))
    }

    fn claims(value: &Value) -> ForeignClaims {
        let mut all = json!({"iss": "https://id.example", "sub": "ada", "exp": 2_000});
        all.as_object_mut().unwrap().extend(value.as_object().unwrap().clone());
        serde_json::from_value(all).unwrap()
    }

    #[test]
    fn a_label_is_read_and_strange_ones_are_not() {
        let (head, body) =
            (json!({"alg": "RS256", "kid": "a"}), json!({"iss": "https://id.example"}));
        let label_of = |head: &Value| label(&token(head, &body));
        assert_eq!(label_of(&head).unwrap().key, "a");
        for head in [
            json!({"alg": "RS256"}),
            json!({"kid": "a"}),
            json!({"alg": "RS256", "kid": 1}),
            json!({"alg": "RS256", "kid": "a", "crit": ["exp"]}),
            json!({"alg": "RS256", "kid": "a", "b64": false}),
            json!([]),
        ] {
            assert_eq!(label_of(&head), None, "{head}");
        }
        let good = token(&head, &body);
        for text in ["", "a", "..", &format!("{good}.x"), &good.replace("c2ln", "")] {
            assert_eq!(label(text), None, "{text}");
        }
        assert_eq!(label(&format!("{good}{}", "A".repeat(FOREIGN_TOKEN_MAX))), None);
    }

    #[test]
    fn a_token_is_for_one_audience_and_a_time() {
        for (said, is) in [
            (json!({"aud": "shop"}), true),
            (json!({"aud": ["x", "shop"]}), true),
            (json!({"client_id": "shop"}), true),
            (json!({"aud": "x", "client_id": "shop"}), false),
            (json!({"aud": 1}), false),
            (json!({}), false),
        ] {
            assert_eq!(claims(&said).is_for("shop"), is, "{said}");
        }
        let at = |seconds| DateTime::from_timestamp(seconds, 0).unwrap();
        assert!(claims(&json!({})).is_good_at(at(1_999)));
        assert!(!claims(&json!({})).is_good_at(at(2_000)));
        assert!(!claims(&json!({"nbf": 1_000})).is_good_at(at(969)));
        assert!(claims(&json!({"iat": 1_000})).is_good_at(at(970)));
        assert!(!claims(&json!({"exp": i64::MAX})).is_good_at(at(0)));
        assert_eq!(claims(&json!({})).auth_time(), at(0));
    }

    #[test]
    fn roles_are_mapped_in_the_order_of_the_settings() {
        let roles = [("boss", "admin"), ("help", "support")]
            .map(|(word, role)| (word.to_owned(), role.to_owned()));
        let role =
            |said: Value| claims(&json!({"groups": said})).role("groups", &roles).map(String::from);
        assert_eq!(role(json!(["help", "boss"])).as_deref(), Some("admin"));
        assert_eq!(role(json!("help")).as_deref(), Some("support"));
        for said in [json!([]), json!("bos"), json!(1), json!({"boss": true}), json!([["boss"]])] {
            assert_eq!(role(said.clone()), None, "{said}");
        }
        assert_eq!(claims(&json!({})).role("groups", &roles), None);
        assert_ne!(claims(&json!({"sub": "bob"})).id(), claims(&json!({})).id());
        assert_ne!(claims(&json!({"iss": "https://x"})).id(), claims(&json!({})).id());
        let amr = claims(&json!({"amr": ["pwd", "mfa", "retina"]})).amr();
        assert_eq!(amr, [Factor::Pwd, Factor::Mfa]);
    }
}
