//! Who goes on next. All that is at work stands before a gate but one, so that the order of what
//! happens follows from a seed alone.

use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tokio::sync::oneshot;
use tokio::task::Id;

/// What happens to a call of a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It is made and answered.
    Fine,
    /// It is not made, and nobody learns that.
    NotMade,
    /// It is made, and its answer is lost.
    AnswerLost,
    /// It is made twice, and answered.
    Twice,
}

/// The gates, and the dice that choose who passes.
#[derive(Clone)]
pub struct Schedule(Arc<Mutex<State>>);

struct State {
    dice: ChaCha8Rng,
    has_gates: bool,
    /// How many calls in a hundred go wrong.
    faults: u32,
    waiting: Vec<Waiting>,
    story: Vec<String>,
}

struct Waiting {
    task: Id,
    what: String,
    pass: oneshot::Sender<()>,
}

impl Schedule {
    pub fn new(seed: u64) -> Self {
        let mut dice = ChaCha8Rng::seed_from_u64(seed);
        let faults = [0, 5, 15, 30][dice.random_range(0..4)];
        let (waiting, story) = (Vec::new(), Vec::new());
        let state = State { dice, has_gates: true, faults, waiting, story };
        Self(Arc::new(Mutex::new(state)))
    }

    /// One without gates and faults.
    pub fn none() -> Self {
        let schedule = Self::new(0);
        schedule.state().has_gates = false;
        schedule.be_kind();
        schedule
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Stands before the gate until it is chosen.
    pub async fn turn(&self, what: &str) {
        let (pass, passes) = oneshot::channel();
        {
            let mut state = self.state();
            if !state.has_gates {
                return;
            }
            let task = tokio::task::id();
            state.waiting.push(Waiting { task, what: what.to_owned(), pass });
        }
        // Without an answer the node that this is a part of has died, and so does this.
        if passes.await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// What happens to the call that has just been let through.
    pub fn fate(&self) -> Fate {
        let mut state = self.state();
        if state.dice.random_range(0..100) >= state.faults {
            return Fate::Fine;
        }
        [Fate::NotMade, Fate::AnswerLost, Fate::Twice][state.dice.random_range(0..3)]
    }

    /// Nothing goes wrong from here on. How many calls in a hundred did before.
    pub fn be_kind(&self) -> u32 {
        std::mem::take(&mut self.state().faults)
    }

    /// So many calls in a hundred go wrong from here on.
    pub fn be_unkind(&self, faults: u32) {
        self.state().faults = faults;
    }

    pub fn draw<T: rand::distr::uniform::SampleUniform + PartialOrd>(
        &self,
        range: RangeInclusive<T>,
    ) -> T {
        self.state().dice.random_range(range)
    }

    pub fn one<T: Copy>(&self, of: &[T]) -> T {
        of[self.draw(0..=of.len() - 1)]
    }

    /// How many tasks stand before a gate.
    pub fn tasks_waiting(&self) -> usize {
        let mut state = self.state();
        state.waiting.retain(|waiting| !waiting.pass.is_closed());
        let mut tasks: Vec<Id> = state.waiting.iter().map(|waiting| waiting.task).collect();
        tasks.sort_unstable();
        tasks.dedup();
        tasks.len()
    }

    /// How many can be let through.
    pub fn waiting(&self) -> usize {
        self.state().waiting.len()
    }

    /// Lets one of them through.
    pub fn pass(&self, n: usize) {
        let chosen = self.state().waiting.remove(n);
        self.tell(&chosen.what);
        // Whoever is not there any more has no turn.
        let _ = chosen.pass.send(());
    }

    /// Writes down what happened.
    pub fn tell(&self, what: &str) {
        self.state().story.push(what.to_owned());
    }

    pub fn story(&self) -> Vec<String> {
        self.state().story.clone()
    }
}
