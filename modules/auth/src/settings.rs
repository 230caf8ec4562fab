use std::time::Duration;

use chrono::TimeDelta;
use webauthn_rs::prelude::{Url, Webauthn, WebauthnBuilder, WebauthnError, WebauthnResult};

use crate::error::OpenError;

/// The `[auth]` section of the configuration.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Who signs access tokens.
    pub issuer: String,
    /// Whom they are for.
    pub audience: String,
    /// How long an access token is good, in seconds.
    pub access_token_s: u32,
    /// How long a login lasts at most, in seconds.
    pub session_s: u32,
    /// How long after its use a refresh token still gives the same successor, in seconds.
    pub refresh_grace_s: u32,
    /// How often the logouts on other nodes are looked up, in milliseconds.
    pub revocation_poll_ms: u64,
    /// How often expired rows are deleted, in milliseconds.
    pub prune_every_ms: u64,
    /// Where the shop's pages are, for the links in letters.
    pub site_url: String,
    /// Letters that one address may ask for in one window.
    pub letters_max: u32,
    /// Wrong codes allowed for one account in one window ...
    pub code_failures_max: u32,
    /// ... and in one day.
    pub code_failures_a_day_max: u32,
    /// OpenID issuers that the shop trusts beside itself.
    #[serde(default)]
    pub issuers: Vec<Issuer>,
    /// Argon2id's memory, in KiB.
    pub argon2_memory_kib: u32,
    /// Argon2id's passes over it.
    pub argon2_passes: u32,
    /// Argon2id's lanes.
    pub argon2_lanes: u32,
    /// How many passwords are worked on at once.
    pub argon2_permits: usize,
    /// How long a further one waits for its turn, in milliseconds.
    pub argon2_wait_ms: u64,
    /// Wrong passwords allowed for one account in one window.
    pub account_failures_max: u32,
    /// Wrong passwords allowed from one client address in one window.
    pub address_failures_max: u32,
    /// The length of that window, in seconds.
    pub failure_window_s: u32,
}

/// An OpenID issuer whose tokens are taken.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Issuer {
    /// What it calls itself (`iss`), where discovery is asked.
    pub issuer: String,
    /// What it calls this shop (`aud`, or `client_id` where it sends no `aud`).
    pub audience: String,
    /// The claim that holds somebody's groups or roles there.
    #[serde(default = "role_claim")]
    pub role_claim: String,
    /// Pairs of a word of that claim and the name of a role here; the first that fits counts. Who has
    /// none of the words is a customer.
    #[serde(default)]
    pub roles: Vec<(String, String)>,
}

fn role_claim() -> String {
    "role".to_owned()
}

impl Issuer {
    /// HTTP without TLS is for trials on one machine.
    fn is_usable(&self) -> bool {
        let url = Url::parse(&self.issuer).ok();
        let safe = url.is_some_and(|url| {
            let host = url.host_str().unwrap_or_default();
            let local = matches!(host, "localhost" | "127.0.0.1" | "[::1]");
            url.scheme() == "https" || (url.scheme() == "http" && local)
        });
        safe && !self.audience.is_empty() && !self.role_claim.is_empty()
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            issuer: "stoa".to_owned(),
            audience: "stoa".to_owned(),
            access_token_s: 900,
            session_s: 30 * 24 * 60 * 60,
            refresh_grace_s: 10,
            revocation_poll_ms: 1_000,
            prune_every_ms: 60_000,
            site_url: "http://localhost:8080".to_owned(),
            letters_max: 5,
            code_failures_max: 5,
            code_failures_a_day_max: 20,
            issuers: Vec::new(),
            argon2_memory_kib: 19_456,
            argon2_passes: 2,
            argon2_lanes: 1,
            argon2_permits: 2,
            argon2_wait_ms: 1_000,
            account_failures_max: 10,
            address_failures_max: 100,
            failure_window_s: 900,
        }
    }
}

