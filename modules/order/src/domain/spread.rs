//! Shares of an amount that sum up to it.

use std::cmp::Reverse;

/// All of it, in hundredths of a percent.
pub const WHOLE_BP: i64 = 10_000;

/// Hundredths of a percent of an amount, rounded half up.
pub fn share(amount: i64, percent_bp: i64) -> i64 {
    let whole = i128::from(WHOLE_BP);
    let share = (i128::from(amount) * i128::from(percent_bp) * 2 + whole) / (2 * whole);
    i64::try_from(share).unwrap_or(amount).min(amount)
}

/// `amount * over / under`, rounded down; `over` is at most `under`.
pub fn part(amount: i64, over: i64, under: i64) -> i64 {
    let part = i128::from(amount) * i128::from(over) / i128::from(under.max(1));
    i64::try_from(part).unwrap_or(amount)
}

/// Spreads an amount over lines in the proportion of `bases`, by the largest remainder: the parts
/// sum to the amount, and none is above its base where the amount is not above their sum. Of equal
/// remainders that of the lowest id goes first.
pub fn spread<Id: Ord>(amount: i64, bases: &[i64], ids: &[Id]) -> Vec<i64> {
    let base: i64 = bases.iter().sum();
    let mut parts: Vec<i64> = bases.iter().map(|it| part(amount, *it, base)).collect();
    let missing = amount - parts.iter().sum::<i64>();
    let remainder = |n: usize| i128::from(amount) * i128::from(bases[n]) % i128::from(base.max(1));
    let mut order: Vec<usize> = (0..bases.len()).collect();
    order.sort_by_key(|n| (Reverse(remainder(*n)), &ids[*n]));
    for n in order.into_iter().take(usize::try_from(missing).unwrap_or(0)) {
        parts[n] += 1;
    }
    parts
}

#[cfg(test)]
mod tests {
    use kernel::id::ProductId;
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;

    proptest! {
        #[test]
        fn the_parts_sum_to_the_amount_and_none_is_above_its_base(
            bases in prop::collection::vec(0_i64..1_000_000_000, 1..20), bp in 0_i64..=10_000,
        ) {
            let ids: Vec<Uuid> = bases.iter().map(|_| ProductId::new().uuid()).collect();
            let amount = share(bases.iter().sum(), bp);
            let parts = spread(amount, &bases, &ids);
            prop_assert_eq!(parts.iter().sum::<i64>(), amount);
            prop_assert!(parts.iter().zip(&bases).all(|(part, base)| (0..=*base).contains(part)));
        }
    }

    #[test]
    fn of_equal_remainders_the_first_product_has_the_cent() {
        let mut ids = [ProductId::new(), ProductId::new(), ProductId::new()].map(ProductId::uuid);
        ids.sort();
        assert_eq!(spread(100, &[500, 500, 500], &ids), [34, 33, 33]);
        ids.reverse();
        assert_eq!(spread(100, &[500, 500, 500], &ids), [33, 33, 34]);
    }
}
