//! Replays beside relays that are at work.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use kernel::Envelope;
use platform::audit::Actor;
use platform::bus::{HandlerError, Reaction, Subscription, Topic, dead_letters, replay};
use platform::sql::{Db, Tx};
use uuid::Uuid;

use crate::bus::{HEARD, Heard, Poison, Slow, heard, node, publish};
use crate::outbox::Happened;

platform::on_both_engines!(crate::SCHEMA =>
    a_replay_builds_the_same_while_events_come,
    a_replay_waits_for_the_batch_that_is_being_applied,
);

async fn a_replay_builds_the_same_while_events_come(db: Db) {
    let subjects: Vec<Uuid> = (0..4).map(|_| Uuid::now_v7()).collect();
    let subscription = heard(&db, "heard", &Poison::default());
    let (_, one) = node(&db, "one", subscription.clone()).await;
    let (_, two) = node(&db, "two", subscription.clone()).await;
    let publishing = async {
        for n in 0..120 {
            publish(&db, subjects[n % 4]).await;
        }
    };
    let replaying = async {
        for _ in 0..6 {
            tokio::time::sleep(Duration::from_millis(30)).await;
            replay(&subscription, &Actor::OPERATOR).await.unwrap();
        }
    };
    tokio::join!(publishing, replaying);
    crate::until("all were heard", || async { crate::number(&db, HEARD).await == 120 }).await;
    one.stop(Duration::from_secs(5)).await;
    two.stop(Duration::from_secs(5)).await;
    assert_eq!(dead_letters(&db, None, 10).await.unwrap().len(), 0);
    let effect = Slow { node: "x", log: Arc::default(), busy: Arc::default() };
    let effect = Subscription::effect("slow", &db, [Topic::of::<Happened>()], effect);
    assert!(
        replay(&effect, &Actor::OPERATOR)
            .await
            .unwrap_err()
            .to_string()
            .contains("cannot be replayed")
    );
}

/// Takes its time between what it wrote and the commit.
struct Lengthy {
    heard: Heard,
    at_work: Arc<Mutex<usize>>,
}

#[async_trait]
impl Reaction for Lengthy {
    async fn apply(&self, tx: &mut Tx, event: &Envelope) -> Result<(), HandlerError> {
        self.heard.apply(tx, event).await?;
        *self.at_work.lock().unwrap() += 1;
        tokio::time::sleep(Duration::from_millis(150)).await;
        Ok(())
    }

    async fn reset(&self, tx: &mut Tx) -> Result<(), HandlerError> {
        self.heard.reset(tx).await
    }
}

/// What a relay is about to commit must not survive the reset and then be applied again.
async fn a_replay_waits_for_the_batch_that_is_being_applied(db: Db) {
    let at_work = Arc::new(Mutex::new(0));
    let heard = Heard { name: "heard", poison: Poison::default() };
    let reaction = Lengthy { heard, at_work: at_work.clone() };
    let topics = [Topic::of::<Happened>()];
    let subscription = Subscription::reaction("heard", &db, topics, reaction);
    let (_, tasks) = node(&db, "one", subscription.clone()).await;
    publish(&db, Uuid::now_v7()).await;
    crate::until("the event is being applied", || async { *at_work.lock().unwrap() == 1 }).await;
    replay(&subscription, &Actor::OPERATOR).await.unwrap();
    crate::until("it is applied again", || async {
        *at_work.lock().unwrap() >= 2 && crate::number(&db, HEARD).await == 1
    })
    .await;
    assert_eq!(dead_letters(&db, None, 10).await.unwrap().len(), 0);
    tasks.stop(Duration::from_secs(5)).await;
}
