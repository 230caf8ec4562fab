//! What is kept about people, sealed under keys that can be destroyed one by one.
//!
//! What is sealed says which key opens it, and opens in the place it was sealed for and nowhere else, so
//! that one row's cannot stand in another's. When the key was destroyed the value is gone: whoever reads gets
//! nothing and no error, since somebody who was erased is no accident. A key that is not there and was not
//! destroyed is one: it was lost.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use kernel::id::CustomerId;
use kernel::ports::{PersonKey, PersonKeys, PersonKeysError, Purpose};
use secrecy::zeroize::Zeroizing;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::aead;
use crate::sql::{Db, Error, Result, Sql};

/// What stands in the place of what was erased.
pub const ERASED: &str = "erased";

/// The form of what is sealed: `p1.<id of the key>.<nonce and what was sealed, in base64url>`.
const FORM: &str = "p1";

/// A value in JSON that is sealed; or plain, as it was written before the house sealed.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Kept<T> {
    /// Sealed.
    Sealed(String),
    /// Plain.
    Plain(T),
}

impl<T> fmt::Debug for Kept<T> {
    /// Not what it is: it is personal, and has no place in a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Kept")
    }
}

impl<T> Kept<T> {
    /// What is sealed, if it is.
    pub fn sealed(&self) -> Option<&str> {
        match self {
            Self::Sealed(sealed) => Some(sealed),
            Self::Plain(_) => None,
        }
    }
}

/// Seals a value for one place, e.g. `order:` and the order's id.
pub fn seal(key: &PersonKey, place: &str, value: &impl Serialize) -> Result<String> {
    let failed = |why: &dyn std::fmt::Display| Error::Inconsistent(format!("{place}: {why}"));
    let plain = Zeroizing::new(serde_json::to_vec(value).map_err(|error| failed(&error))?);
    let sealed =
        aead::seal(&key.key, place.as_bytes(), &plain).ok_or_else(|| failed(&"too long"))?;
    Ok(format!("{FORM}.{}.{}", key.id.simple(), URL_SAFE_NO_PAD.encode(sealed)))
}

/// A statement that pages through a table in the order of an id, `$2` rows after `$1`, and answers that id and the
/// beginning of what is sealed in a column, which says by which key.
#[macro_export]
macro_rules! sealed_after {
    ($table:literal, $id:literal, $column:literal) => {
        concat!(
            "select ",
            $id,
            ", substr(",
            $column,
            ", 1, 35) from ",
            $table,
            " where ",
            $id,
            " > $1 and ",
            $column,
            " like 'p1.%' order by ",
            $id,
            " limit $2"
        )
    };
}

/// The keys that a page of rows names, and the id of its last row; None behind the last page.
pub async fn keys_named(
    db: &Db,
    page: Sql,
    after: Uuid,
    limit: i64,
) -> Result<Option<(Uuid, Vec<Uuid>)>> {
    let rows: Vec<(Uuid, String)> = db.query(page).bind(after).bind(limit).all().await?;
    let key = |(_, sealed): &(Uuid, String)| {
        Uuid::try_parse(sealed.strip_prefix(FORM)?.strip_prefix('.')?).ok()
    };
    Ok(rows.last().map(|(last, _)| (*last, rows.iter().filter_map(key).collect())))
}

/// Whether a text is what [`seal`] answered.
pub fn is_sealed(text: &str) -> bool {
    parts(text).is_some()
}

/// The keys under which what is personal in a database is sealed.
#[derive(Clone)]
pub struct People(Arc<dyn PersonKeys>);

impl People {
    /// Those that are behind a port.
    pub fn new(keys: Arc<dyn PersonKeys>) -> Self {
        Self(keys)
    }

    /// The key that seals what is kept about a person from now on.
    pub async fn key(&self, person: CustomerId, purpose: Purpose) -> Result<Arc<PersonKey>> {
        self.0.of(person, purpose).await.map_err(keys)?.ok_or(Error::Erased)
    }

    /// The keys of what is about to be opened.
    pub async fn ring<'a>(&self, sealed: impl Iterator<Item = &'a str>) -> Result<Ring> {
        let mut ids: Vec<Uuid> = sealed.filter_map(|sealed| Some(parts(sealed)?.0)).collect();
        ids.sort_unstable();
        ids.dedup();
        if ids.is_empty() {
            return Ok(Ring(HashMap::new()));
        }
        let keys = self.0.by_ids(&ids).await.map_err(keys)?;
        Ok(Ring(keys.into_iter().map(|key| (key.id, key)).collect()))
    }

    /// Opens one value. None of somebody who was erased.
    pub async fn open<T>(&self, place: &str, kept: Kept<T>) -> Result<Option<T>>
    where
        T: DeserializeOwned,
    {
        let ring = self.ring(kept.sealed().into_iter()).await?;
        ring.open_kept(place, kept)
    }
}

