//! What nodes share in Redis, which is never the truth: an answer in time, or none.
//!
//! Every question has a budget. After some in a row that were not answered nobody asks for a while, so that a Redis that
//! is gone or slow costs requests next to nothing: the shop goes on as it does without one.

mod hints;
mod rate;

use std::fmt::{self, Display};
use std::sync::Arc;
use std::time::{Duration, Instant};

use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{Client, RedisError, RedisResult};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Deserializer};

use crate::breaker::{Breaker, Turn};
use crate::http::install_tls;
pub use rate::Rate;

/// How long a connection may take to be made.
const CONNECT_WAIT_MAX: Duration = Duration::from_secs(1);
/// How often a connection is tried again before whoever waits for it is told; the next question tries anew.
const CONNECT_RETRIES: usize = 1;

/// Where Redis is, and how much patience there is with it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// `redis://user:password@host:6379/0`, `rediss://` for TLS; empty is a shop without Redis.
    #[serde(deserialize_with = "secret")]
    pub url: SecretString,
    /// What every key and the channel begin with.
    pub prefix: String,
    /// How long a question may take, in milliseconds.
    pub budget_ms: u64,
    /// After how many questions in a row without an answer nobody asks for a while.
    pub failures_max: u32,
    /// For how long, in milliseconds. Then one question tries.
    pub pause_ms: u64,
    /// Whether the limits of how often clients come count over all nodes.
    pub throttle: bool,
    /// Whether nodes share the pages of products.
    pub pages: bool,
}

fn secret<'de, D: Deserializer<'de>>(value: D) -> Result<SecretString, D::Error> {
    String::deserialize(value).map(SecretString::from)
}

/// Why there is no Redis to talk to.
#[derive(Debug, thiserror::Error)]
#[error("redis.url cannot be used: {0}")]
pub struct Unusable(&'static str);

/// Redis, as one node asks it. Cheap to clone.
#[derive(Clone)]
pub struct Redis(Arc<Inner>);

struct Inner {
    client: Client,
    connection: ConnectionManager,
    prefix: String,
    budget: Duration,
    breaker: Breaker,
}

impl fmt::Debug for Redis {
    // Its address has a password in it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redis").field("prefix", &self.0.prefix).finish_non_exhaustive()
    }
}

impl Redis {
    /// Redis by these settings; none without an address. It is connected to when it is first asked, so that a shop
    /// starts without it too. To be called on a runtime.
    pub fn open(settings: &Settings) -> Result<Option<Self>, Unusable> {
        let url = settings.url.expose_secret();
        if url.is_empty() {
            return Ok(None);
        }
        // What the library says of an address may have its password in it.
        let client =
            Client::open(url).map_err(|_| Unusable("it is no address of a Redis server"))?;
        install_tls();
        let budget = Duration::from_millis(settings.budget_ms);
        let config = ConnectionManagerConfig::new()
            .set_connection_timeout(Some(CONNECT_WAIT_MAX))
            .set_response_timeout(Some(budget))
            .set_number_of_retries(CONNECT_RETRIES);
        let connection = ConnectionManager::new_lazy_with_config(client.clone(), config)
            .map_err(|_| Unusable("no connection can be made of it"))?;
        let pause = Duration::from_millis(settings.pause_ms);
        let breaker = Breaker::new(settings.failures_max, pause);
        let prefix = settings.prefix.clone();
        metrics::gauge!("redis_degraded").set(0.0);
        Ok(Some(Self(Arc::new(Inner { client, connection, prefix, budget, breaker }))))
    }

    /// What is kept under a name; none also when Redis does not answer.
    pub async fn get(&self, name: &str) -> Option<Vec<u8>> {
        let mut get = redis::cmd("GET");
        get.arg(self.key(name));
        self.within(get.query_async(&mut self.connection())).await.flatten()
    }

    /// Keeps something under a name for so long, if Redis answers.
    pub async fn set(&self, name: &str, value: &[u8], ttl: Duration) {
        let ttl = u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX);
        let mut set = redis::cmd("SET");
        set.arg(self.key(name)).arg(value).arg("PX").arg(ttl.max(1));
        let _: Option<()> = self.within(set.query_async(&mut self.connection())).await;
    }

    /// Which version answers; none when none does.
    pub async fn version(&self) -> Option<String> {
        let mut info = redis::cmd("INFO");
        info.arg("server");
        let told: String = self.within(info.query_async(&mut self.connection())).await?;
        let version = told.lines().find_map(|line| line.strip_prefix("redis_version:"));
        version.map(|version| version.trim().to_owned())
    }

    fn key(&self, name: &str) -> String {
        format!("{}:{name}", self.0.prefix)
    }

    fn connection(&self) -> ConnectionManager {
        self.0.connection.clone()
    }

    /// The answer to a question, if it comes within the budget and anybody is asked at all.
    async fn within<T>(&self, question: impl Future<Output = RedisResult<T>>) -> Option<T> {
        let breaker = &self.0.breaker;
        if !breaker.admits(Instant::now()) {
            count("skipped");
            return None;
        }
        match tokio::time::timeout(self.0.budget, question).await {
            Ok(Ok(answer)) => {
                count("answered");
                if breaker.passed() == Turn::Closes {
                    tracing::info!("Redis answers again");
                    metrics::gauge!("redis_degraded").set(0.0);
                }
                Some(answer)
            }
            Ok(Err(error)) => self.failed("failed", kind(&error)),
            Err(_) => self.failed("late", "no answer within redis.budget_ms"),
        }
    }

    fn failed<T>(&self, outcome: &'static str, why: impl Display) -> Option<T> {
        count(outcome);
        if self.0.breaker.failed(Instant::now()) == Turn::Opens {
            tracing::warn!(%why, "Redis does not answer: the shop goes on without it");
            metrics::gauge!("redis_degraded").set(1.0);
        }
        None
    }
}

fn count(outcome: &'static str) {
    metrics::counter!("redis_questions_total", "outcome" => outcome).increment(1);
}

/// What went wrong, without what was asked: a script's error repeats its arguments.
fn kind(error: &RedisError) -> String {
    error.code().map_or_else(|| error.category().to_owned(), str::to_owned)
}
