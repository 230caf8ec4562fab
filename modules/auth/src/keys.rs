//! The Ed25519 keys that sign access tokens, one file each in a folder that nodes share.
//!
//! A new key is published before it signs, so that every node and every cache of the published set
//! knows it by then. An old one stays until the last token that it signed has expired.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use chrono::{DateTime, TimeDelta};
use jsonwebtoken::jwk::{Jwk, JwkSet, PublicKeyUse, ThumbprintHash};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header};
use kernel::Timestamp;
use platform::key_file;
use secrecy::zeroize::Zeroizing;

use crate::error::OpenError;

/// What comes before the 32 secret bytes of an Ed25519 key in PKCS #8 (RFC 8410).
const PKCS8_HEAD: &[u8] = &[
    0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
];
/// How long a key is published before it signs: twice as long as the set may be cached.
const PUBLISHED_AHEAD: TimeDelta = TimeDelta::minutes(10);
/// How long the published set may be cached, in seconds.
pub(crate) const PUBLISHED_CACHE_S: u32 = 300;
/// The longest an access token can be configured to live.
const TOKEN_MAX: TimeDelta = TimeDelta::hours(1);
/// The `typ` of access tokens (RFC 9068): no other kind of JWT is ever taken for one.
const TYPE: &str = "at+jwt";
/// A file's name around the second it was made in.
const NAME: (&str, &str) = ("signing-", ".pem");

/// A key. It has no `Debug`.
pub(crate) struct Key {
    made_at: Timestamp,
    pub(crate) header: Header,
    /// The encoded header with its dot. Every token of the key begins with exactly these bytes,
    /// which pins algorithm, type and key and leaves no room for `jku`, `jwk`, `crit` and their like.
    pub(crate) prefix: String,
    pub(crate) signing: EncodingKey,
    pub(crate) verifying: DecodingKey,
    /// The public half, as it is served to whoever checks tokens. Its name is the thumbprint of
    /// RFC 7638.
    public: Jwk,
}

/// The keys of a folder, the oldest first; there is at least one.
pub(crate) struct Keys {
    folder: PathBuf,
    ring: RwLock<Arc<Vec<Arc<Key>>>>,
}

impl Keys {
    /// Reads the folder, and makes the first key when there is none.
    pub(crate) fn open(folder: &Path) -> Result<Self, OpenError> {
        let unreadable = |source| OpenError::KeyFile { file: folder.to_owned(), source };
        fs::create_dir_all(folder).map_err(unreadable)?;
        if files(folder).map_err(unreadable)?.is_empty() {
            // One name for all that start at once, of which one wins.
            make(folder, DateTime::UNIX_EPOCH).map_err(unreadable)?;
        }
        let keys = Self { folder: folder.to_owned(), ring: RwLock::default() };
        keys.refresh()?;
        Ok(keys)
    }

    /// Reads the folder again if another process has made or removed a key.
    pub(crate) fn refresh(&self) -> Result<(), OpenError> {
        let unreadable = |source| OpenError::KeyFile { file: self.folder.clone(), source };
        let files = files(&self.folder).map_err(unreadable)?;
        let known = self.ring();
        if files.iter().map(|(at, _)| at).eq(known.iter().map(|key| &key.made_at)) {
            return Ok(());
        }
        let read: Result<Vec<Arc<Key>>, OpenError> =
            files.iter().map(|(at, file)| Key::read(*at, file).map(Arc::new)).collect();
        let read = read?;
        if read.is_empty() {
            return Err(unreadable(io::ErrorKind::NotFound.into()));
        }
        *self.ring.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(read);
        Ok(())
    }

