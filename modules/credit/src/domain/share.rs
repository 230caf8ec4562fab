//! How an amount is shared out among accounts.

/// What is taken of each, the first one first, until the amount is reached.
pub fn share(amount: i64, left: impl IntoIterator<Item = i64>) -> Vec<i64> {
    let mut open = amount.max(0);
    let take = |left: i64| {
        let part = left.clamp(0, open);
        open -= part;
        part
    };
    left.into_iter().map(take).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn as_much_as_there_is_and_no_more(amount in 0..10_000_i64, left: Vec<u16>) {
            let left: Vec<i64> = left.into_iter().map(i64::from).collect();
            let parts = share(amount, left.iter().copied());
            prop_assert_eq!(parts.iter().sum::<i64>(), amount.min(left.iter().sum()));
            let full = parts.iter().zip(&left).take_while(|(part, left)| part == left).count();
            prop_assert!(parts.iter().zip(&left).all(|(part, left)| (0..=*left).contains(part)));
            prop_assert!(parts.iter().skip(full + 1).all(|part| *part == 0), "in their order");
        }
    }
}
