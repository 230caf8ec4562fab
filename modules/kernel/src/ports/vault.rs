/// Hides what must not be read where it is stored, under a key that is stored elsewhere.
pub trait Vault: Send + Sync {
    /// Seals a value for one owner: opened for another, or changed, it is refused. None when that
    /// cannot be done.
    fn seal(&self, owner: &[u8], value: &[u8]) -> Option<Vec<u8>>;

    /// What was sealed for an owner.
    fn unseal(&self, owner: &[u8], sealed: &[u8]) -> Option<Vec<u8>>;

    /// A name for something personal that nobody can turn back or guess without the key; for each purpose
    /// another. The same value has the same name.
    fn name(&self, purpose: &[u8], value: &[u8]) -> [u8; 32];
}
