//! Pauses between attempts: exponential, bounded, with jitter so that those who failed together do
//! not come back together.

use std::time::Duration;

/// The pause before the attempt after `tries` failed ones: `base_ms * 2^(tries-1)`, at most
/// `most_ms`, of which a random half to whole is taken.
pub fn pause(tries: u32, base_ms: u64, most_ms: u64) -> Duration {
    let doubled = base_ms.saturating_mul(1 << tries.saturating_sub(1).min(20));
    let whole = doubled.min(most_ms).max(1);
    Duration::from_millis(crate::random::between(whole.div_ceil(2), whole))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_their_bound() {
        for tries in 1..64 {
            let pause = pause(tries, 10, 1_000).as_millis();
            assert!((5..=1_000).contains(&pause), "{tries}: {pause}");
        }
        assert!(pause(7, 10, 1_000).as_millis() >= 320);
    }
}
