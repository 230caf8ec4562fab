//! TLS in the process: a certificate and its key from two files, which may change while it runs.

use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use chrono::{DateTime, TimeDelta};
use kernel::{Clock, Timestamp};
use platform::tasks::Tasks;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::version::{TLS12, TLS13};
use rustls::{InconsistentKeys, ServerConfig};
use serde::{Deserialize, Deserializer};

/// A certificate that ends sooner than this is warned of.
const ENDS_SOON: TimeDelta = TimeDelta::days(14);
/// How long nothing is said again of a certificate that was warned of.
const REMIND_AFTER: TimeDelta = TimeDelta::days(1);

/// The `[server.tls]` section of the configuration.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The certificate and those that lead from it to its root, as PEM; empty is plain HTTP.
    pub certificate: PathBuf,
    /// Its private key, as PEM.
    pub key: PathBuf,
    /// How often the two files are looked at, in milliseconds.
    pub poll_ms: u64,
    /// How long a client may take for the handshake, in milliseconds.
    pub handshake_timeout_ms: u64,
    /// Where plain HTTP is led to `redirect_to`; nowhere when it is empty.
    #[serde(deserialize_with = "address_or_none")]
    pub redirect_listen: Option<SocketAddr>,
    /// The shop's own origin, which is what plain HTTP is led to.
    pub redirect_to: String,
}

/// Every setting has a default, and the one of an address that is not there is an empty text.
fn address_or_none<'de, D: Deserializer<'de>>(from: D) -> Result<Option<SocketAddr>, D::Error> {
    let text = String::deserialize(from)?;
    let parsed = (!text.is_empty()).then(|| text.parse().map_err(serde::de::Error::custom));
    parsed.transpose()
}

