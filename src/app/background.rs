//! What runs beside requests.

use std::convert::Infallible;
use std::time::Duration;

use chrono::TimeDelta;
use futures_util::future::join_all;
use platform::saga::Policy;
use platform::sql::{Db, Engine, Result, standing};

use super::{Shop, has_carrier};
use crate::settings::{Role, Settings};

/// How often it is looked whether the shop has moved away.
const MOVED_LOOK_EVERY: Duration = Duration::from_secs(1);
/// How long the answer may take.
const MOVED_LOOK_WAIT: Duration = Duration::from_secs(2);
/// How long a standby's connections may take to close.
const REPLICA_CLOSE_WAIT: Duration = Duration::from_secs(1);
/// How often it is looked for idempotency keys that are forgotten.
const FORGET_EVERY: Duration = Duration::from_hours(1);
/// How often it is looked for what is so old that it may take less room, and how long the shop has the database between
/// two commits of that.
const AGE_EVERY: Duration = Duration::from_hours(1);
const AGE_PAUSE: Duration = Duration::from_millis(100);

impl Shop {
    /// Starts what runs beside requests.
    pub async fn start(&self) -> Result<()> {
        self.accounts.start(&self.tasks);
        if let Some(vault) = &self.vault {
            vault.start(&self.tasks);
        }
        self.mind_moves();
        if self.settings.is_vault_alone() {
            return Ok(());
        }
        self.inventory.prepare().await?;
        self.bus.follow(&self.tasks).await?;
        self.hint();
        self.catalog.start(&self.tasks);
        self.orders.watch(&self.tasks);
        if self.settings.has(Role::Worker) {
            self.orders.start().await?;
            self.orders.sweep(&self.tasks);
            self.orders.seal(&self.tasks);
            self.inventory.start(&self.tasks);
            self.payments.start(&self.tasks);
            self.fraud.start(&self.tasks);
            self.credits.start(&self.tasks);
            self.analytics.start(&self.tasks);
            self.messages.start(&self.tasks);
            self.ledger.start(&self.tasks);
            self.notary.start(&self.tasks);
            if has_carrier(&self.settings) {
                self.carrier.start(&self.tasks);
                self.orders.listen(&self.tasks);
            }
            self.bus.start(&self.tasks)?;
            self.pack();
            self.shorten();
            for db in self.databases.iter() {
                let db = db.clone();
                self.tasks.every("idempotency.forget", FORGET_EVERY, None, move || {
                    let db = db.clone();
                    async move {
                        let now = db.clock().now();
                        platform::idempotency::forget_old(&db, now).await.map(|_| false)
                    }
                });
            }
        }
        Ok(())
    }

    /// Packs what was published long ago.
    fn pack(&self) {
        let days = self.settings.outbox.pack_after_days;
        if days == 0 {
            return;
        }
        for db in self.bus.publishers() {
            let (bus, db) = (self.bus.clone(), db.clone());
            self.tasks.every("outbox.pack", AGE_EVERY, None, move || {
                let (bus, db) = (bus.clone(), db.clone());
                async move {
                    tokio::time::sleep(AGE_PAUSE).await;
                    bus.pack(&db, db.clock().now() - TimeDelta::days(days.into())).await
                }
            });
        }
    }

    /// Shortens what is remembered of sagas that ended long ago.
    fn shorten(&self) {
        let days = self.settings.saga.shorten_after_days;
        if days == 0 {
            return;
        }
        for db in self.databases.iter() {
            let db = db.clone();
            self.tasks.every("saga.shorten", AGE_EVERY, None, move || {
                let db = db.clone();
                async move {
                    tokio::time::sleep(AGE_PAUSE).await;
                    platform::saga::shorten(&db, db.clock().now() - TimeDelta::days(days.into()))
                        .await
                }
            });
        }
    }

    /// Ends all that this node does to databases whose shop has moved away: it was cut off while the others were stopped.
    fn mind_moves(&self) {
        let Some(db) = self.databases.first().filter(|db| db.engine() == Engine::Postgres) else {
            return;
        };
        let (db, all) = (db.clone(), self.databases.clone());
        self.tasks.every("database.moved", MOVED_LOOK_EVERY, None, move || {
            let (db, all) = (db.clone(), all.clone());
            async move {
                // Who cannot be asked is asked again: a connection may be dead without a word.
                let looked = tokio::time::timeout(MOVED_LOOK_WAIT, standing(&db)).await;
                if let Ok(Ok(Some(why))) = looked {
                    tracing::error!(%why, "nothing is written any more; stop this node");
                    // All at once: one that waits for a connection holds up no other.
                    join_all(all.iter().map(Db::close)).await;
                }
                Ok::<bool, Infallible>(false)
            }
        });
    }

    /// Lets nodes tell each other of commits. Where events are delivered, all that others need at once is what was changed
    /// in the catalogue and who logged out; a node that delivers none tells of everything.
    fn hint(&self) {
        let Some(redis) = &self.redis else { return };
        let is_told = |db: &&Db| {
            let needed = [auth::SCHEMA.module, catalog::SCHEMA.module];
            !self.settings.has(Role::Worker) || needed.contains(&db.module())
        };
        let told: Vec<Db> = self.databases.iter().filter(is_told).cloned().collect();
        redis.start(&self.tasks, &self.node, &told, self.databases.to_vec());
    }

    /// Ends background work and closes the databases.
    pub async fn stop(&self) {
        self.tasks.stop(Duration::from_secs(self.settings.server.stop_wait_s)).await;
        for db in self.databases.iter() {
            db.close().await;
        }
        if let Some(replica) = &self.replica {
            // One that is silent is left as it is.
            let _ = tokio::time::timeout(REPLICA_CLOSE_WAIT, replica.close()).await;
        }
    }
}

/// How sagas go on, on this node.
pub(super) fn saga_settings(settings: &Settings, node: &str) -> platform::saga::Settings {
    let saga = &settings.saga;
    platform::saga::Settings {
        node: node.to_owned(),
        lease: Duration::from_millis(saga.lease_ms),
        poll: Duration::from_millis(saga.poll_ms),
        policy: Policy {
            attempts_max: saga.attempts_max,
            undo_attempts_max: saga.undo_attempts_max,
            pause: TimeDelta::milliseconds(saga.pause_ms),
            pause_max: TimeDelta::milliseconds(saga.pause_max_ms),
        },
    }
}

/// How events are delivered, by this node.
pub fn bus_settings(settings: &Settings, node: &str) -> platform::bus::Settings {
    let bus = &settings.bus;
    platform::bus::Settings {
        node: node.to_owned(),
        poll: Duration::from_millis(bus.poll_ms),
        linger: Duration::from_millis(bus.linger_ms),
        rest: Duration::from_millis(bus.rest_ms),
        batch: bus.batch,
        lease: Duration::from_millis(bus.lease_ms),
        effect_wait: Duration::from_millis(bus.effect_wait_ms),
        effects_at_once: bus.effects_at_once,
        attempts_max: bus.attempts_max,
        retry_max: Duration::from_millis(bus.retry_max_ms),
    }
}
