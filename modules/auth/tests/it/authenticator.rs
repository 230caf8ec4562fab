//! A device that makes passkeys, as far as a shop can tell (WebAuthn, sections 6 and 7).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use p256::ecdsa::signature::Signer;
use p256::ecdsa::{DerSignature, SigningKey};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// What is said of who was there: somebody; somebody who was recognised; a new key goes along.
const PRESENT: u8 = 0x01;
const VERIFIED: u8 = 0x04;
const NEW_KEY: u8 = 0x40;

pub struct Authenticator {
    key: SigningKey,
    pub id: [u8; 32],
    user: String,
    pub counter: u32,
    pub origin: String,
    /// Whether it asks for a finger or a PIN.
    pub verifies: bool,
}

impl Authenticator {
    pub fn new() -> Self {
        Self {
            key: SigningKey::from_slice(&platform::random::bytes::<32>()).unwrap(),
            id: platform::random::bytes(),
            user: String::new(),
            counter: 0,
            origin: "http://localhost:8080".to_owned(),
            verifies: true,
        }
    }

    fn flags(&self) -> u8 {
        PRESENT | if self.verifies { VERIFIED } else { 0 }
    }

    fn data(&self, rp_id: &str, flags: u8) -> Vec<u8> {
        let mut data = Sha256::digest(rp_id).to_vec();
        data.push(flags);
        data.extend(self.counter.to_be_bytes());
        data
    }

    fn client_data(&self, kind: &str, options: &Value) -> String {
        let challenge = options["challenge"].as_str().expect("a challenge");
        json!({"type": kind, "challenge": challenge, "origin": self.origin, "crossOrigin": false})
            .to_string()
    }

    /// Makes a passkey: what a browser would answer.
    pub fn make(&mut self, asked: &Value) -> Value {
        let options = &asked["options"]["publicKey"];
        self.user = options["user"]["id"].as_str().expect("a user").to_owned();
        let mut data = self.data(options["rp"]["id"].as_str().unwrap(), self.flags() | NEW_KEY);
        data.extend([0; 16]);
        data.extend(32_u16.to_be_bytes());
        data.extend(self.id);
        let point = self.key.verifying_key().to_sec1_point(false);
        data.extend([0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21, 0x58, 0x20]);
        data.extend(point.x().unwrap());
        data.extend([0x22, 0x58, 0x20]);
        data.extend(point.y().unwrap());

        let mut object = vec![0xa3, 0x63];
        object.extend(b"fmt\x64none\x67attStmt\xa0\x68authData\x58");
        object.push(u8::try_from(data.len()).unwrap());
        object.extend(data);
        let client_data = self.client_data("webauthn.create", options);
        json!({
            "id": BASE64.encode(self.id), "rawId": BASE64.encode(self.id), "type": "public-key",
            "clientExtensionResults": {},
            "response": {
                "attestationObject": BASE64.encode(object),
                "clientDataJSON": BASE64.encode(client_data),
            },
        })
    }

    /// Signs what a browser was asked.
    pub fn sign(&mut self, asked: &Value) -> Value {
        let options = &asked["options"]["publicKey"];
        let data = self.data(options["rpId"].as_str().unwrap(), self.flags());
        let client_data = self.client_data("webauthn.get", options);
        let signed = [data.as_slice(), &Sha256::digest(&client_data)].concat();
        let signature: DerSignature = self.key.sign(&signed);
        json!({
            "id": BASE64.encode(self.id), "rawId": BASE64.encode(self.id), "type": "public-key",
            "clientExtensionResults": {},
            "response": {
                "authenticatorData": BASE64.encode(data),
                "clientDataJSON": BASE64.encode(client_data),
                "signature": BASE64.encode(signature.as_bytes()),
                "userHandle": self.user,
            },
        })
    }
}
