//! Whether two samples of latencies come from the same place, without asking how they are shaped.

use crate::report::to_f64;

/// The median of a sample; 0 of none.
pub fn median(sample: &[u64]) -> f64 {
    let mut sorted = sample.to_vec();
    sorted.sort_unstable();
    let at = |index: usize| sorted.get(index).copied().map_or(0.0, to_f64);
    let half = sorted.len() / 2;
    if sorted.len() % 2 == 1 {
        at(half)
    } else {
        f64::midpoint(at(half.saturating_sub(1)), at(half))
    }
}

/// The two-sided p value of the Mann-Whitney U test, by the normal approximation with a correction
/// for ties: how often chance alone would set two samples of one source as far apart as these are.
pub fn p_value(left: &[u64], right: &[u64]) -> f64 {
    let (n, m) = (count(left), count(right));
    let mut all: Vec<(u64, bool)> = left.iter().map(|value| (*value, true)).collect();
    all.extend(right.iter().map(|value| (*value, false)));
    all.sort_unstable();
    let (mut before, mut ranks_of_left, mut ties) = (0.0, 0.0, 0.0);
    for same in all.chunk_by(|one, next| one.0 == next.0) {
        let size = count(same);
        let of_left = count(&same.iter().filter(|(_, is_left)| *is_left).collect::<Vec<_>>());
        ranks_of_left += of_left * (before + f64::midpoint(1.0, size));
        ties += size * size * size - size;
        before += size;
    }
    let total = n + m;
    let u = ranks_of_left - n * (n + 1.0) / 2.0;
    let variance = n * m / 12.0 * (total + 1.0 - ties / (total * (total - 1.0)));
    if variance.is_nan() || variance <= 0.0 {
        return 1.0;
    }
    let away = (u - n * m / 2.0).abs() - 0.5;
    libm::erfc(away.max(0.0) / variance.sqrt() / std::f64::consts::SQRT_2)
}

fn count<T>(items: &[T]) -> f64 {
    to_f64(u64::try_from(items.len()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(found: f64, wanted: f64) -> bool {
        (found - wanted).abs() < 1e-3
    }

    #[test]
    fn a_median_is_in_the_middle() {
        assert!(near(median(&[]), 0.0) && near(median(&[7]), 7.0));
        assert!(near(median(&[9, 1, 5]), 5.0) && near(median(&[4, 1, 2, 9]), 3.0));
    }

    #[test]
    fn samples_are_told_apart_as_the_test_says() {
        // By hand: U = 2 of 25, mean 12.5, variance 275 / 12, z = 2.0889 with the correction.
        assert!(near(p_value(&[1, 2, 3, 4, 7], &[5, 6, 8, 9, 10]), 0.0367));
        // By hand: of one tie of four, U = 8, mean 8, so that nothing is told apart.
        assert!(near(p_value(&[1, 2, 2, 3], &[1, 2, 2, 3]), 1.0));
        assert!(near(p_value(&[5; 9], &[5; 9]), 1.0) && near(p_value(&[], &[]), 1.0));
        let (low, high): (Vec<u64>, Vec<u64>) = ((0..200).collect(), (150..350).collect());
        assert!(p_value(&low, &high) < 1e-9);
        let (even, odd): (Vec<u64>, Vec<u64>) = (0..400).partition(|n| n % 2 == 0);
        assert!(p_value(&even, &odd) > 0.9);
    }
}
