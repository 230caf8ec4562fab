use platform::audit::Actor;
use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use kernel::Envelope;
use platform::bus::{
    Bus, Effect, HandlerError, Reaction, Settings, Subscription, Topic, dead_letters, lag, redrive,
};
use platform::random;
use platform::sql::{Db, Engine, Sql, Tx};
use platform::tasks::Tasks;
use uuid::Uuid;

use crate::outbox::{Happened, change};

platform::on_both_engines!(crate::SCHEMA =>
    every_event_of_a_subject_arrives_once_and_in_order,
    a_poisoned_event_holds_back_only_its_subject,
    a_handler_that_panics_or_swallows_an_error_stops_nobody,
    effects_are_performed_by_one_node_at_a_time,
    a_gap_is_refused,
    unwanted_events_are_passed_and_the_lag_is_known,
    draining_ends_behind_events_that_nobody_wants,
);

/// The events a handler refuses, as subject and version.
pub type Poison = Arc<Mutex<HashSet<(Uuid, i64)>>>;

/// Writes down what it hears, and refuses what comes out of order or twice.
pub struct Heard {
    pub name: &'static str,
    pub poison: Poison,
}

#[async_trait]
impl Reaction for Heard {
    async fn apply(&self, tx: &mut Tx, event: &Envelope) -> Result<(), HandlerError> {
        if self.poison.lock().unwrap().contains(&(event.subject, event.version)) {
            return Err("poisoned".into());
        }
        let next = Sql::new("select count(*) from heard where subscription = $1 and subject = $2");
        let (before,): (i64,) = tx.query(next).bind(self.name).bind(event.subject).one().await?;
        if before + 1 != event.version {
            return Err(format!("{} after {before}", event.version).into());
        }
        tx.query(Sql::new("insert into heard values ($1, $2, $3, $4, $5)"))
            .bind(before)
            .bind(self.name)
            .bind(event.id.uuid())
            .bind(event.subject)
            .bind(event.version)
            .execute()
            .await?;
        Ok(())
    }

    async fn reset(&self, tx: &mut Tx) -> Result<(), HandlerError> {
        let forget = Sql::new("delete from heard where subscription = $1");
        tx.query(forget).bind(self.name).execute().await?;
        Ok(())
    }
}

pub fn settings(node: &str) -> Settings {
    Settings {
        node: node.to_owned(),
        poll: Duration::from_millis(20),
        linger: Duration::from_millis(1),
        rest: Duration::from_millis(1),
        batch: 16,
        lease: Duration::from_secs(1),
        effect_wait: Duration::from_secs(20),
        effects_at_once: 8,
        attempts_max: 3,
        retry_max: Duration::from_millis(10),
    }
}

pub fn heard(db: &Db, name: &'static str, poison: &Poison) -> Subscription {
    let reaction = Heard { name, poison: poison.clone() };
    Subscription::reaction(name, db, [Topic::of::<Happened>()], reaction)
}

pub async fn node(db: &Db, name: &str, subscription: Subscription) -> (Bus, Tasks) {
    let bus = Bus::new(vec![db.clone()], vec![subscription], settings(name));
    bus.register().await.unwrap();
    let tasks = Tasks::default();
    bus.start(&tasks).unwrap();
    (bus, tasks)
}

pub async fn publish(db: &Db, subject: Uuid) -> i64 {
    let mut tx = db.begin("test").await.unwrap();
    let version = change(&mut tx, subject).await.unwrap();
    tx.commit().await.unwrap();
    version
}

pub const HEARD: &str = "select count(*) from heard";
const TOLD: &str = "select count(*) from outbox";

/// T16: many writers that pause and change their mind, relays that come and go in the middle.
async fn every_event_of_a_subject_arrives_once_and_in_order(db: Db) {
    let subjects: Vec<Uuid> = (0..5).map(|_| Uuid::now_v7()).collect();
    let writers: Vec<_> = (0..32)
        .map(|_| {
            let (db, subjects) = (db.clone(), subjects.clone());
            tokio::spawn(async move {
                for _ in 0..6 {
                    let pick = usize::try_from(random::between(0, 4)).unwrap();
                    let mut tx = db.begin("test").await.unwrap();
                    change(&mut tx, subjects[pick]).await.unwrap();
                    let pause = Duration::from_micros(random::between(0, 4_000));
                    tokio::time::sleep(pause).await;
                    if random::between(0, 4) > 0 {
                        tx.commit().await.unwrap();
                    }
                }
            })
        })
        .collect();
    let writing = futures_util::future::join_all(writers);
    let poison = Poison::default();
    let relaying = async {
        for _ in 0..4 {
            let one = node(&db, "one", heard(&db, "heard", &poison)).await.1;
            let two = node(&db, "two", heard(&db, "heard", &poison)).await.1;
            tokio::time::sleep(Duration::from_millis(random::between(20, 120))).await;
            one.stop(Duration::ZERO).await;
            two.stop(Duration::ZERO).await;
        }
    };
    let (written, ()) = tokio::join!(writing, relaying);
    assert!(written.iter().all(Result::is_ok));
    let last = node(&db, "last", heard(&db, "heard", &poison)).await.1;
    crate::until("all events were heard", || async {
        crate::number(&db, HEARD).await == crate::number(&db, TOLD).await
    })
    .await;
    last.stop(Duration::from_secs(5)).await;
    assert!(crate::number(&db, TOLD).await > 50);
    // Nothing was out of order: it would have been parked, and parked events are gone by now only
    // if they were tried again.
    assert_eq!(dead_letters(&db, None, 100).await.unwrap().len(), 0);
}