/// Why there is no TLS.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// One of the two files is not named.
    #[error("server.tls: certificate and key belong together, and {0} is empty")]
    Half(&'static str),
    /// A file cannot be read, or is no PEM file of its kind.
    #[error("server.tls: {}: {source}", file.display())]
    File {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        source: pem::Error,
    },
    /// The two do not belong together.
    #[error("server.tls: the key in {} is not that of the certificate in {}", key.display(), certificate.display())]
    NoPair {
        /// The file of the certificate.
        certificate: PathBuf,
        /// The file of the key.
        key: PathBuf,
    },
    /// The certificate is none.
    #[error("server.tls: {}: the first certificate cannot be read", .0.display())]
    NoCertificate(PathBuf),
    /// They cannot be used.
    #[error("server.tls: {0}")]
    Unusable(#[from] rustls::Error),
}

/// The certificate that new connections are shown. One that is there stays until a whole pair comes.
pub struct Certificates {
    files: (PathBuf, PathBuf),
    clock: Clock,
    provider: Arc<CryptoProvider>,
    shown: RwLock<Shown>,
}

struct Shown {
    pair: Arc<CertifiedKey>,
    ends: Timestamp,
    /// What was last said against the files, and when their end was last warned of.
    complaint: Option<String>,
    reminded: Option<Timestamp>,
}

impl Certificates {
    /// The certificate of the settings, if they name one.
    pub fn open(settings: &Settings, clock: Clock) -> Result<Option<Arc<Self>>, TlsError> {
        let Settings { certificate, key, .. } = settings;
        match (certificate.as_os_str().is_empty(), key.as_os_str().is_empty()) {
            (true, true) => return Ok(None),
            (true, false) => return Err(TlsError::Half("certificate")),
            (false, true) => return Err(TlsError::Half("key")),
            (false, false) => {}
        }
        let provider = Arc::new(ring::default_provider());
        let (pair, ends) = read(certificate, key, &provider)?;
        let shown = Shown { pair: Arc::new(pair), ends, complaint: None, reminded: None };
        let files = (certificate.clone(), key.clone());
        let opened = Self { files, clock, provider, shown: RwLock::new(shown) };
        opened.tell_end();
        Ok(Some(Arc::new(opened)))
    }

    /// How the server speaks TLS: 1.3 and 1.2, with the certificate as it is when a client comes.
    /// The server itself offers HTTP/2 before HTTP/1.1 (ALPN).
    pub fn server_config(self: &Arc<Self>) -> Result<ServerConfig, TlsError> {
        let config = ServerConfig::builder_with_provider(self.provider.clone())
            .with_protocol_versions(&[&TLS13, &TLS12])?;
        Ok(config.with_no_client_auth().with_cert_resolver(self.clone()))
    }

    /// Looks at the files every so often.
    pub fn watch(self: &Arc<Self>, tasks: &Tasks, poll: Duration) {
        let watched = self.clone();
        tasks.every("tls.certificate", poll, None, move || {
            let watched = watched.clone();
            async move {
                tokio::task::spawn_blocking(move || watched.look()).await?;
                Ok::<bool, tokio::task::JoinError>(false)
            }
        });
    }

    /// Takes a pair over that has changed. A key has one public key, so that a pair is another one
    /// exactly when its certificates are.
    fn look(&self) {
        let read = read(&self.files.0, &self.files.1, &self.provider);
        {
            let mut shown = self.shown.write().unwrap_or_else(PoisonError::into_inner);
            match read {
                Ok((pair, ends)) if pair.cert != shown.pair.cert => {
                    tracing::info!(%ends, "new connections are shown another certificate");
                    *shown = Shown { pair: pair.into(), ends, complaint: None, reminded: None };
                }
                Ok(_) => shown.complaint = None,
                Err(error) => {
                    let complaint = error.to_string();
                    if shown.complaint.as_ref() != Some(&complaint) {
                        tracing::warn!(%error, "the certificate stays as it was");
                        shown.complaint = Some(complaint);
                    }
                }
            }
        }
        self.tell_end();
    }

    /// Tells how long the certificate is still good, and warns in time, once a day.
    fn tell_end(&self) {
        let now = self.clock.now();
        let mut shown = self.shown.write().unwrap_or_else(PoisonError::into_inner);
        let left = shown.ends - now;
        metrics::gauge!("tls_certificate_seconds_left").set(left.as_seconds_f64());
        let is_quiet = shown.reminded.is_some_and(|reminded| now - reminded < REMIND_AFTER);
        if left < ENDS_SOON && !is_quiet {
            tracing::warn!(ends = %shown.ends, "the certificate ends soon, or has ended");
            shown.reminded = Some(now);
        }
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.shown.read().unwrap_or_else(PoisonError::into_inner).pair.clone())
    }
}

impl fmt::Debug for Certificates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificates").field("files", &self.files).finish_non_exhaustive()
    }
}

/// A pair that belongs together, and when its certificate ends.
fn read(
    certificate: &Path,
    key: &Path,
    provider: &CryptoProvider,
) -> Result<(CertifiedKey, Timestamp), TlsError> {
    let of = |file: &Path| {
        let file = file.to_owned();
        move |source| TlsError::File { file, source }
    };
    let chain = CertificateDer::pem_file_iter(certificate).map_err(of(certificate))?;
    let chain: Vec<_> = chain.collect::<Result<_, _>>().map_err(of(certificate))?;
    let first = chain.first().ok_or_else(|| of(certificate)(pem::Error::NoItemsFound))?;
    let ends = end(first).ok_or_else(|| TlsError::NoCertificate(certificate.to_owned()))?;
    let private = PrivateKeyDer::from_pem_file(key).map_err(of(key))?;
    let pair = CertifiedKey::from_der(chain, private, provider).map_err(|error| match error {
        rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => {
            TlsError::NoPair { certificate: certificate.to_owned(), key: key.to_owned() }
        }
        error => error.into(),
    })?;
    Ok((pair, ends))
}

fn end(certificate: &CertificateDer<'_>) -> Option<Timestamp> {
    let (_, parsed) = x509_parser::parse_x509_certificate(certificate).ok()?;
    DateTime::from_timestamp(parsed.validity().not_after.timestamp(), 0)
}