impl Settings {
    pub(crate) fn access_token(&self) -> TimeDelta {
        TimeDelta::seconds(self.access_token_s.into())
    }

    pub(crate) fn session(&self) -> TimeDelta {
        TimeDelta::seconds(self.session_s.into())
    }

    pub(crate) fn refresh_grace(&self) -> TimeDelta {
        TimeDelta::seconds(self.refresh_grace_s.into())
    }

    pub(crate) fn revocation_poll(&self) -> Duration {
        Duration::from_millis(self.revocation_poll_ms)
    }

    pub(crate) fn prune_every(&self) -> Duration {
        Duration::from_millis(self.prune_every_ms)
    }

    /// Passkeys of the host of the shop's pages (WebAuthn's relying party), asked for by them alone.
    pub(crate) fn passkeys(&self) -> WebauthnResult<Webauthn> {
        let origin = Url::parse(&self.site_url).map_err(|_| WebauthnError::Configuration)?;
        if !matches!(origin.scheme(), "http" | "https") {
            return Err(WebauthnError::Configuration);
        }
        let host = origin.domain().unwrap_or_default();
        WebauthnBuilder::new(host, &origin)?.rp_name(&self.issuer).build()
    }

    /// Refuses what would make the house unsafe or unusable. Argon2 checks its own costs.
    pub(crate) fn check(&self) -> Result<(), OpenError> {
        let refuse = |what| Err(OpenError::Settings(what));
        if self.issuer.is_empty() || self.audience.is_empty() {
            return refuse("auth.issuer and auth.audience must not be empty");
        }
        if !(60..=3_600).contains(&self.access_token_s) {
            return refuse("auth.access_token_s must be 60 to 3600");
        }
        if self.session_s < self.access_token_s {
            return refuse("auth.session_s must not be below auth.access_token_s");
        }
        if self.refresh_grace_s > 60 {
            return refuse("auth.refresh_grace_s must be 0 to 60");
        }
        if self.argon2_permits == 0 || self.argon2_permits > 1_024 {
            return refuse("auth.argon2_permits must be 1 to 1024");
        }
        if self.revocation_poll_ms == 0 || self.prune_every_ms == 0 || self.failure_window_s == 0 {
            return refuse("auth.*_ms and auth.failure_window_s must be at least 1");
        }
        if self.passkeys().is_err() {
            return refuse(
                "auth.site_url must be http:// or https:// and a host that is no IP address",
            );
        }
        let own = self.issuers.iter().any(|foreign| foreign.issuer == self.issuer);
        if own || !self.issuers.iter().all(Issuer::is_usable) {
            return refuse(
                "auth.issuers must be https:// addresses of others, each with an audience",
            );
        }
        let limits = [
            self.account_failures_max,
            self.address_failures_max,
            self.code_failures_max,
            self.code_failures_a_day_max,
            self.letters_max,
        ];
        if limits.contains(&0) {
            return refuse("auth.*_failures*_max and auth.letters_max must be at least 1");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_written_defaults_are_the_ones_of_the_program() {
        let text = include_str!("../../../config/default.toml");
        let mut file: toml::Table = text.parse().unwrap();
        let settings: Settings = file.remove("auth").unwrap().try_into().unwrap();
        assert_eq!(settings, Settings::default());
    }

    #[test]
    fn unusable_settings_are_refused() {
        assert!(Settings::default().check().is_ok());
        assert!(Settings { access_token_s: 30, ..Settings::default() }.check().is_err());
        assert!(Settings { argon2_permits: 0, ..Settings::default() }.check().is_err());
        assert!(Settings { account_failures_max: 0, ..Settings::default() }.check().is_err());
        assert!(Settings { issuer: String::new(), ..Settings::default() }.check().is_err());
        for site_url in ["", "shop", "ftp://shop.example", "http://127.0.0.1:8080"] {
            let settings = Settings { site_url: site_url.to_owned(), ..Settings::default() };
            assert!(settings.check().is_err(), "{site_url}");
        }
    }
}
