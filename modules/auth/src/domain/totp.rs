//! Codes of devices (RFC 6238) and the codes that stand in for a lost one.

use kernel::Timestamp;
use secrecy::zeroize::Zeroizing;
use sha2::{Digest, Sha256};
use totp_rs::{Algorithm, Builder, Secret, Totp};

/// How many bytes a seed has: as many as the hash behind the codes.
pub(crate) const SEED_BYTES: usize = 20;
/// How many recovery codes somebody gets.
pub(crate) const RECOVERY_CODES: usize = 10;
/// How many random bytes a recovery code has.
pub(crate) const RECOVERY_BYTES: usize = 15;
/// The digits of a code, the seconds of a step, and how many steps a device may be off.
const DIGITS: u8 = 6;
const STEP_S: u64 = 30;
const SKEW: u16 = 1;

/// The seed of a device.
pub(crate) struct Device(Totp);

impl Device {
    /// None for a seed or names that no device understands. SHA-1, six digits and half a minute are
    /// what every one of them does.
    pub(crate) fn new(seed: &[u8], issuer: &str, account: &str) -> Option<Self> {
        let plain = |text: &str| text.replace(':', " ");
        let built = Builder::new()
            .with_algorithm(Algorithm::SHA1)
            .with_digits(DIGITS)
            .with_skew(SKEW)
            .with_step_duration(STEP_S)
            .with_secret(Secret::new(seed.into()))
            .with_account_name(plain(account))
            .with_issuer(Some(plain(issuer)))
            .build();
        built.ok().map(Self)
    }

    /// The step that a code is of, if it is one of now or of a step beside.
    pub(crate) fn step_of(&self, code: &str, now: Timestamp) -> Option<i64> {
        let now = u64::try_from(now.timestamp()).ok()?;
        self.0.check(code, now).and_then(|step| i64::try_from(step).ok())
    }

    /// What a device is set up with: as a link, and as a picture of it (SVG).
    pub(crate) fn setup(&self) -> Option<(String, String)> {
        let link = self.0.to_url().ok()?;
        let picture = qrcode::QrCode::new(&link).ok()?;
        let picture = picture.render::<qrcode::render::svg::Color<'_>>().build();
        Some((link, picture))
    }
}

/// A seed as people type it.
pub(crate) fn spelled(seed: &[u8]) -> String {
    Secret::new(seed.into()).to_base32()
}

/// A recovery code as it is shown once: lower-case base32 in groups of four.
pub(crate) fn recovery_code(bytes: &[u8; RECOVERY_BYTES]) -> Zeroizing<String> {
    let plain = Zeroizing::new(spelled(bytes).to_lowercase());
    let mut code = Zeroizing::new(String::new());
    for (n, letter) in plain.chars().enumerate() {
        if n > 0 && n % 4 == 0 {
            code.push('-');
        }
        code.push(letter);
    }
    code
}

/// What somebody entered.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Entered {
    /// Six digits: of a device, or of a letter.
    Digits(String),
    /// The hash of what has the form of a recovery code. A fast hash is enough for 120 random bits.
    Recovery(String),
}

impl Entered {
    /// None when it can be no code. Spaces and capitals do not matter, nor the dashes of a recovery
    /// code.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let plain: String = text.chars().filter(|c| !c.is_whitespace()).collect();
        let mut plain = plain.to_ascii_lowercase();
        if plain.len() == usize::from(DIGITS) && plain.bytes().all(|byte| byte.is_ascii_digit()) {
            return Some(Self::Digits(plain));
        }
        plain.retain(|c| c != '-');
        let is_base32 = |byte: u8| byte.is_ascii_lowercase() || (b'2'..=b'7').contains(&byte);
        let whole = plain.len() == RECOVERY_BYTES * 8 / 5 && plain.bytes().all(is_base32);
        whole.then(|| Self::Recovery(recovery_hash(&plain)))
    }
}

/// What is stored of a recovery code.
pub(crate) fn recovery_hash(code: &str) -> String {
    hex::encode(Sha256::digest(code.replace('-', "")))
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;

    /// RFC 6238, appendix B, of which the last six digits.
    #[test]
    fn codes_are_those_of_the_rfc() {
        let device = Device::new(b"12345678901234567890", "Stoa", "ada@example.com").unwrap();
        for (at, code) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            let now = DateTime::from_timestamp(at, 0).unwrap();
            assert_eq!(device.step_of(code, now), Some(at / 30), "{at}");
            let step = chrono::TimeDelta::seconds(30);
            assert_eq!(device.step_of(code, now + step), Some(at / 30), "one step late");
            assert_eq!(device.step_of(code, now + step * 2), None, "two steps late");
            assert_eq!(device.step_of("000000", now), None);
        }
    }

    #[test]
    fn a_device_is_set_up_by_a_link_or_its_picture() {
        let seed = [7; SEED_BYTES];
        let device = Device::new(&seed, "My: Shop", "ada@example.com").unwrap();
        let (link, picture) = device.setup().unwrap();
        assert!(link.starts_with("otpauth://totp/"), "{link}");
        assert!(link.contains(&format!("secret={}", spelled(&seed))), "{link}");
        assert!(picture.contains("<svg") && !picture.contains(&spelled(&seed)));
        assert!(Device::new(b"short", "Stoa", "ada@example.com").is_none());
    }

    #[test]
    fn what_is_entered_is_read_as_people_write() {
        let code = recovery_code(&[0xa5; RECOVERY_BYTES]);
        assert_eq!(code.len(), 24 + 5);
        let hash = recovery_hash(&code);
        let sloppy = format!(" {} ", code.to_uppercase().replace('-', " "));
        for text in [code.as_str(), sloppy.as_str()] {
            assert_eq!(Entered::read(text), Some(Entered::Recovery(hash.clone())));
        }
        assert_eq!(Entered::read("123 456"), Some(Entered::Digits("123456".to_owned())));
        for text in [
            "",
            "-123456",
            "123-456",
            "12345",
            "1234567",
            "12345a",
            "١٢٣٤٥٦",
            &"a".repeat(23),
            &"1".repeat(24),
        ] {
            assert_eq!(Entered::read(text), None, "{text}");
        }
    }
}
