//! What is attempted, drawn from a seed.

use std::ops::RangeInclusive;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::join_all;
use rand::distr::uniform::SampleUniform;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::attacks::{
    Budget, Cancels, Carts, Challenges, Coupon, DoubleClicks, GiftCard, HangUps, LastUnits,
    OrderRefunds, Parts, Prices, Refunds, Returns, Webhooks,
};
use crate::verdict::Verdict;
use crate::{World, attacks};

/// All that one run attempts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Plan {
    seed: u64,
    crowd: usize,
    last_units: LastUnits,
    double_clicks: DoubleClicks,
    coupon: Coupon,
    budget: Budget,
    carts: Carts,
    prices: Prices,
    cancels: Cancels,
    refunds: Refunds,
    challenges: Challenges,
    hang_ups: HangUps,
    order_refunds: OrderRefunds,
    parts: Parts,
    returns: Returns,
    webhooks: Webhooks,
    gift_card: GiftCard,
}

/// Numbers that follow from a seed.
pub(crate) struct Dice(ChaCha8Rng);

impl Dice {
    /// Each attack has a stream of its own, so that a change of one leaves the plans of the others.
    fn of(seed: u64, stream: u64) -> Self {
        let mut numbers = ChaCha8Rng::seed_from_u64(seed);
        numbers.set_stream(stream);
        Self(numbers)
    }

    pub fn within<T: SampleUniform + PartialOrd>(&mut self, range: RangeInclusive<T>) -> T {
        self.0.random_range(range)
    }

    /// One of some.
    pub fn one<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.0.random_range(0..of.len())]
    }

    /// So many drawn the same way.
    pub fn many<T>(&mut self, n: usize, mut draw: impl FnMut(&mut Self) -> T) -> Vec<T> {
        (0..n).map(|_| draw(self)).collect()
    }

    /// A pause before somebody acts.
    pub fn pause(&mut self, most_ms: u64) -> Pause {
        Pause(self.within(0..=most_ms))
    }
}

/// How long somebody waits before they act, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct Pause(u64);

impl Pause {
    pub async fn wait(self) {
        tokio::time::sleep(Duration::from_millis(self.0)).await;
    }

    pub const fn duration(self) -> Duration {
        Duration::from_millis(self.0)
    }
}

impl Plan {
    /// The plan of a seed for a crowd of so many: that is how many want the last units. Others come
    /// in numbers that go with it.
    pub fn new(seed: u64, crowd: usize) -> Self {
        let mut streams = 0..;
        let mut dice = || Dice::of(seed, streams.next().unwrap_or_default());
        Self {
            seed,
            crowd,
            last_units: LastUnits::draw(&mut dice(), crowd),
            double_clicks: DoubleClicks::draw(&mut dice(), crowd),
            coupon: Coupon::draw(&mut dice(), crowd),
            budget: Budget::draw(&mut dice(), crowd),
            carts: Carts::draw(&mut dice(), crowd),
            prices: Prices::draw(&mut dice(), crowd),
            cancels: Cancels::draw(&mut dice(), crowd),
            refunds: Refunds::draw(&mut dice(), crowd),
            challenges: Challenges::draw(&mut dice(), crowd),
            hang_ups: HangUps::draw(&mut dice(), crowd),
            order_refunds: OrderRefunds::draw(&mut dice(), crowd),
            parts: Parts::draw(&mut dice(), crowd),
            returns: Returns::draw(&mut dice(), crowd),
            webhooks: Webhooks::draw(&mut dice(), crowd),
            gift_card: GiftCard::draw(&mut dice(), crowd),
        }
    }

    /// Sixteen digits that tell two plans apart.
    pub fn fingerprint(&self) -> String {
        // A plan is numbers and lists: it has a text.
        let text = serde_json::to_vec(self).unwrap_or_default();
        hex::encode(&Sha256::digest(text)[..8])
    }

    pub(crate) async fn carry_out(&self, world: &World) -> Vec<Verdict> {
        let attacks = [
            attacks::told(LastUnits::PROMISE, self.last_units.attack(world)).boxed_local(),
            attacks::told(DoubleClicks::PROMISE, self.double_clicks.attack(world)).boxed_local(),
            attacks::told(Coupon::PROMISE, self.coupon.attack(world)).boxed_local(),
            attacks::told(Budget::PROMISE, self.budget.attack(world)).boxed_local(),
            attacks::told(Carts::PROMISE, self.carts.attack(world)).boxed_local(),
            attacks::told(Prices::PROMISE, self.prices.attack(world)).boxed_local(),
            attacks::told(Cancels::PROMISE, self.cancels.attack(world)).boxed_local(),
            attacks::told(Refunds::PROMISE, self.refunds.attack(world)).boxed_local(),
            attacks::told(Challenges::PROMISE, self.challenges.attack(world)).boxed_local(),
            attacks::told(HangUps::PROMISE, self.hang_ups.attack(world)).boxed_local(),
            attacks::told(OrderRefunds::PROMISE, self.order_refunds.attack(world)).boxed_local(),
            attacks::told(Parts::PROMISE, self.parts.attack(world)).boxed_local(),
            attacks::told(Returns::PROMISE, self.returns.attack(world)).boxed_local(),
            attacks::told(Webhooks::PROMISE, self.webhooks.attack(world)).boxed_local(),
            attacks::told(GiftCard::PROMISE, self.gift_card.attack(world)).boxed_local(),
        ];
        join_all(attacks).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_is_a_plan() {
        let plan = Plan::new(7, 60);
        assert_eq!(plan, Plan::new(7, 60));
        assert_eq!(plan.fingerprint(), Plan::new(7, 60).fingerprint());
        assert_ne!(plan.fingerprint(), Plan::new(8, 60).fingerprint());
        assert_ne!(plan.fingerprint(), Plan::new(7, 61).fingerprint());
    }

    #[test]
    fn any_crowd_has_a_plan() {
        for crowd in 1..80 {
            for seed in 0..20 {
                Plan::new(seed, crowd).fingerprint();
            }
        }
    }
}
