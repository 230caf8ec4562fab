//! Keys that wrap keys, in files of this machine: `vault-0001.key`, `vault-0002.key`, ... The newest wraps,
//! the older ones still unwrap, and may go when they wrap nothing any more. Whoever has the files and the
//! database has what is sealed: keep them apart.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use async_trait::async_trait;
use kernel::ports::{DataKey, Keys, Unavailable};
use platform::{aead, key_file};
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret, SecretBox};

/// How many bytes before what is wrapped say which file wrapped it.
const NUMBER_BYTES: usize = 2;

/// Why the files cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LocalKeysError {
    /// One cannot be read or made.
    #[error("the key file {file} cannot be used")]
    File {
        /// Which.
        file: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// There is none, and what is wrapped opens with those alone that wrapped it.
    #[error("there is no key file {0}, and there are keys that such files wrapped: put them back")]
    Missing(String),
    /// One holds something else than 32 bytes in hex.
    #[error("the key file {0} does not hold 32 bytes in hex")]
    Content(PathBuf),
}

/// Why a key was not wrapped or unwrapped.
#[derive(Debug, thiserror::Error)]
enum Refused {
    #[error("the key was wrapped by {0}, which is not there")]
    Missing(String),
    #[error("the key was wrapped for another purpose, or was changed")]
    Changed,
    #[error("the key could not be wrapped")]
    NotWrapped,
}

/// Files of one name in a folder, numbered from 1.
#[derive(Clone)]
pub struct KeyFiles {
    folder: PathBuf,
    name: &'static str,
}

impl KeyFiles {
    /// Those that wrap the keys of the vault.
    pub fn vault(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), name: "vault" }
    }

    /// Those that wrap the keys of people.
    pub fn people(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), name: "people" }
    }

    /// Whether there are any.
    pub fn exist(&self) -> bool {
        self.numbers().is_ok_and(|numbers| !numbers.is_empty())
    }

    /// Makes the file that wraps from now on. What was wrapped before is still unwrapped.
    pub fn add(&self) -> Result<PathBuf, LocalKeysError> {
        let newest = self.numbers()?.last().copied().unwrap_or_default();
        let next = self.file(newest.saturating_add(1));
        read(&next, true)?;
        Ok(next)
    }

    fn read_all(&self) -> Result<BTreeMap<u16, Arc<DataKey>>, LocalKeysError> {
        let numbers = self.numbers()?.into_iter();
        numbers.map(|number| Ok((number, Arc::new(read(&self.file(number), false)?)))).collect()
    }

    fn numbers(&self) -> Result<BTreeSet<u16>, LocalKeysError> {
        let failed = |source| LocalKeysError::File { file: self.folder.clone(), source };
        let mut numbers = BTreeSet::new();
        for entry in std::fs::read_dir(&self.folder).map_err(failed)? {
            let name = entry.map_err(failed)?.file_name();
            numbers.extend(name.to_str().and_then(|name| self.number(name)));
        }
        Ok(numbers)
    }

    fn number(&self, file_name: &str) -> Option<u16> {
        let number = file_name.strip_prefix(self.name)?.strip_prefix('-')?.strip_suffix(".key")?;
        number.parse().ok().filter(|number| self.file_name(*number) == file_name)
    }

    /// What all of them are called.
    fn all(&self) -> String {
        self.folder.join(format!("{}-*.key", self.name)).display().to_string()
    }

    fn file_name(&self, number: u16) -> String {
        format!("{}-{number:04}.key", self.name)
    }

    fn file(&self, number: u16) -> PathBuf {
        self.folder.join(self.file_name(number))
    }
}

/// The keys in files. A file that another process has made is read when it is first needed.
pub struct LocalKeys {
    files: KeyFiles,
    /// By their numbers.
    keys: RwLock<BTreeMap<u16, Arc<DataKey>>>,
}

