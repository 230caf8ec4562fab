//! The one source of randomness besides ids: the operating system's generator, reseeded by `rand`.

use rand::Rng;

#[expect(clippy::disallowed_methods, reason = "this is the one place that asks for randomness")]
fn generator() -> impl Rng {
    rand::rng()
}

/// `N` random bytes, fit for secrets.
pub fn bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    generator().fill(&mut bytes[..]);
    bytes
}

/// 256 random bits as lower-case hex: an unguessable token.
pub fn token() -> String {
    hex::encode(bytes::<32>())
}

/// A number from `low` to `high`, both included.
pub fn between(low: u64, high: u64) -> u64 {
    generator().random_range(low..=high.max(low))
}
