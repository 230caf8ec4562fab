//! The one source of randomness besides ids: the operating system's generator, reseeded by `rand`.

use rand::{Rng, RngCore};

/// With the generator of this thread.
fn with<T>(draw: impl FnOnce(&mut dyn RngCore) -> T) -> T {
    #[cfg(feature = "testing")]
    if let Some(seeded) = seeded::generator() {
        return draw(&mut *seeded.borrow_mut());
    }
    draw(&mut system())
}

#[expect(clippy::disallowed_methods, reason = "this is the one place that asks for randomness")]
fn system() -> impl RngCore {
    rand::rng()
}

#[cfg(feature = "testing")]
pub use seeded::seed;

#[cfg(feature = "testing")]
mod seeded {
    use std::cell::RefCell;
    use std::rc::Rc;

    use rand::SeedableRng;
    use rand::rngs::StdRng;

    thread_local! {
        static SEEDED: RefCell<Option<Rc<RefCell<StdRng>>>> = const { RefCell::new(None) };
    }

    /// What this thread draws follows from a number from now on, for tests that are to happen again.
    pub fn seed(seed: u64) {
        let generator = Rc::new(RefCell::new(StdRng::seed_from_u64(seed)));
        SEEDED.set(Some(generator));
    }

    pub(super) fn generator() -> Option<Rc<RefCell<StdRng>>> {
        SEEDED.with_borrow(Clone::clone)
    }
}

/// What strikes and what does not, as it follows from a seed.
#[cfg(feature = "chaos")]
pub struct Chance(std::sync::Mutex<rand::rngs::StdRng>);

#[cfg(feature = "chaos")]
impl Chance {
    /// The chance of a seed.
    pub fn of(seed: u64) -> Self {
        Self(std::sync::Mutex::new(rand::SeedableRng::seed_from_u64(seed)))
    }

    /// Whether it strikes this time, which it does `share` times of a thousand.
    pub fn strikes(&self, share: u16) -> bool {
        let mut generator = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        generator.random_range(0..1_000) < share
    }
}

/// `N` random bytes, fit for secrets.
pub fn bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    with(|generator| generator.fill(&mut bytes[..]));
    bytes
}

/// 256 random bits as lower-case hex: an unguessable token.
pub fn token() -> String {
    hex::encode(bytes::<32>())
}

/// A number from `low` to `high`, both included.
pub fn between(low: u64, high: u64) -> u64 {
    with(|generator| generator.random_range(low..=high.max(low)))
}
