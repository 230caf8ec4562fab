//! Nodes tell each other of commits, so that what is made of them elsewhere is looked at again at once. A hint that is lost
//! costs time and nothing else: whoever is woken by one also looks by themselves.

use std::time::Duration;

use futures_util::StreamExt;
use redis::RedisError;

use super::{CONNECT_WAIT_MAX, Redis, kind};
use crate::sql::Db;
use crate::tasks::Tasks;

/// How long a commit is not told of, since others may follow it.
const LINGER: Duration = Duration::from_millis(5);
/// After which time it is listened again when nothing is to be heard any more.
const LISTEN_AGAIN_IN: Duration = Duration::from_millis(200);
/// For how long nothing is heard before it is listened anew.
const SILENCE_MAX: Duration = Duration::from_mins(1);
/// How often others are told without a commit: nothing depends on it.
const TELL_EVERY: Duration = Duration::from_hours(1);

/// Why nothing is heard of other nodes.
#[derive(Debug, thiserror::Error)]
enum Deaf {
    #[error("Redis: {0}")]
    Refused(String),
    #[error("Redis does not answer")]
    Late,
}

impl From<RedisError> for Deaf {
    fn from(error: RedisError) -> Self {
        Self::Refused(kind(&error))
    }
}

impl Redis {
    /// Tells other nodes of commits to some databases, and wakes those who wait for commits to any of them when another
    /// node tells of one.
    pub fn start(&self, tasks: &Tasks, node: &str, told: &[Db], heard: Vec<Db>) {
        for db in told {
            let (redis, hint) = (self.clone(), format!("{node} {}", db.module()));
            tasks.every("redis.tell", TELL_EVERY, Some(db.told()), move || {
                let (redis, hint) = (redis.clone(), hint.clone());
                async move {
                    tokio::time::sleep(LINGER).await;
                    redis.tell(&hint).await;
                    Ok::<bool, std::convert::Infallible>(false)
                }
            });
        }
        let (redis, node, stopping) = (self.clone(), node.to_owned(), tasks.clone());
        tasks.every("redis.listen", LISTEN_AGAIN_IN, None, move || {
            let (redis, node, heard) = (redis.clone(), node.clone(), heard.clone());
            let stopping = stopping.clone();
            async move {
                tokio::select! {
                    () = stopping.stopped() => Ok(false),
                    heard = redis.listen(&node, &heard) => heard.map(|()| false),
                }
            }
        });
    }

    async fn tell(&self, hint: &str) {
        let mut publish = redis::cmd("PUBLISH");
        publish.arg(self.channel()).arg(hint);
        let _: Option<u64> = self.within(publish.query_async(&mut self.connection())).await;
    }

    /// Hears what others tell until the connection ends.
    async fn listen(&self, node: &str, databases: &[Db]) -> Result<(), Deaf> {
        let connecting = tokio::time::timeout(CONNECT_WAIT_MAX, self.0.client.get_async_pubsub());
        let mut pubsub = connecting.await.map_err(|_| Deaf::Late)??;
        let subscribing = tokio::time::timeout(CONNECT_WAIT_MAX, pubsub.subscribe(self.channel()));
        subscribing.await.map_err(|_| Deaf::Late)??;
        // What was told before it was listened.
        databases.iter().for_each(Db::wake);
        let mut hints = pubsub.on_message();
        // A connection that is dead without a word is made anew.
        while let Ok(Some(hint)) = tokio::time::timeout(SILENCE_MAX, hints.next()).await {
            let hint: String = hint.get_payload()?;
            let Some((teller, module)) = hint.split_once(' ') else { continue };
            if teller != node {
                databases.iter().filter(|db| db.module() == module).for_each(Db::wake);
            }
        }
        Ok(())
    }

    fn channel(&self) -> String {
        self.key("commits")
    }
}