    fn ring(&self) -> Arc<Vec<Arc<Key>>> {
        self.ring.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The key that signs: the newest that is known everywhere.
    pub(crate) fn signer(&self, now: Timestamp) -> Arc<Key> {
        let ring = self.ring();
        let signs = ring.iter().rev().find(|key| signs_from(key.made_at) <= now);
        signs.unwrap_or(&ring[0]).clone()
    }

    /// The key that signed a token, by how it begins.
    pub(crate) fn of_token(&self, token: &str, now: Timestamp) -> Option<Arc<Key>> {
        let ring = self.ring();
        live(&ring, now).iter().find(|key| token.starts_with(&key.prefix)).cloned()
    }

    /// What is served to whoever checks tokens.
    pub(crate) fn published(&self, now: Timestamp) -> JwkSet {
        let ring = self.ring();
        JwkSet { keys: live(&ring, now).iter().map(|key| key.public.clone()).collect() }
    }
}

/// From when on a key signs.
pub(crate) fn signs_from(made_at: Timestamp) -> Timestamp {
    if made_at == DateTime::UNIX_EPOCH { made_at } else { made_at + PUBLISHED_AHEAD }
}

/// Without those whose successor has signed for so long that no token of theirs is good any more.
fn live(ring: &[Arc<Key>], now: Timestamp) -> &[Arc<Key>] {
    let over = |next: &Arc<Key>| signs_from(next.made_at) + TOKEN_MAX <= now;
    let gone = ring.iter().skip(1).take_while(|next| over(next)).count();
    &ring[gone..]
}

/// Makes a key, and removes those whose tokens have all expired. Returns from when on it signs; a
/// server that runs finds it by itself.
pub(crate) fn rotate(folder: &Path, now: Timestamp) -> Result<Timestamp, OpenError> {
    let keys = Keys::open(folder)?;
    let unreadable = |source| OpenError::KeyFile { file: folder.to_owned(), source };
    let ring = keys.ring();
    for gone in &ring[..ring.len() - live(&ring, now).len()] {
        fs::remove_file(path(folder, gone.made_at)).map_err(unreadable)?;
    }
    make(folder, now).map_err(unreadable)?;
    Ok(signs_from(now))
}

impl Key {
    fn read(made_at: Timestamp, file: &Path) -> Result<Self, OpenError> {
        let unusable = |source| OpenError::Key { file: file.to_owned(), source };
        let unreadable = |source| OpenError::KeyFile { file: file.to_owned(), source };
        let pem = key_file::read(file).map_err(unreadable)?;
        let signing = EncodingKey::from_ed_pem(pem.as_bytes()).map_err(unusable)?;
        let mut public = Jwk::from_encoding_key(&signing, Algorithm::EdDSA).map_err(unusable)?;
        let kid = public.thumbprint(ThumbprintHash::SHA256).map_err(unusable)?;
        public.common.key_id = Some(kid.clone());
        public.common.public_key_use = Some(PublicKeyUse::Signature);
        let verifying = DecodingKey::from_jwk(&public).map_err(unusable)?;
        let mut header = Header::new(Algorithm::EdDSA);
        header.typ = Some(TYPE.to_owned());
        header.kid = Some(kid);
        let json = serde_json::to_vec(&header).map_err(|error| unusable(error.into()))?;
        let prefix = format!("{}.", URL_SAFE_NO_PAD.encode(json));
        Ok(Self { made_at, header, prefix, signing, verifying, public })
    }
}

fn path(folder: &Path, made_at: Timestamp) -> PathBuf {
    folder.join(format!("{}{}{}", NAME.0, made_at.timestamp(), NAME.1))
}

/// The keys of a folder with when they were made, the oldest first.
fn files(folder: &Path) -> io::Result<Vec<(Timestamp, PathBuf)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let second = name.strip_prefix(NAME.0).and_then(|name| name.strip_suffix(NAME.1));
        let second = second.and_then(|second| second.parse().ok());
        if let Some(at) = second.and_then(|second| DateTime::from_timestamp(second, 0)) {
            found.push((at, path));
        }
    }
    found.sort_unstable();
    Ok(found)
}

fn make(folder: &Path, now: Timestamp) -> io::Result<()> {
    let seed = Zeroizing::new(platform::random::bytes::<32>());
    let der = Zeroizing::new([PKCS8_HEAD, seed.as_slice()].concat());
    let body = Zeroizing::new(STANDARD.encode(&*der));
    let pem = Zeroizing::new(format!(
        "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
        *body
    ));
    key_file::make(&path(folder, now), &pem)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minutes: i64) -> Timestamp {
        DateTime::from_timestamp(1_800_000_000, 0).unwrap() + TimeDelta::minutes(minutes)
    }

    #[test]
    fn a_new_key_is_published_before_it_signs_and_the_old_one_stays_for_its_tokens() {
        let folder = platform::testing::folder();
        let keys = Keys::open(&folder).unwrap();
        let first = keys.signer(at(0)).prefix.clone();
        assert_eq!(rotate(&folder, at(0)).unwrap(), at(10));
        keys.refresh().unwrap();
        let published = |minutes| keys.published(at(minutes)).keys.len();
        assert_eq!((keys.signer(at(9)).prefix == first, published(0)), (true, 2));
        let second = keys.signer(at(10)).prefix.clone();
        assert_ne!(second, first);
        assert!(keys.of_token(&format!("{first}x.y"), at(69)).is_some());
        assert!(keys.of_token(&format!("{first}x.y"), at(70)).is_none());
        assert_eq!((published(69), published(70)), (2, 1));

        rotate(&folder, at(100)).unwrap();
        keys.refresh().unwrap();
        assert_eq!(files(&folder).unwrap().len(), 2, "what no token needs is removed");
        assert_eq!(keys.signer(at(105)).prefix, second);
        assert!(keys.of_token(&format!("{second}x.y"), at(115)).is_some());
    }

    #[test]
    fn of_processes_that_start_at_once_all_have_the_same_key() {
        let folder = platform::testing::folder().join("keys");
        let keys: Vec<String> = std::thread::scope(|scope| {
            let open = || Keys::open(&folder).unwrap().signer(at(0)).prefix.clone();
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(open)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert!(keys.iter().all(|key| *key == keys[0]));
    }

    #[test]
    fn a_file_with_something_else_is_refused() {
        let folder = platform::testing::folder();
        fs::write(folder.join("signing-1.pem"), "hello").unwrap();
        assert!(matches!(Keys::open(&folder), Err(OpenError::Key { .. })));
        assert!(matches!(Keys::open(Path::new("/proc/x")), Err(OpenError::KeyFile { .. })));
    }

    #[test]
    fn the_published_key_holds_no_private_part() {
        let keys = Keys::open(&platform::testing::folder()).unwrap();
        let json = serde_json::to_value(&keys.published(at(0)).keys[0]).unwrap();
        let mut members: Vec<&str> = json.as_object().unwrap().keys().map(String::as_str).collect();
        members.sort_unstable();
        assert_eq!(members, ["alg", "crv", "kid", "kty", "use", "x"]);
    }
}
