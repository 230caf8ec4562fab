//! Letters: what they are for, how long what they open stays open, and what they say.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::TimeDelta;
use secrecy::{ExposeSecret, SecretBox};
use sha2::{Digest, Sha256};

/// What a letter is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LetterKind {
    /// Never sent.
    Nothing,
    VerifyEmail,
    ResetPassword,
    ChangeEmail,
    EmailChanging,
    EmailChanged,
    PasswordChanged,
    LoginCode,
    FactorAdded,
    FactorRemoved,
    CodesRefused,
}

impl LetterKind {
    const ALL: [Self; 11] = [
        Self::Nothing,
        Self::VerifyEmail,
        Self::ResetPassword,
        Self::ChangeEmail,
        Self::EmailChanging,
        Self::EmailChanged,
        Self::PasswordChanged,
        Self::LoginCode,
        Self::FactorAdded,
        Self::FactorRemoved,
        Self::CodesRefused,
    ];

    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::VerifyEmail => "verify_email",
            Self::ResetPassword => "reset_password",
            Self::ChangeEmail => "change_email",
            Self::EmailChanging => "email_changing",
            Self::EmailChanged => "email_changed",
            Self::PasswordChanged => "password_changed",
            Self::LoginCode => "login_code",
            Self::FactorAdded => "factor_added",
            Self::FactorRemoved => "factor_removed",
            Self::CodesRefused => "codes_refused",
        }
    }

    pub(crate) fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.word() == word)
    }

    /// How long it is worth sending, and what it opens stays open.
    pub(crate) fn lifetime(self) -> TimeDelta {
        match self {
            Self::LoginCode => TimeDelta::minutes(10),
            Self::ResetPassword | Self::Nothing => TimeDelta::hours(1),
            Self::ChangeEmail => TimeDelta::hours(24),
            _ => TimeDelta::days(7),
        }
    }

    /// Whether it opens something; others only tell.
    pub(crate) fn opens(self) -> bool {
        self == Self::LoginCode || self.page().is_some()
    }

    /// The page of the shop that a link in the letter leads to.
    fn page(self) -> Option<&'static str> {
        match self {
            Self::VerifyEmail => Some("verify-email"),
            Self::ResetPassword => Some("reset-password"),
            Self::ChangeEmail => Some("change-email"),
            _ => None,
        }
    }

    /// The subject and the first sentence.
    fn words(self) -> Option<(&'static str, &'static str)> {
        Some(match self {
            Self::Nothing => return None,
            Self::VerifyEmail => (
                "Confirm your e-mail address",
                "Please confirm that this address is yours. The link works once, for seven days:",
            ),
            Self::ResetPassword => (
                "Choose a new password",
                "Somebody asked for a new password for your account. The link works once, for an \
                 hour; if it was not you, do nothing:",
            ),
            Self::ChangeEmail => (
                "Confirm your new e-mail address",
                "Please confirm that this is the new address of your account. The link works once, \
                 for a day; if it was not you, do nothing:",
            ),
            Self::EmailChanging => (
                "Your e-mail address is about to change",
                "Somebody who knows your password asked to move your account to another address. If \
                 it was not you, choose a new password now.",
            ),
            Self::EmailChanged => (
                "Your e-mail address was changed",
                "Your account has another e-mail address now, and letters no longer come here. If \
                 it was not you, write to us.",
            ),
            Self::PasswordChanged => (
                "Your password was changed",
                "Your account has a new password. If it was not you, ask for another one now.",
            ),
            Self::LoginCode => (
                "Your code",
                "Your code, which works once, for ten minutes. We never ask you for it on the phone:",
            ),
            Self::FactorAdded => (
                "A second factor was added",
                "Your account has a new second factor. If it was not you, choose a new password now.",
            ),
            Self::FactorRemoved => (
                "A second factor was removed",
                "A second factor of your account was removed. If it was not you, choose a new \
                 password now.",
            ),
            Self::CodesRefused => (
                "Somebody guesses your codes",
                "Somebody who knows your password entered many wrong codes. We let nobody try for a \
                 while. If it was not you, choose a new password now.",
            ),
        })
    }
}

/// What a letter opens: 256 bits that are derived again when it is sent.
pub(crate) struct LetterToken(SecretBox<[u8; 32]>);

impl LetterToken {
    pub(crate) fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(SecretBox::new(Box::new(bytes)))
    }

    /// The token of a link; None when it cannot be one.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        bytes.try_into().ok().map(Self::from_bytes)
    }

    fn reveal(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0.expose_secret())
    }

    /// What is stored. A fast hash is enough for 256 bits.
    pub(crate) fn hash(&self) -> String {
        hex::encode(Sha256::digest(self.0.expose_secret()))
    }

    /// Six digits, for letters with a code in place of a link.
    pub(crate) fn code(&self) -> String {
        let number =
            self.0.expose_secret().first_chunk().map_or(0, |first| u64::from_be_bytes(*first));
        format!("{:06}", number % 1_000_000)
    }
}

/// The subject and the text of a letter; None for one that is never sent. The token stands in the
/// fragment of a link, which browsers send to no server and to no other page.
pub(crate) fn compose(
    kind: LetterKind,
    site: &str,
    token: &LetterToken,
) -> Option<(String, String)> {
    let (subject, says) = kind.words()?;
    let opens = match (kind, kind.page()) {
        (LetterKind::LoginCode, _) => format!("\n\n{}", token.code()),
        (_, Some(page)) => {
            format!("\n\n{}/account/{page}#token={}", site.trim_end_matches('/'), token.reveal())
        }
        (_, None) => String::new(),
    };
    Some((subject.to_owned(), format!("{says}{opens}\n")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_letters_that_open_something_hold_a_secret() {
        let token = LetterToken::from_bytes([7; 32]);
        for kind in LetterKind::ALL {
            assert_eq!(LetterKind::of_word(kind.word()), Some(kind));
            let Some((subject, text)) = compose(kind, "https://shop.example/", &token) else {
                assert_eq!(kind, LetterKind::Nothing);
                continue;
            };
            assert!(!subject.contains(&token.reveal()) && subject.len() < 60);
            let opens = kind.page().is_some();
            assert_eq!(kind.opens(), opens || kind == LetterKind::LoginCode, "{kind:?}");
            assert_eq!(text.contains(&token.reveal()), opens, "{kind:?}");
            assert_eq!(text.contains("https://shop.example/account/"), opens, "{kind:?}");
            assert_eq!(text.contains(&token.code()), kind == LetterKind::LoginCode, "{kind:?}");
        }
    }

    #[test]
    fn a_token_survives_its_link() {
        let token = LetterToken::from_bytes([9; 32]);
        assert_eq!(LetterToken::parse(&token.reveal()).unwrap().hash(), token.hash());
        for text in ["", "a", "not base64!", &"A".repeat(42), &"A".repeat(44)] {
            assert!(LetterToken::parse(text).is_none(), "{text}");
        }
        assert_eq!(token.code().len(), 6);
    }
}
