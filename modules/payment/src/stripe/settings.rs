//! Where Stripe is, and the secrets that are shared with it.

use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use super::StripeError;

/// A setting that is never shown.
#[derive(Debug, Clone, Deserialize)]
#[serde(from = "String")]
pub struct Secret(SecretString);

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

/// How Stripe is used: section `[payment.stripe]`. A secret comes from its setting or else from the file that
/// the setting beside it names.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Where its API is.
    pub base_url: String,
    /// The secret or restricted key of the account.
    pub secret_key: Secret,
    /// A file with it.
    pub secret_key_file: PathBuf,
    /// What its webhooks are signed with; several, separated by commas, while it is exchanged.
    pub webhook_secret: Secret,
    /// A file with it.
    pub webhook_secret_file: PathBuf,
    /// Where the shopper's browser comes back to after a challenge.
    pub return_url: String,
}

impl Settings {
    pub(super) fn key(&self) -> Result<SecretString, StripeError> {
        let key = read("secret_key", &self.secret_key, &self.secret_key_file)?;
        Ok(key.expose_secret().trim().into())
    }

    pub(super) fn webhook_secrets(&self) -> Result<Vec<SecretString>, StripeError> {
        let text = read("webhook_secret", &self.webhook_secret, &self.webhook_secret_file)?;
        let each = text.expose_secret().split(',').map(str::trim).filter(|one| !one.is_empty());
        Ok(each.map(SecretString::from).collect())
    }

    pub(super) fn return_url(&self) -> Result<String, StripeError> {
        match self.return_url.as_str() {
            "" => Err(StripeError::Missing("return_url")),
            url => Ok(url.to_owned()),
        }
    }
}

fn read(setting: &'static str, told: &Secret, file: &Path) -> Result<SecretString, StripeError> {
    let text = if file.as_os_str().is_empty() {
        told.0.clone()
    } else {
        let unread = |source| StripeError::File { setting, source };
        platform::key_file::read(file).map_err(unread)?.as_str().into()
    };
    let is_empty = text.expose_secret().trim().is_empty();
    if is_empty { Err(StripeError::Missing(setting)) } else { Ok(text) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(key: &str, secret: &str) -> Settings {
        Settings {
            base_url: "https://stripe.example".to_owned(),
            secret_key: key.to_owned().into(),
            secret_key_file: PathBuf::new(),
            webhook_secret: secret.to_owned().into(),
            webhook_secret_file: PathBuf::new(),
            return_url: "https://shop.example/paid".to_owned(),
        }
    }

    #[test]
    fn secrets_are_never_shown() {
        let shown = format!("{:?}", settings("sk_live_geheim", "whsec_geheim"));
        assert!(!shown.contains("geheim"), "{shown}");
    }

    #[test]
    fn a_secret_comes_from_its_setting_or_from_its_file() {
        let mut told = settings("sk_live_1", " one, two ,");
        assert_eq!(told.key().unwrap().expose_secret(), "sk_live_1");
        assert_eq!(told.webhook_secrets().unwrap().len(), 2);
        told.secret_key_file = platform::testing::folder().join("key");
        let unread = told.key().unwrap_err();
        assert!(matches!(unread, StripeError::File { setting: "secret_key", .. }), "{unread}");
        std::fs::write(&told.secret_key_file, "sk_live_2\n").unwrap();
        assert_eq!(told.key().unwrap().expose_secret(), "sk_live_2");
        let missing = settings("", "x").key().unwrap_err();
        assert!(matches!(missing, StripeError::Missing("secret_key")), "{missing}");
    }

    #[test]
    fn a_key_of_the_live_mode_goes_over_https_alone() {
        let open = |key, url: &str| {
            let settings = Settings { base_url: url.to_owned(), ..settings(key, "x") };
            super::super::Stripe::new(&settings, kernel::Clock::system()).map(drop)
        };
        assert!(open("sk_test_1", "http://127.0.0.1:1").is_ok());
        assert!(open("sk_live_1", "https://stripe.example").is_ok());
        assert!(matches!(open("sk_live_1", "http://127.0.0.1:1"), Err(StripeError::InTheClear)));
        assert!(matches!(open("sk_test_1", "nowhere"), Err(StripeError::Url(_))));
    }
}
