//! One seed, from the first act to the books.

mod word;

use std::time::{Duration, Instant};

use chrono::TimeDelta;
use tokio::runtime::Handle;
use tokio::task::{JoinHandle, LocalSet, spawn_local};

use crate::acts::{Act, Means};
use crate::carrier::Carrier;
use crate::people::{self, Somebody};
use crate::schedule::Schedule;
use crate::world::{Answer, Beginning, Node, World};

/// Of so many seeds the parcels of one go by a carrier.
const CARRIED: u64 = 4;
/// Of five seeds so many are never about what comes after a sale: such stories are long.
const SALES: u64 = 2;
/// What happens at most until nothing goes wrong any more.
const MOVES_MAX: usize = 250;
/// How many nodes a world has, one after the other. A start is what takes longest.
const NODES_MAX: u32 = 3;
/// How many seconds pass between two looks at a world that comes to rest.
const REST: [i64; 12] = [0, 31, 61, 61, 1_000, 61, 61, 1_900, 61, 61, 61, 61];
/// How long a task may be at work between two gates.
const MOVE_TIME_MAX: Duration = Duration::from_mins(1);
const CHORES: [Chore; 4] = [Chore::TakeUp, Chore::Deliver, Chore::Resolve, Chore::Sweep];

/// What the node does of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Chore {
    /// A checkout that is due.
    TakeUp,
    /// The events.
    Deliver,
    /// Calls of the processor that nobody finished.
    Resolve,
    /// Promises of stock past their deadline.
    Sweep,
    /// What the carrier told.
    Listen,
}

enum Move {
    Pass(usize),
    Act(usize),
    Chore(Chore),
    Time,
    Crash,
}

/// An act under way.
struct Asked {
    somebody: usize,
    act: Act,
    answer: JoinHandle<Option<Answer>>,
}

/// An answer that somebody was given to an order.
struct Told {
    somebody: usize,
    key: u32,
    card: usize,
    id: String,
}

struct Run<'b> {
    beginning: &'b Beginning,
    world: World,
    schedule: Schedule,
    node: Node,
    nodes: u32,
    people: Vec<Somebody>,
    asked: Vec<Asked>,
    chores: Vec<(Chore, JoinHandle<()>)>,
    told: Vec<Told>,
    /// Tasks that were there before.
    others: usize,
}

/// What came of a seed.
pub struct Lived {
    /// What happened, in order.
    pub story: Vec<String>,
    /// What was broken in the end.
    pub broken: Option<String>,
}

/// Lives through a seed.
pub async fn live(beginning: &Beginning, seed: u64) -> Lived {
    Box::pin(LocalSet::new().run_until(live_here(beginning, seed))).await
}

async fn live_here(beginning: &Beginning, seed: u64) -> Lived {
    platform::random::seed(seed);
    let schedule = Schedule::new(seed);
    let carrier = (seed % CARRIED == CARRIED - 1).then(Carrier::default);
    let world = beginning.world(schedule.clone(), carrier).await;
    let (mut people, is_after) =
        people::draw(&schedule, beginning.products.len(), seed % 5 >= SALES);
    if world.carrier.is_some() {
        people.push(people::carrier(&schedule));
    }
    let node = world.node("node 0").await;
    let others = Handle::current().metrics().num_alive_tasks();
    let mut run = Run {
        beginning,
        world,
        schedule,
        node,
        nodes: 1,
        people,
        asked: Vec::new(),
        chores: Vec::new(),
        told: Vec::new(),
        others,
    };
    if is_after {
        run.sell().await;
    }
    run.go_wrong().await;
    let broken = match run.come_to_rest().await {
        Ok(()) => run.keeps_its_word().await.err(),
        Err(broken) => Some(broken),
    };
    run.node.kill().await;
    let story = run.schedule.story();
    run.world.end().await;
    Lived { story, broken }
}