async fn a_poisoned_event_holds_back_only_its_subject(db: Db) {
    let (ill, well) = (Uuid::now_v7(), Uuid::now_v7());
    let poison = Poison::default();
    poison.lock().unwrap().insert((ill, 2));
    let (_, tasks) = node(&db, "one", heard(&db, "heard", &poison)).await;
    for _ in 0..4 {
        publish(&db, ill).await;
        publish(&db, well).await;
    }
    crate::until("the event is dead", || async {
        let parked = dead_letters(&db, Some("heard"), 100).await.unwrap();
        parked.len() == 3 && parked.iter().any(|letter| letter.state == "dead")
    })
    .await;
    let parked = dead_letters(&db, Some("heard"), 100).await.unwrap();
    let dead = parked.iter().find(|letter| letter.state == "dead").unwrap();
    assert_eq!((dead.envelope.version, dead.attempts), (2, 3));
    assert_eq!(dead.last_error.as_deref(), Some("poisoned"));
    crate::until("the others were heard", || async { crate::number(&db, HEARD).await == 5 }).await;
    assert_eq!(publish(&db, ill).await, 5);
    poison.lock().unwrap().clear();
    assert_eq!(redrive(&db, "heard", Some(dead.event_id), &Actor::OPERATOR).await.unwrap(), 1);
    crate::until("all were heard", || async { crate::number(&db, HEARD).await == 9 }).await;
    assert_eq!(dead_letters(&db, None, 100).await.unwrap().len(), 0);
    tasks.stop(Duration::from_secs(5)).await;
}

/// Goes on as if nothing had happened after its statement failed; panics at the next version.
struct Careless;

#[async_trait]
impl Reaction for Careless {
    async fn apply(&self, tx: &mut Tx, event: &Envelope) -> Result<(), HandlerError> {
        assert!(event.version != 2, "a bug");
        let twice = Sql::new("insert into total (subject, sum) values ($1, 1)");
        for _ in 0..event.version.min(2) {
            let _ = tx.query(twice).bind(event.subject).execute().await;
        }
        Ok(())
    }
}

async fn a_handler_that_panics_or_swallows_an_error_stops_nobody(db: Db) {
    let subscription = Subscription::reaction("careless", &db, [Topic::of::<Happened>()], Careless);
    let (_, tasks) = node(&db, "one", subscription).await;
    let panics = Uuid::now_v7();
    publish(&db, panics).await;
    publish(&db, panics).await;
    let swallows = Uuid::now_v7();
    let mut tx = db.begin("test").await.unwrap();
    tx.emit(&Happened { subject: swallows, note: String::new() }, 3).unwrap();
    tx.commit().await.unwrap();
    publish(&db, Uuid::now_v7()).await;
    crate::until("the two are dead and the others are through", || async {
        let parked = dead_letters(&db, None, 100).await.unwrap();
        parked.iter().filter(|letter| letter.state == "dead").count() == 2
            && crate::number(&db, "select count(*) from total").await == 2
    })
    .await;
    tasks.stop(Duration::from_secs(5)).await;
}

