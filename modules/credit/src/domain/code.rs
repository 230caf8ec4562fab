//! The codes of gift cards.

use sha2::{Digest, Sha256};

/// Digits and letters that cannot be taken for others (Crockford's base 32: without I, L, O and U).
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
/// How many characters are drawn: 19 of 5 bits are 95 bits, which nobody guesses.
const DRAWN: usize = 19;
/// With the check character.
const LENGTH: usize = DRAWN + 1;
/// How many characters are written together.
const GROUP: usize = 5;

/// A gift card's code. It has no `Debug` and no `Serialize`: whoever knows it can spend the card.
#[derive(Clone, PartialEq, Eq)]
pub struct Code(String);

impl Code {
    /// A new code, of random bytes.
    pub fn of(random: &[u8; DRAWN]) -> Self {
        let mut places: Vec<usize> = random.iter().map(|byte| usize::from(byte % 32)).collect();
        places.push(check(&places));
        Self(spelled(&places))
    }

    /// What somebody typed: small letters, spaces and dashes are as good, and O, I and L are taken for digits. None
    /// when it cannot be a code, as with any one character that is wrong.
    pub fn read(typed: &str) -> Option<Self> {
        let kept = typed.chars().filter(|letter| !letter.is_whitespace() && *letter != '-');
        let places = kept.take(LENGTH + 1).map(place).collect::<Option<Vec<usize>>>()?;
        let (last, drawn) = places.split_last()?;
        (drawn.len() == DRAWN && check(drawn) == *last).then(|| Self(spelled(&places)))
    }

    /// As it is written on a card: in groups.
    pub fn written(&self) -> String {
        let groups = self.0.as_bytes().chunks(GROUP);
        groups.map(|group| String::from_utf8_lossy(group)).collect::<Vec<_>>().join("-")
    }

    /// What is kept of it: its SHA-256 as lower-case hex. A code has more bits than anybody can try, so that a key
    /// would add nothing.
    pub fn hash(&self) -> String {
        hex::encode(Sha256::digest(self.0.as_bytes()))
    }

    /// Its last four characters, by which people know it.
    pub fn last4(&self) -> String {
        self.0.chars().skip(LENGTH - 4).collect()
    }
}

fn spelled(places: &[usize]) -> String {
    places.iter().map(|place| char::from(ALPHABET[place % 32])).collect()
}

fn place(letter: char) -> Option<usize> {
    let letter = match letter.to_ascii_uppercase() {
        'O' => '0',
        'I' | 'L' => '1',
        other => other,
    };
    ALPHABET.iter().position(|known| char::from(*known) == letter)
}

/// The check character by Luhn's algorithm modulo 32 (ISO/IEC 7812-1, annex B, for another base): it finds each
/// character that is wrong and nearly all neighbours that were swapped.
fn check(places: &[usize]) -> usize {
    let digits = places.iter().rev().enumerate().map(|(n, place)| {
        let weighed = if n % 2 == 0 { place * 2 } else { *place };
        weighed / 32 + weighed % 32
    });
    (32 - digits.sum::<usize>() % 32) % 32
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_code_is_read_however_it_is_typed(random: [u8; DRAWN]) {
            let code = Code::of(&random);
            let written = code.written();
            prop_assert_eq!(written.len(), LENGTH + LENGTH / GROUP - 1);
            let sloppy = written.to_lowercase().replace('-', " ").replace('0', "o").replace('1', "l");
            for typed in [&written, &sloppy, &format!("  {written}\n")] {
                prop_assert!(Code::read(typed) == Some(code.clone()), "{}", typed);
            }
            prop_assert_eq!(code.last4(), written[written.len() - 4..].to_owned());
        }

        #[test]
        fn one_wrong_character_is_seen(random: [u8; DRAWN], at in 0..LENGTH, by in 1..32_usize) {
            let code = Code::of(&random);
            let mut places: Vec<usize> = code.0.chars().filter_map(place).collect();
            places[at] = (places[at] + by) % 32;
            prop_assert!(Code::read(&spelled(&places)).is_none());
        }

        #[test]
        fn whatever_is_typed_is_read_or_not(typed in ".{0,80}") {
            if let Some(code) = Code::read(&typed) {
                prop_assert!(Code::read(&code.written()) == Some(code));
            }
        }
    }

    #[test]
    fn a_code_that_is_too_long_or_too_short_is_none() {
        let code = Code::of(&[7; DRAWN]).written();
        assert!(Code::read(&code[1..]).is_none());
        assert!(Code::read(&format!("{code}0")).is_none());
        assert!(Code::read("").is_none());
    }
}
