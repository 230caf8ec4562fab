//! The one secret file: an Ed25519 private key that signs access tokens. Every other secret of the
//! module is derived from it, so nodes that share the file agree.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::jwk::{Jwk, PublicKeyUse, ThumbprintHash};
use jsonwebtoken::{Algorithm, EncodingKey};
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret, SecretBox};
use sha2::Sha256;

use crate::domain::RefreshToken;
use crate::error::OpenError;

/// What comes before the 32 secret bytes of an Ed25519 key in PKCS #8 (RFC 8410).
const PKCS8_HEAD: &[u8] = &[
    0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
];

/// The keys of the module. It has no `Debug`.
pub(crate) struct Keys {
    pub(crate) signing: EncodingKey,
    /// The public half, as it is served to whoever checks tokens.
    pub(crate) public: Jwk,
    /// Its name: the thumbprint of RFC 7638.
    pub(crate) kid: String,
    mac: SecretBox<[u8; 32]>,
}

impl Keys {
    /// Reads the key file, and makes it first when it is missing.
    pub(crate) fn open(file: &Path) -> Result<Self, OpenError> {
        let unreadable = |source| OpenError::KeyFile { file: file.to_owned(), source };
        let unusable = |source| OpenError::Key { file: file.to_owned(), source };
        make_if_missing(file).map_err(unreadable)?;
        let mode = fs::metadata(file).map_err(unreadable)?.permissions().mode();
        if mode & 0o077 != 0 {
            tracing::warn!(file = %file.display(), "others can read the key file; chmod 600 it");
        }
        let pem = Zeroizing::new(fs::read(file).map_err(unreadable)?);
        let signing = EncodingKey::from_ed_pem(&pem).map_err(unusable)?;
        let mut public = Jwk::from_encoding_key(&signing, Algorithm::EdDSA).map_err(unusable)?;
        let kid = public.thumbprint(ThumbprintHash::SHA256).map_err(unusable)?;
        public.common.key_id = Some(kid.clone());
        public.common.public_key_use = Some(PublicKeyUse::Signature);
        let no_seed = || unusable(ErrorKind::InvalidEddsaKey.into());
        let seed = signing.as_bytes().last_chunk().ok_or_else(no_seed)?;
        let mac = mac(seed, b"stoa auth", b"mac v1");
        Ok(Self { signing, public, kid, mac: SecretBox::new(Box::new(mac)) })
    }

    /// The successor of a refresh token: always the same one, so that two tabs which refresh at
    /// once get the same, though only hashes are stored.
    pub(crate) fn successor(&self, parent: &RefreshToken) -> RefreshToken {
        RefreshToken::from_bytes(mac(self.mac.expose_secret(), b"refresh", parent.bytes()))
    }

    /// A name for something personal that nobody can turn back or guess without the key.
    pub(crate) fn pseudonym(&self, of: &str) -> String {
        hex::encode(mac(self.mac.expose_secret(), b"pseudonym", of.as_bytes()))
    }
}

/// HMAC-SHA-256 over a purpose and a value.
fn mac(key: &[u8; 32], purpose: &[u8], value: &[u8]) -> [u8; 32] {
    // A block of HMAC's own size: shorter keys are filled with zeros anyway (RFC 2104).
    let mut block = Zeroizing::new([0; 64]);
    block[..32].copy_from_slice(key);
    let mut mac = Hmac::<Sha256>::new((&*block).into());
    mac.update(purpose);
    mac.update(&[0]);
    mac.update(value);
    mac.finalize().into_bytes().into()
}

/// Writes a new key beside the file and links it into place, so that of two processes that start
/// at once one wins and both read a whole key.
fn make_if_missing(file: &Path) -> io::Result<()> {
    if file.try_exists()? {
        return Ok(());
    }
    let mut beside = file.as_os_str().to_owned();
    beside.push(format!(".{}", platform::random::token()));
    let beside = Path::new(&beside);
    let mut out = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(beside)?;
    let written = out.write_all(new_pem().as_bytes()).and_then(|()| out.sync_all());
    let linked = written.and_then(|()| fs::hard_link(beside, file));
    fs::remove_file(beside)?;
    match linked {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

fn new_pem() -> Zeroizing<String> {
    let seed = Zeroizing::new(platform::random::bytes::<32>());
    let der = Zeroizing::new([PKCS8_HEAD, seed.as_slice()].concat());
    let body = Zeroizing::new(STANDARD.encode(&*der));
    Zeroizing::new(format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", *body))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_made_once_and_only_its_owner_reads_it() {
        let file = platform::testing::folder().join("auth.pem");
        let keys: Vec<Keys> = std::thread::scope(|scope| {
            let open = || Keys::open(&file).unwrap();
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(open)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert!(keys.iter().all(|key| key.kid == keys[0].kid));
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(file.parent().unwrap()).unwrap().count(), 1);
    }

    #[test]
    fn a_file_with_something_else_is_refused() {
        let file = platform::testing::folder().join("auth.pem");
        fs::write(&file, "hello").unwrap();
        assert!(matches!(Keys::open(&file), Err(OpenError::Key { .. })));
        assert!(matches!(
            Keys::open(Path::new("/nowhere/auth.pem")),
            Err(OpenError::KeyFile { .. })
        ));
    }

    #[test]
    fn derived_secrets_depend_on_purpose_and_key() {
        let keys = Keys::open(&platform::testing::folder().join("a.pem")).unwrap();
        let others = Keys::open(&platform::testing::folder().join("b.pem")).unwrap();
        let parent = RefreshToken::from_bytes([7; 32]);
        let child = keys.successor(&parent);
        assert_eq!(child.hash(), keys.successor(&parent).hash());
        assert_ne!(child.hash(), keys.successor(&child).hash());
        assert_ne!(child.hash(), others.successor(&parent).hash());
        assert_ne!(keys.pseudonym("a"), keys.pseudonym("b"));
        assert_ne!(keys.pseudonym("a"), others.pseudonym("a"));
    }

    #[test]
    fn the_published_key_holds_no_private_part() {
        let keys = Keys::open(&platform::testing::folder().join("auth.pem")).unwrap();
        let json = serde_json::to_value(&keys.public).unwrap();
        let mut members: Vec<&str> = json.as_object().unwrap().keys().map(String::as_str).collect();
        members.sort_unstable();
        assert_eq!(members, ["alg", "crv", "kid", "kty", "use", "x"]);
    }
}