impl LocalKeys {
    /// Reads the files, and makes the first when there is none.
    pub fn open(files: KeyFiles) -> Result<Self, LocalKeysError> {
        if !files.exist() {
            read(&files.file(1), true)?;
        }
        Self::open_again(files)
    }

    /// Reads the files that have wrapped keys before: there must be some.
    pub fn open_again(files: KeyFiles) -> Result<Self, LocalKeysError> {
        if !files.exist() {
            return Err(LocalKeysError::Missing(files.all()));
        }
        let keys = RwLock::new(files.read_all()?);
        Ok(Self { files, keys })
    }

    fn known(&self, number: u16) -> Option<Arc<DataKey>> {
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        keys.get(&number).cloned()
    }

    fn key(&self, number: u16) -> Result<Arc<DataKey>, Unavailable> {
        if let Some(key) = self.known(number) {
            return Ok(key);
        }
        self.read_again()?;
        let missing = || Refused::Missing(self.files.file(number).display().to_string());
        self.known(number).ok_or_else(|| unavailable(missing()))
    }

    /// The newest file there is, whoever made it, with its number. Keys are wrapped rarely.
    fn newest(&self) -> Result<(u16, Arc<DataKey>), Unavailable> {
        self.read_again()?;
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        let newest = keys.last_key_value().map(|(number, key)| (*number, key.clone()));
        newest.ok_or_else(|| unavailable(Refused::Missing(self.files.all())))
    }

    /// Reads the files that are new. One that cannot be read keeps nobody from what the others wrap.
    fn read_again(&self) -> Result<(), Unavailable> {
        let failed = |error| Unavailable::new("the folder of keys", error);
        let numbers = self.files.numbers().map_err(failed)?;
        let mut keys = self.keys.write().unwrap_or_else(PoisonError::into_inner);
        keys.retain(|number, _| numbers.contains(number));
        for number in numbers {
            if keys.contains_key(&number) {
                continue;
            }
            match read(&self.files.file(number), false) {
                Ok(key) => drop(keys.insert(number, Arc::new(key))),
                Err(error) => tracing::error!(%error, "a key file is passed over"),
            }
        }
        Ok(())
    }
}

#[async_trait]
impl Keys for LocalKeys {
    async fn wrap(&self, purpose: &str, key: &DataKey) -> Result<Vec<u8>, Unavailable> {
        let newest = self.newest()?;
        let wrapped = aead::seal(&newest.1, purpose.as_bytes(), key.expose_secret());
        let wrapped = wrapped.ok_or_else(|| unavailable(Refused::NotWrapped))?;
        Ok([newest.0.to_be_bytes().as_slice(), &wrapped].concat())
    }

    async fn unwrap(&self, purpose: &str, wrapped: &[u8]) -> Result<DataKey, Unavailable> {
        let changed = || unavailable(Refused::Changed);
        let (number, wrapped) = wrapped.split_first_chunk::<NUMBER_BYTES>().ok_or_else(changed)?;
        let key = self.key(u16::from_be_bytes(*number))?;
        let opened = aead::open(&key, purpose.as_bytes(), wrapped).ok_or_else(changed)?;
        let mut bytes = Box::new([0; 32]);
        if opened.len() != bytes.len() {
            return Err(changed());
        }
        bytes.copy_from_slice(&opened);
        Ok(SecretBox::new(bytes))
    }

    async fn is_newest(&self, wrapped: &[u8]) -> Result<bool, Unavailable> {
        Ok(wrapped.starts_with(&self.newest()?.0.to_be_bytes()))
    }
}

fn unavailable(refused: Refused) -> Unavailable {
    Unavailable::new("the folder of keys", refused)
}