impl Run<'_> {
    /// What is done before the staff comes: nothing goes wrong, and everything is sold.
    async fn sell(&mut self) {
        let faults = self.schedule.be_kind();
        for n in 0..self.people.len() {
            while !self.people[n].is_staff() && !self.people[n].acts.is_empty() {
                self.act(n);
                self.let_all_through().await;
            }
        }
        self.begin(Chore::TakeUp);
        self.let_all_through().await;
        self.schedule.be_unkind(faults);
    }

    async fn go_wrong(&mut self) {
        for _ in 0..MOVES_MAX {
            self.quiet().await;
            let Some(next) = self.choose() else { break };
            self.make(next).await;
        }
    }

    /// None when everybody has done what they wanted to do.
    fn choose(&self) -> Option<Move> {
        let idle = |n: &usize| {
            let is_at_work = self.asked.iter().any(|asked| asked.somebody == *n);
            let next = self.people[*n].acts.front();
            // There may be nothing to ship yet.
            !is_at_work && next.is_some_and(|act| !act.is_about_an_order() || self.may_know_one())
        };
        let idle: Vec<usize> = (0..self.people.len()).filter(idle).collect();
        let waiting = self.schedule.waiting();
        if idle.is_empty() && waiting == 0 {
            return None;
        }
        let chores = self.chores_there_are();
        let chores = chores.filter(|chore| {
            let most = if *chore == Chore::Deliver { 2 } else { 1 };
            self.chores.iter().filter(|(at_work, _)| at_work == chore).count() < most
        });
        let mut moves: Vec<(u32, Move)> = Vec::new();
        moves.extend((0..waiting).map(|n| (24, Move::Pass(n))));
        // The staff takes its time, and so does not call everything off before it is confirmed.
        let eager = |n: usize| if self.people[n].is_staff() { 3 } else { 16 };
        moves.extend(idle.into_iter().map(|n| (eager(n), Move::Act(n))));
        moves.extend(chores.map(|chore| (3, Move::Chore(chore))));
        moves.push((4, Move::Time));
        if self.nodes < NODES_MAX {
            moves.push((1, Move::Crash));
        }
        let all: u32 = moves.iter().map(|(weight, _)| weight).sum();
        let mut drawn = self.schedule.draw(1..=all);
        for (weight, next) in moves {
            if drawn <= weight {
                return Some(next);
            }
            drawn -= weight;
        }
        None
    }

    /// Nobody listens where there is no carrier.
    fn chores_there_are(&self) -> impl Iterator<Item = Chore> + use<> {
        let listens = self.world.carrier.is_some().then_some(Chore::Listen);
        CHORES.into_iter().chain(listens)
    }

    /// Whether the staff may look for an order: there is one, or there will be none.
    fn may_know_one(&self) -> bool {
        let shop = |act: &Act| matches!(act, Act::Order { .. });
        let may_come = self.people.iter().any(|somebody| somebody.acts.iter().any(shop));
        !self.told.is_empty() || !(may_come || self.asked.iter().any(|asked| shop(&asked.act)))
    }

    async fn make(&mut self, next: Move) {
        match next {
            Move::Pass(n) => self.schedule.pass(n),
            Move::Act(n) => self.act(n),
            Move::Chore(chore) => self.begin(chore),
            Move::Time => {
                let seconds = self.schedule.one(&[1, 1, 5, 5, 25, 130, 700]);
                self.schedule.tell(&format!("{seconds} s pass"));
                self.world.hand.advance(TimeDelta::seconds(seconds));
            }
            Move::Crash => self.crash().await,
        }
    }

    fn act(&mut self, n: usize) {
        let Some(act) = self.people[n].acts.pop_front() else { return };
        self.schedule.tell(&format!("{}: {act:?}", self.people[n].name));
        if let Act::Reprice { product, cents } = act {
            self.world.prices.0.lock().unwrap()[product].1 = cents;
            return;
        }
        // The shopper's own newest order, or anybody's for the staff.
        let mut who = self.people[n].who.clone();
        let is_any = self.people[n].is_staff() && act.is_about_an_order();
        let order = if is_any && !self.told.is_empty() {
            let told = &self.told[self.schedule.draw(0..=self.told.len() - 1)];
            if matches!(act, Act::After { what, .. } if what.is_of_the_shopper()) {
                who = self.people[told.somebody].who.clone();
            }
            Some(told.id.clone())
        } else {
            let own = |told: &&Told| self.people[told.somebody].who.id == who.id;
            self.told.iter().rev().find(own).map(|told| told.id.clone())
        };
        let means = Means {
            node: self.node.clone(),
            products: self.beginning.products.clone(),
            tokens: self.beginning.tokens.clone(),
            gift: self.beginning.gift.clone(),
            order,
            carrier: self.world.carrier.clone(),
            now: self.world.clock.now(),
        };
        let answer = spawn_local(means.act(who, act.clone()));
        self.asked.push(Asked { somebody: n, act, answer });
    }

    fn begin(&mut self, chore: Chore) {
        self.schedule.tell(&format!("{chore:?}"));
        let Node { orders, inventory, payments, bus, .. } = self.node.clone();
        let at_work = spawn_local(async move {
            // What fails is done by the next round.
            match chore {
                Chore::TakeUp => drop(orders.take_up().await),
                Chore::Deliver => drop(bus.drain().await),
                Chore::Resolve => drop(payments.resolve().await),
                Chore::Sweep => drop(inventory.sweep().await),
                Chore::Listen => drop(orders.hear_carrier().await),
            }
        });
        self.chores.push((chore, at_work));
    }

    /// The node dies where it stands, and another one starts.
    async fn crash(&mut self) {
        self.schedule.tell("crash");
        self.node.kill().await;
        for (_, chore) in self.chores.drain(..) {
            chore.abort();
        }
        for asked in &self.asked {
            asked.answer.abort();
        }
        self.quiet().await;
        self.node = self.world.node(&format!("node {}", self.nodes)).await;
        self.nodes += 1;
    }

    /// Waits until everything at work stands before a gate, and hears what was answered.
    async fn quiet(&mut self) {
        let began = Instant::now();
        loop {
            tokio::task::yield_now().await;
            let asked = self.asked.iter().filter(|asked| !asked.answer.is_finished()).count();
            let chores = self.chores.iter().filter(|(_, chore)| !chore.is_finished()).count();
            let sagas = Handle::current().metrics().num_alive_tasks() - self.others;
            if asked + chores + sagas == self.schedule.tasks_waiting() {
                break;
            }
            let story = || self.schedule.story().join("\n");
            assert!(began.elapsed() < MOVE_TIME_MAX, "it stands still after\n{}", story());
            std::thread::yield_now();
        }
        self.chores.retain(|(_, chore)| !chore.is_finished());
        for n in (0..self.asked.len()).rev() {
            if self.asked[n].answer.is_finished() {
                let asked = self.asked.remove(n);
                self.hear(asked).await;
            }
        }
    }

    async fn hear(&mut self, asked: Asked) {
        let Asked { somebody, act, answer } = asked;
        let name = self.people[somebody].name.clone();
        let answer = match answer.await {
            Ok(answer) => answer,
            Err(error) => {
                assert!(error.is_cancelled(), "{act:?} panicked: {error}");
                self.schedule.tell(&format!("{name} has no answer"));
                // Whoever has no answer asks again with the same key.
                self.people[somebody].acts.push_front(act);
                return;
            }
        };
        let Some(Answer { status, body }) = answer else { return };
        let patience = if matches!(act, Act::After { .. }) { 3 } else { 1 };
        let too_early =
            status == 409 && act.is_about_an_order() && self.schedule.draw(0..=patience) > 0;
        if status == 503 || too_early {
            self.people[somebody].acts.push_front(act.clone());
        }
        let word = body["status"].as_str().or(body["code"].as_str()).unwrap_or_default();
        self.schedule.tell(&format!("{name} is told {status} {word}"));
        assert_ne!(status, 500, "{act:?}: {body}");
        if let (Act::Order { key, card }, 201 | 202, Some(id)) = (&act, status, body["id"].as_str())
        {
            self.told.push(Told { somebody, key: *key, card: *card, id: id.to_owned() });
        }
    }

    /// Everything is let through, and time passes, until nothing is under way.
    async fn come_to_rest(&mut self) -> Result<(), String> {
        self.schedule.be_kind();
        let events = self.world.carrier.as_ref().map(Carrier::all).unwrap_or_default();
        for (id, event) in events {
            let told = self.node.told(&id, &event, self.world.clock.now()).await;
            assert_eq!(told.status, 204, "{event}: {told:?}");
        }
        let mut broken = Vec::new();
        for seconds in REST {
            self.world.hand.advance(TimeDelta::seconds(seconds));
            for chore in self.chores_there_are().chain([Chore::TakeUp; 3]) {
                self.begin(chore);
                self.let_all_through().await;
            }
            broken = self.world.broken(&self.node).await;
            broken.extend(self.open_orders().await);
            if broken.is_empty() {
                broken = self.world.open_accounts(&self.node).await;
            }
            if broken.is_empty() {
                let orders = self.node.orders.briefs(None, 1_000).await.unwrap();
                let ends = orders.iter().map(|order| order.status.word());
                ends.for_each(|end| self.schedule.tell(&format!("an order is {end}")));
                return Ok(());
            }
        }
        Err(broken.join("\n"))
    }

    async fn let_all_through(&mut self) {
        loop {
            self.quiet().await;
            if self.schedule.waiting() == 0 {
                return;
            }
            self.schedule.pass(0);
        }
    }
}
