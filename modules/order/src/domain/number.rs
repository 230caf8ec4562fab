//! Order numbers: short, readable, and not to be guessed from another one.

/// Crockford's base 32: no I, L, O or U, so that a number survives being read aloud.
const DIGITS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// The number made of 50 random bits, e.g. `S-7K3F9-QXWTM`.
pub fn number(random: u64) -> String {
    let digit = |n: u32| char::from(DIGITS[usize::from((random >> (5 * n)).to_le_bytes()[0] & 31)]);
    let part = |from: u32| (from..from + 5).map(digit).collect::<String>();
    format!("S-{}-{}", part(0), part(5))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_bits_count() {
        assert_eq!(number(0), "S-00000-00000");
        assert_eq!(number(1), "S-10000-00000");
        assert_eq!(number(31 << 45), "S-00000-0000Z");
    }
}
