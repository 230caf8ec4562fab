//! What calls others over HTTP.

use std::sync::{Arc, LazyLock};

use reqwest::ClientBuilder;
use rustls::ClientConfig;
use rustls::crypto::ring;
use rustls_platform_verifier::BuilderVerifierExt as _;

/// Whoever this machine trusts is read once, however many clients there are: it is some hundred certificates. None
/// when it cannot be read, which [`ClientBuilder::build`] then says.
static TLS: LazyLock<Option<ClientConfig>> = LazyLock::new(|| {
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let config = config.with_safe_default_protocol_versions().ok()?;
    Some(config.with_platform_verifier().ok()?.with_no_client_auth())
});

/// Says by which library TLS is done where nobody names one.
pub fn install_tls() {
    // Whoever was faster has installed the same one.
    let _ = ring::default_provider().install_default();
}

/// Begins a client that trusts whom this machine trusts.
pub fn outbound() -> ClientBuilder {
    install_tls();
    let client = reqwest::Client::builder();
    match &*TLS {
        Some(tls) => client.tls_backend_preconfigured(tls.clone()),
        None => client,
    }
}