/// Keys that were fetched together.
pub struct Ring(HashMap<Uuid, Arc<PersonKey>>);

impl Ring {
    /// What was sealed for a place. None when its key was destroyed.
    pub fn open<T: DeserializeOwned>(&self, place: &str, sealed: &str) -> Result<Option<T>> {
        let nonsense = || Error::Inconsistent(format!("{place}: what is sealed does not open"));
        let (id, bytes) = parts(sealed).ok_or_else(nonsense)?;
        let Some(key) = self.0.get(&id) else { return Ok(None) };
        let plain = aead::open(&key.key, place.as_bytes(), &bytes).ok_or_else(nonsense)?;
        serde_json::from_slice(&plain).map(Some).map_err(|_| nonsense())
    }

    /// The same of what may be plain.
    pub fn open_kept<T: DeserializeOwned>(&self, place: &str, kept: Kept<T>) -> Result<Option<T>> {
        match kept {
            Kept::Sealed(sealed) => self.open(place, &sealed),
            Kept::Plain(value) => Ok(Some(value)),
        }
    }
}

fn keys(error: impl Into<PersonKeysError>) -> Error {
    Error::Keys(error.into())
}

fn parts(sealed: &str) -> Option<(Uuid, Vec<u8>)> {
    let (id, bytes) = sealed.strip_prefix(FORM)?.strip_prefix('.')?.split_once('.')?;
    Some((Uuid::try_parse(id).ok()?, URL_SAFE_NO_PAD.decode(bytes).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::TestKeys;

    #[tokio::test]
    async fn what_is_sealed_opens_in_its_place_until_its_key_is_destroyed() {
        let keys = Arc::new(TestKeys::default());
        let people = People::new(keys.clone());
        let (ada, bob) = (CustomerId::new(), CustomerId::new());
        let key = people.key(ada, Purpose::Service).await.unwrap();
        let sealed = seal(&key, "order:1", &"12 St James's Square").unwrap();
        assert!(!sealed.contains("James"));
        let ring = people.ring([sealed.as_str()].into_iter()).await.unwrap();
        let opened: Option<String> = ring.open("order:1", &sealed).unwrap();
        assert_eq!(opened.as_deref(), Some("12 St James's Square"));
        assert!(ring.open::<String>("order:2", &sealed).is_err(), "another place");
        assert!(ring.open::<String>("order:1", "p2.x.y").is_err(), "another form");
        assert_eq!(ring.open::<String>("order:1", &sealed.replace("p1.", "p1.0")).ok(), None);

        people.key(bob, Purpose::Service).await.unwrap();
        keys.destroy(ada);
        let kept = Kept::<String>::Sealed(sealed);
        assert_eq!(people.open("order:1", kept).await.unwrap(), None);
        let refused = people.key(ada, Purpose::Service).await.err().unwrap();
        assert!(matches!(refused, Error::Erased));
        assert!(people.key(bob, Purpose::Service).await.is_ok());
    }

    #[tokio::test]
    async fn a_lost_key_is_no_erasure() {
        let before = People::new(Arc::new(TestKeys::default()));
        let key = before.key(CustomerId::new(), Purpose::Service).await.unwrap();
        let sealed = seal(&key, "order:1", &"12 St James's Square").unwrap();
        let without = People::new(Arc::new(TestKeys::default()));
        let lost = without.open("order:1", Kept::<String>::Sealed(sealed)).await.unwrap_err();
        assert!(matches!(lost, Error::Keys(PersonKeysError::Unknown { id }) if id == key.id));
        assert!(!lost.is_transient(), "to ask again does not help");
    }

    #[test]
    fn what_was_written_before_the_house_sealed_is_read() {
        let kept: Kept<Vec<i64>> = serde_json::from_str("[1, 2]").unwrap();
        assert!(kept.sealed().is_none());
        let kept: Kept<Vec<i64>> = serde_json::from_str("\"p1.a.b\"").unwrap();
        assert_eq!(kept.sealed(), Some("p1.a.b"));
    }
}
