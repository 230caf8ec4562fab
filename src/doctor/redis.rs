//! Whether Redis answers, where a shop has one.

use platform::redis::{Redis, Settings};
use secrecy::ExposeSecret;

use super::Finding;

const ABOUT: &str = "redis";
/// How long an operator waits for it, in milliseconds: the connection is made as well.
const PATIENCE_MS: u64 = 2_000;

pub(super) async fn examine(settings: &Settings) -> Vec<Finding> {
    if settings.url.expose_secret().is_empty() {
        return Vec::new();
    }
    let redis = match Redis::open(&Settings { budget_ms: PATIENCE_MS, ..settings.clone() }) {
        Ok(Some(redis)) => redis,
        Ok(None) => return Vec::new(),
        Err(error) => return vec![Finding::bad(ABOUT, error.to_string())],
    };
    vec![match redis.version().await {
        Some(version) => Finding::fine(ABOUT, format!("Redis {version}")),
        None => Finding::doubtful(
            ABOUT,
            "it does not answer: each node counts for itself how often clients come, and hears later of what others did",
        ),
    }]
}
