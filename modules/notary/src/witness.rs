//! Witnesses: each checkpoint is shown to others, who sign that the log goes on from what they saw before (C2SP's
//! tlog-witness). What they signed goes along with receipts and exports.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures_util::future::join_all;
use platform::http::outbound;
use reqwest::header::CONTENT_TYPE;
use reqwest::{Client, Response, StatusCode, Url};

use crate::Notary;
use crate::domain::cosignature::Cosigner;
use crate::error::{Result, WitnessError};
use crate::log::Head;
use crate::settings::WitnessSettings;

/// How long a witness may take.
const ANSWER_WAIT_MAX: Duration = Duration::from_secs(10);
/// How often it is asked again because it knows the log at another size than it was told.
const TRIES_MAX: u32 = 3;
/// How much of an answer is read, in bytes: a few lines.
const ANSWER_MAX: usize = 16 << 10;
/// What the answer is that says at which size.
const SIZE: &str = "text/x.tlog.size";

/// Those who are asked.
pub(crate) struct Witnesses {
    http: Client,
    each: Vec<Witness>,
}

struct Witness {
    key: Cosigner,
    url: Url,
    /// The size that it signed at last, as far as this node knows.
    seen: AtomicU64,
}

impl Witnesses {
    pub(crate) fn of(settings: &[WitnessSettings]) -> Result<Self, WitnessError> {
        let witness = |told: &WitnessSettings| {
            let key = Cosigner::read(&told.key);
            let key = key.ok_or_else(|| WitnessError::Key(told.key.clone()))?;
            let url = format!("{}/add-checkpoint", told.url.trim_end_matches('/'));
            let url = Url::parse(&url).map_err(|_| WitnessError::Url(told.url.clone()))?;
            Ok(Witness { key, url, seen: AtomicU64::new(0) })
        };
        let each = settings.iter().map(witness).collect::<Result<_, _>>()?;
        let http = outbound().timeout(ANSWER_WAIT_MAX).build().map_err(WitnessError::Client)?;
        Ok(Self { http, each })
    }
}

impl Notary {
    /// Shows the newest checkpoint to every witness that has not signed it yet, and keeps what they sign. Who did not sign
    /// is told of in the log, and asked again the next time.
    pub async fn be_witnessed(&self) -> Result<bool> {
        let (Some(witnesses), Some(head)) = (self.witnesses(), self.head().await?) else {
            return Ok(false);
        };
        let known = self.witnessed(&head).await?;
        let known = known.filter(|known| known.checkpoint == head.checkpoint);
        let lines = known.as_ref().and_then(|known| known.note.strip_prefix(&head.note));
        let (lines, text) = (lines.unwrap_or_default(), head.checkpoint.text());
        let open = witnesses.each.iter().filter(|it| it.key.line(lines, &text).is_none());
        let asked = open.map(|witness| self.ask(&witnesses.http, witness, &head, &text));
        let answers = join_all(asked).await;
        let mut signed = String::new();
        for answer in answers {
            match answer {
                Ok(line) => signed.push_str(&line),
                // Another node was faster, with a newer checkpoint.
                Err(WitnessError::Ahead { seen, .. }) if self.size().await? >= seen => {}
                Err(error) => tracing::warn!(error = chain(&error), "a witness did not sign"),
            }
        }
        if !signed.is_empty() {
            let note = format!("{}{lines}{signed}", head.note);
            self.files(move |log| Ok(log.keep_witnessed(&head, &note)?)).await?;
        }
        Ok(false)
    }

    /// How many entries are signed by now.
    async fn size(&self) -> Result<u64> {
        Ok(self.head().await?.map_or(0, |head| head.checkpoint.size))
    }

    /// The line by which a witness signs a checkpoint.
    async fn ask(
        &self,
        http: &Client,
        witness: &Witness,
        head: &Head,
        text: &str,
    ) -> Result<String, WitnessError> {
        let (name, size) = (witness.key.name().to_owned(), head.checkpoint.size);
        let mut old = witness.seen.load(Ordering::Relaxed).min(size);
        for _ in 0..TRIES_MAX {
            let body = self.request(old, head).await?;
            let request = http.post(witness.url.clone()).body(body);
            let answer = request.send().await.map_err(|source| {
                let source = source.without_url();
                WitnessError::Silent { name: name.clone(), source }
            })?;
            let status = answer.status();
            let tells_size = answer.headers().get(CONTENT_TYPE).is_some_and(|kind| kind == SIZE);
            let told = told(answer).await;
            match status {
                StatusCode::OK => {
                    let line = witness.key.line(&told, text);
                    let line = line.ok_or(WitnessError::Unsigned { name })?.to_owned();
                    witness.seen.store(size, Ordering::Relaxed);
                    return Ok(line);
                }
                StatusCode::CONFLICT if tells_size => {
                    let seen = told
                        .trim_end()
                        .parse()
                        .map_err(|_| WitnessError::Unsigned { name: name.clone() })?;
                    if seen > size {
                        return Err(WitnessError::Ahead { name, seen, size });
                    }
                    old = seen;
                }
                _ => return Err(WitnessError::Refused { name, status: status.as_u16() }),
            }
        }
        Err(WitnessError::Refused { name, status: StatusCode::CONFLICT.as_u16() })
    }

    /// The body of `add-checkpoint`.
    async fn request(&self, old: u64, head: &Head) -> Result<String, WitnessError> {
        let size = head.checkpoint.size;
        let proof = match old {
            // Every log goes on from nothing.
            0 => Vec::new(),
            old => {
                let proof = self.files(move |log| Ok(log.consistency(old, size)?)).await;
                proof.map_err(|error| WitnessError::Proof(Box::new(error)))?
            }
        };
        let proof: String = proof.iter().map(|hash| STANDARD.encode(hash) + "\n").collect();
        Ok(format!("old {old}\n{proof}\n{}", head.note))
    }
}

/// An error with its causes.
fn chain(error: &WitnessError) -> String {
    let causes = std::iter::successors(Some(error as &dyn std::error::Error), |it| it.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// What an answer says; nothing where it is no text, too long or cut off.
async fn told(mut answer: Response) -> String {
    let mut bytes = Vec::new();
    while let Ok(Some(part)) = answer.chunk().await {
        bytes.extend_from_slice(&part);
        if bytes.len() > ANSWER_MAX {
            return String::new();
        }
    }
    String::from_utf8(bytes).unwrap_or_default()
}
