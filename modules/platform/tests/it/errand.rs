//! A saga of four steps over ports that keep books and fail as planned.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use chrono::TimeDelta;
use kernel::Problem;
use kernel::problem::code;
use platform::saga::{Coordinator, Outcome, Policy, Saga, Settings, Step};
use platform::sql::{Db, Result, Sql, Tx};
use platform::tasks::Tasks;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// What goes wrong at a step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Fault {
    Reject,
    UnknownOnce,
    UnknownForGood,
    HangOnce,
    HangForGood,
    PanicOnce,
    Wait,
    /// It has seen that it must wait, and is slow to say so.
    WaitSlowly,
    Crash,
    UndoFailsOnce,
    UndoFailsForGood,
}

/// The ports of the saga: they keep books, do nothing twice, and fail as planned.
#[derive(Default)]
pub struct World {
    pub fault: Mutex<BTreeMap<usize, Fault>>,
    pub held: Mutex<BTreeSet<(Uuid, usize)>>,
    pub hanging: Mutex<usize>,
    /// Lets a step that hangs go on.
    pub go_on: tokio::sync::Notify,
}

impl World {
    pub fn with(step: usize, fault: Fault) -> Arc<Self> {
        let world = Arc::new(Self::default());
        world.fault.lock().unwrap().insert(step, fault);
        world
    }

    pub fn heal(&self) {
        self.fault.lock().unwrap().clear();
    }

    fn fault(&self, step: usize) -> Option<Fault> {
        self.fault.lock().unwrap().get(&step).copied()
    }

    pub fn held(&self) -> usize {
        self.held.lock().unwrap().len()
    }

    pub fn hangs(&self) -> usize {
        *self.hanging.lock().unwrap()
    }

    async fn hang(&self) {
        *self.hanging.lock().unwrap() += 1;
        self.go_on.notified().await;
    }
}

#[derive(Debug, Serialize, Deserialize)]
pub struct Errand {
    pub id: Uuid,
    pub done: Vec<usize>,
}

struct Work(usize);

#[async_trait]
impl Saga for Errand {
    const KIND: &'static str = "errand.v1";
    type Ports = Arc<World>;

    fn steps() -> &'static [&'static dyn Step<Self>] {
        &[&Work(0), &Work(1), &Work(2), &Work(3)]
    }

    /// The books of the saga's own module: a row that can be written once only.
    async fn ended(&mut self, tx: &mut Tx, failure: Option<&Problem>) -> Result<()> {
        let sql = Sql::new("insert into total (subject, sum) values ($1, $2)");
        let sum = if failure.is_some() { -1_i64 } else { 1 };
        tx.query(sql).bind(self.id).bind(sum).execute().await.map(drop)
    }
}

#[async_trait]
impl Step<Errand> for Work {
    fn name(&self) -> &'static str {
        ["zero", "one", "two", "three"][self.0]
    }

    async fn run(&self, saga: &mut Errand, world: &Arc<World>) -> Outcome {
        let fault = world.fault(self.0);
        if fault == Some(Fault::Reject) {
            return Outcome::Reject(Problem::new(code::OUT_OF_STOCK, "gone"));
        }
        if fault == Some(Fault::Wait) {
            return Outcome::Wait(kernel::Clock::system().now() + TimeDelta::hours(1));
        }
        if fault == Some(Fault::WaitSlowly) {
            *world.hanging.lock().unwrap() += 1;
            tokio::time::sleep(Duration::from_millis(120)).await;
            return Outcome::Wait(kernel::Clock::system().now() + TimeDelta::hours(1));
        }
        world.held.lock().unwrap().insert((saga.id, self.0));
        match fault {
            Some(Fault::UnknownForGood) => return Outcome::Retry("no answer".to_owned()),
            Some(Fault::HangForGood) => world.hang().await,
            Some(Fault::UnknownOnce) => {
                world.heal();
                return Outcome::Retry("no answer".to_owned());
            }
            Some(Fault::HangOnce | Fault::Crash) => {
                world.heal();
                world.hang().await;
            }
            Some(Fault::PanicOnce) => {
                world.heal();
                panic!("a step with a bug");
            }
            _ => {}
        }
        saga.done.push(self.0);
        Outcome::Done
    }

    async fn undo(&self, saga: &mut Errand, world: &Arc<World>) -> std::result::Result<(), String> {
        match world.fault(self.0) {
            Some(Fault::UndoFailsOnce) => {
                world.fault.lock().unwrap().remove(&self.0);
                // It took effect, but nobody heard of it: the undo is repeated.
                world.held.lock().unwrap().remove(&(saga.id, self.0));
                return Err("no answer".to_owned());
            }
            Some(Fault::UndoFailsForGood) => return Err("down".to_owned()),
            _ => {}
        }
        world.held.lock().unwrap().remove(&(saga.id, self.0));
        Ok(())
    }
}

pub struct Node {
    pub coordinator: Coordinator<Errand>,
    pub tasks: Tasks,
}

pub fn node(db: &Db, name: &str, world: &Arc<World>) -> Node {
    leasing(db, name, world, Duration::from_millis(400))
}

/// A node that gives no step up while a test looks at it.
pub fn patient(db: &Db, name: &str, world: &Arc<World>) -> Node {
    leasing(db, name, world, Duration::from_mins(10))
}

fn leasing(db: &Db, name: &str, world: &Arc<World>, lease: Duration) -> Node {
    let settings = Settings {
        node: name.to_owned(),
        lease,
        poll: Duration::from_millis(10),
        policy: Policy {
            attempts_max: 3,
            undo_attempts_max: 3,
            pause: TimeDelta::milliseconds(5),
            pause_max: TimeDelta::milliseconds(10),
        },
    };
    let tasks = Tasks::default();
    Node {
        coordinator: Coordinator::new(db.clone(), world.clone(), settings, tasks.clone()),
        tasks,
    }
}

impl Node {
    pub async fn start(&self, db: &Db, deadline: TimeDelta) -> Uuid {
        let id = Uuid::now_v7();
        let mut tx = db.begin("test").await.unwrap();
        let deadline = tx.now() + deadline;
        let saga = Errand { id, done: Vec::new() };
        self.coordinator.start(&mut tx, id, &saga, deadline).await.unwrap();
        tx.commit().await.unwrap();
        id
    }

    pub async fn stop(self) {
        self.tasks.stop(Duration::ZERO).await;
    }
}