fn read(file: &Path, may_make: bool) -> Result<DataKey, LocalKeysError> {
    let text = if may_make {
        key_file::read_or_make(file, || Zeroizing::new(platform::random::token()))
    } else {
        key_file::read(file)
    };
    let text = text.map_err(|source| LocalKeysError::File { file: file.to_owned(), source })?;
    let mut bytes = Box::new([0; 32]);
    let content = |_| LocalKeysError::Content(file.to_owned());
    hex::decode_to_slice(text.trim(), &mut *bytes).map_err(content)?;
    Ok(SecretBox::new(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> DataKey {
        SecretBox::new(Box::new([7; 32]))
    }

    #[tokio::test]
    async fn what_an_older_file_wrapped_is_still_unwrapped() {
        let files = KeyFiles::vault(&platform::testing::folder());
        let wrapped = LocalKeys::open(files.clone()).unwrap().wrap("card", &key()).await.unwrap();
        let before = LocalKeys::open(files.clone()).unwrap();
        files.add().unwrap();
        let keys = LocalKeys::open(files.clone()).unwrap();
        let opened = keys.unwrap("card", &wrapped).await.unwrap();
        assert_eq!(opened.expose_secret(), &[7; 32]);
        let newest = keys.wrap("card", &key()).await.unwrap();
        assert_eq!(&newest[..2], &[0, 2]);
        // A process that was started before reads the file when it needs it.
        assert!(before.unwrap("card", &newest).await.is_ok());
        assert!(keys.is_newest(&newest).await.unwrap());
        assert!(!keys.is_newest(&wrapped).await.unwrap());
        // A node that has not read the newest file says which one it lacks.
        std::fs::remove_file(files.file(2)).unwrap();
        let error =
            LocalKeys::open(files.clone()).unwrap().unwrap("card", &newest).await.unwrap_err();
        assert!(error.source.to_string().contains("vault-0002.key"));
    }

    #[tokio::test]
    async fn a_file_that_wraps_nothing_any_more_may_go() {
        let files = KeyFiles::vault(&platform::testing::folder());
        let old = LocalKeys::open(files.clone()).unwrap().wrap("card", &key()).await.unwrap();
        files.add().unwrap();
        std::fs::write(files.folder.join("vault-9.key"), "of somebody else").unwrap();
        let keys = LocalKeys::open(files.clone()).unwrap();
        let new = keys.wrap("card", &key()).await.unwrap();
        std::fs::remove_file(files.file(1)).unwrap();
        let keys = LocalKeys::open(files.clone()).unwrap();
        assert!(!files.file(1).exists(), "and is not made anew");
        assert!(keys.unwrap("card", &new).await.is_ok());
        let error = keys.unwrap("card", &old).await.unwrap_err();
        assert!(error.source.to_string().contains("vault-0001.key"));
        assert_eq!(files.add().unwrap(), files.file(3));
    }

    #[test]
    fn files_that_wrapped_keys_before_are_not_made_anew() {
        let files = KeyFiles::people(&platform::testing::folder());
        let missing = LocalKeys::open_again(files.clone());
        assert!(matches!(missing, Err(LocalKeysError::Missing(all)) if all == files.all()));
        assert!(!files.exist());
        LocalKeys::open(files.clone()).unwrap();
        assert!(LocalKeys::open_again(files).is_ok());
    }

    #[tokio::test]
    async fn what_was_wrapped_for_another_purpose_or_changed_is_refused() {
        let files = KeyFiles::vault(&platform::testing::folder());
        let keys = LocalKeys::open(files.clone()).unwrap();
        let wrapped = keys.wrap("card", &key()).await.unwrap();
        assert!(keys.unwrap("fingerprint", &wrapped).await.is_err());
        for at in 0..wrapped.len() {
            let mut changed = wrapped.clone();
            changed[at] ^= 1;
            assert!(keys.unwrap("card", &changed).await.is_err(), "byte {at}");
        }
        assert!(keys.unwrap("card", b"x").await.is_err());
        std::fs::write(files.file(1), "hello").unwrap();
        assert!(matches!(LocalKeys::open(files.clone()), Err(LocalKeysError::Content(_))));
    }
}