/// Performs slowly and notices when another performs at the same time.
pub struct Slow {
    pub node: &'static str,
    pub log: Arc<Mutex<Vec<(&'static str, Uuid)>>>,
    pub busy: Arc<tokio::sync::Mutex<()>>,
}

#[async_trait]
impl Effect for Slow {
    async fn perform(&self, event: &Envelope) -> Result<(), HandlerError> {
        let _busy = self.busy.try_lock().expect("two at once");
        tokio::time::sleep(Duration::from_millis(15)).await;
        self.log.lock().unwrap().push((self.node, event.id.uuid()));
        Ok(())
    }
}

async fn effects_are_performed_by_one_node_at_a_time(db: Db) {
    let (log, busy) = (Arc::default(), Arc::<tokio::sync::Mutex<()>>::default());
    let slow = |node| Slow { node, log: Arc::clone(&log), busy: busy.clone() };
    let topics = [Topic::of::<Happened>()];
    let one = node(&db, "one", Subscription::effect("slow", &db, topics, slow("one"))).await.1;
    let two = node(&db, "two", Subscription::effect("slow", &db, topics, slow("two"))).await.1;
    let publish_some = async || {
        for _ in 0..10 {
            publish(&db, Uuid::now_v7()).await;
        }
    };
    publish_some().await;
    let heard = || log.lock().unwrap().iter().map(|(_, id)| *id).collect::<HashSet<_>>().len();
    crate::until("some were performed", || async { heard() >= 4 }).await;
    // Whoever has the lease goes away in the middle; the other one takes over.
    let holder = log.lock().unwrap()[0].0;
    let (goes, stays) = if holder == "one" { (one, two) } else { (two, one) };
    goes.stop(Duration::ZERO).await;
    publish_some().await;
    crate::until("all were performed", || async { heard() == 20 }).await;
    stays.stop(Duration::from_secs(5)).await;
    assert_eq!(dead_letters(&db, None, 10).await.unwrap().len(), 0);
    assert!(log.lock().unwrap().iter().any(|(node, _)| *node != holder));
}

async fn a_gap_is_refused(db: Db) {
    for _ in 0..3 {
        publish(&db, Uuid::now_v7()).await;
    }
    platform::outbox::sequence(&db).await.unwrap();
    let mut tx = db.begin("test").await.unwrap();
    let lose = Sql::split("delete from outbox where seq = 2", "delete from outbox where pos = 2");
    assert_eq!(tx.query(lose).execute().await.unwrap(), 1);
    tx.commit().await.unwrap();
    let subscription = heard(&db, "heard", &Poison::default());
    let bus = Bus::new(vec![db.clone()], vec![subscription], settings("one"));
    bus.register().await.unwrap();
    let error = bus.drain().await.unwrap_err().to_string();
    assert!(error.contains("no event 2"), "{error}");
}

async fn unwanted_events_are_passed_and_the_lag_is_known(db: Db) {
    let other = Topic { source: "stoa.order", kind: "test.other" };
    let poison = Poison::default();
    let reaction = Heard { name: "deaf", poison };
    let subscription = Subscription::reaction("deaf", &db, [other], reaction);
    let (_, tasks) = node(&db, "one", subscription.clone()).await;
    for _ in 0..40 {
        publish(&db, Uuid::now_v7()).await;
    }
    crate::until("the cursor is at the end", || async {
        let lag = lag(&subscription, "stoa.order", &db).await.unwrap();
        lag.pos == 40 && lag.last == 40 && lag.oldest.is_none()
    })
    .await;
    tasks.stop(Duration::from_secs(5)).await;
    assert_eq!(crate::number(&db, HEARD).await, 0);
}

async fn draining_ends_behind_events_that_nobody_wants(db: Db) {
    let other = Topic { source: "stoa.order", kind: "test.other" };
    let reaction = Heard { name: "deaf", poison: Poison::default() };
    let subscription = Subscription::reaction("deaf", &db, [other], reaction);
    let bus = Bus::new(vec![db.clone()], vec![subscription.clone()], settings("one"));
    bus.register().await.unwrap();
    for _ in 0..40 {
        publish(&db, Uuid::now_v7()).await;
    }
    tokio::time::timeout(Duration::from_secs(20), bus.drain()).await.unwrap().unwrap();
    assert_eq!(lag(&subscription, "stoa.order", &db).await.unwrap().pos, 40);
}

/// An event that is parked while the one before it leaves must not wait behind nobody.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_relays_leave_no_event_waiting_behind_nobody() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let clock = kernel::Clock::system();
        let Some(db) = platform::testing::database(engine, &crate::SCHEMA, clock).await else {
            continue;
        };
        let subject = Uuid::now_v7();
        let poison = Poison::default();
        let one = node(&db, "one", heard(&db, "heard", &poison)).await.1;
        let two = node(&db, "two", heard(&db, "heard", &poison)).await.1;
        for _ in 0..30 {
            let version = publish(&db, subject).await;
            poison.lock().unwrap().insert((subject, version + 1));
            publish(&db, subject).await;
            tokio::time::sleep(Duration::from_millis(random::between(0, 15))).await;
            poison.lock().unwrap().clear();
            redrive(&db, "heard", None, &Actor::OPERATOR).await.unwrap();
        }
        crate::until("all were heard", || async {
            redrive(&db, "heard", None, &Actor::OPERATOR).await.unwrap();
            crate::number(&db, HEARD).await == 60
        })
        .await;
        one.stop(Duration::from_secs(5)).await;
        two.stop(Duration::from_secs(5)).await;
        assert_eq!(dead_letters(&db, None, 10).await.unwrap().len(), 0);
    }
}
