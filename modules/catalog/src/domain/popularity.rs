/// How many days a sale counts.
pub(crate) const SALES_DAYS: i64 = 90;
/// The highest rank.
pub(crate) const POPULARITY_MAX: u32 = 100;
/// How much the rank rises when twice as much is sold.
const RANK_OF_DOUBLE: u32 = 10;

/// The rank of a product of which so much was sold, in weighted units: it goes by the logarithm, so
/// that it changes seldom, and what sells a little can be told from what sells nothing.
pub(crate) fn popularity(sold: i64) -> i64 {
    let sold = u64::try_from(sold).unwrap_or_default();
    // In steps of a tenth of a doubling: the tenth root of two, to the power of the rank.
    let rank = (1..=POPULARITY_MAX).rev().find(|rank| {
        let (whole, tenths) = (rank / RANK_OF_DOUBLE, rank % RANK_OF_DOUBLE);
        // One more than what was sold, a thousand times, against 2^(rank/10), a thousand times.
        sold.saturating_add(1).saturating_mul(1_000) >= (1_u64 << whole) * TENTHS[tenths as usize]
    });
    rank.map_or(0, i64::from)
}

/// 2^(n/10), a thousand times.
const TENTHS: [u64; 10] = [1_000, 1_072, 1_149, 1_231, 1_320, 1_414, 1_516, 1_625, 1_741, 1_866];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn twice_as_much_is_ten_ranks_more() {
        let ranks = [0, 1, 3, 7, 1_023, i64::MAX].map(popularity);
        assert_eq!(ranks, [0, 10, 20, 30, 100, 100]);
        assert_eq!(popularity(-5), 0);
    }

    proptest! {
        #[test]
        fn who_sells_more_ranks_no_lower(a in 0_i64..5_000, b in 0_i64..5_000) {
            prop_assert!(a > b || popularity(a) <= popularity(b));
            prop_assert!(a == 0 || popularity(a) > 0);
        }
    }
}
