//! Who waits for changes of which order, on this node.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use kernel::Problem;
use kernel::id::{CustomerId, OrderId};
use kernel::problem::code;
use platform::outbox;
use platform::sql::{Db, Result};
use platform::tasks::Tasks;
use tokio::sync::watch;

/// How many may wait on one node: each holds a connection.
const WATCHERS_MAX: usize = 2_000;
/// How many of them may be one customer's, who has some windows open.
const OF_A_CUSTOMER_MAX: usize = 8;
/// How often changes that another node made are looked for.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// How many events are read at a time.
const EVENTS: i64 = 500;

/// All who wait. Nothing is read while there is nobody.
pub(crate) struct Watchers {
    waiting: Mutex<Waiting>,
    closed: watch::Sender<bool>,
}

#[derive(Default)]
struct Waiting {
    orders: HashMap<OrderId, watch::Sender<()>>,
    customers: HashMap<CustomerId, usize>,
    count: usize,
    /// Up to which event changes were told; none while nobody waits.
    told_to: Option<i64>,
}

impl Default for Watchers {
    fn default() -> Self {
        Self { waiting: Mutex::default(), closed: watch::Sender::new(false) }
    }
}

impl Watchers {
    /// Lets somebody wait for changes of an order. Refused when too many do already, or when the
    /// house is to stop.
    pub fn enter(self: &Arc<Self>, order: OrderId, customer: CustomerId) -> Enter {
        let closed = self.closed.subscribe();
        let mut waiting = self.lock();
        if *closed.borrow() || waiting.count >= WATCHERS_MAX {
            let detail = "No more orders can be watched now; look at it with GET instead.";
            return Err(Problem::new(code::UNAVAILABLE, detail));
        }
        let theirs = waiting.customers.entry(customer).or_default();
        if *theirs >= OF_A_CUSTOMER_MAX {
            let detail = format!("You are watching {OF_A_CUSTOMER_MAX} orders; close one of them.");
            return Err(Problem::new(code::TOO_MANY_REQUESTS, detail));
        }
        *theirs += 1;
        waiting.count += 1;
        let changes = waiting.orders.entry(order).or_default().subscribe();
        drop(waiting);
        Ok(Watcher { watchers: self.clone(), order, customer, changes, closed })
    }

    /// Ends all waiting, now and from now on: a server that stops waits for answers that have not
    /// ended.
    pub fn close(&self) {
        self.closed.send_replace(true);
    }

    /// Tells changes from here on.
    pub fn start(self: &Arc<Self>, db: &Db, tasks: &Tasks) {
        let (watchers, db) = (self.clone(), db.clone());
        let wake = db.readable();
        tasks.every("order.watchers", LOOK_EVERY, Some(wake), move || {
            let (watchers, db) = (watchers.clone(), db.clone());
            async move { watchers.tell(&db).await }
        });
    }

    /// Tells what was changed since the last time, and whether there may be more.
    async fn tell(&self, db: &Db) -> Result<bool> {
        let told_to = {
            let mut waiting = self.lock();
            if waiting.count == 0 {
                waiting.told_to = None;
                return Ok(false);
            }
            waiting.told_to
        };
        let Some(told_to) = told_to else {
            // Whoever came before this may have looked before a change that is not read any more.
            let last = outbox::last(db).await?;
            let mut waiting = self.lock();
            waiting.told_to = Some(last);
            waiting.orders.values().for_each(|order| order.send_replace(()));
            return Ok(true);
        };
        let events = outbox::read_after(db, told_to, EVENTS).await?;
        let Some(last) = events.last() else { return Ok(false) };
        let mut waiting = self.lock();
        waiting.told_to = Some(last.pos);
        for event in &events {
            if let Some(order) = waiting.orders.get(&OrderId::from(event.envelope.subject)) {
                order.send_replace(());
            }
        }
        Ok(i64::try_from(events.len()) == Ok(EVENTS))
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What [`Watchers::enter`] answers.
pub(crate) type Enter = std::result::Result<Watcher, Problem>;

/// Somebody who waits, until it is dropped.
pub(crate) struct Watcher {
    watchers: Arc<Watchers>,
    order: OrderId,
    customer: CustomerId,
    changes: watch::Receiver<()>,
    closed: watch::Receiver<bool>,
}

impl Watcher {
    /// Waits until the order may have changed; false when waiting is over for all.
    pub async fn changed(&mut self) -> bool {
        tokio::select! {
            // Their senders live longer than this; an error is the end as well.
            _ = self.closed.wait_for(|closed| *closed) => false,
            changed = self.changes.changed() => changed.is_ok(),
        }
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        let mut waiting = self.watchers.lock();
        waiting.count -= 1;
        if let Some(theirs) = waiting.customers.get_mut(&self.customer) {
            *theirs -= 1;
            if *theirs == 0 {
                waiting.customers.remove(&self.customer);
            }
        }
        // This one is still counted.
        if waiting.orders.get(&self.order).is_some_and(|order| order.receiver_count() == 1) {
            waiting.orders.remove(&self.order);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_leaves_is_forgotten() {
        let (watchers, order) = (Arc::new(Watchers::default()), OrderId::new());
        let (ada, bob) = (CustomerId::new(), CustomerId::new());
        let all: Vec<Watcher> =
            (0..OF_A_CUSTOMER_MAX).map(|_| watchers.enter(order, ada).unwrap()).collect();
        assert_eq!(watchers.enter(order, ada).err().unwrap().status, 429);
        let other = watchers.enter(OrderId::new(), bob).unwrap();
        drop(all);
        drop(watchers.enter(order, ada).unwrap());
        assert_eq!(watchers.lock().orders.len(), 1);
        drop(other);
        let waiting = watchers.lock();
        assert_eq!((waiting.count, waiting.orders.len(), waiting.customers.len()), (0, 0, 0));
    }

    #[test]
    fn a_node_has_so_many_places() {
        let watchers = Arc::new(Watchers::default());
        let enter = || watchers.enter(OrderId::new(), CustomerId::new());
        let all: Vec<Watcher> = (0..WATCHERS_MAX).map(|_| enter().unwrap()).collect();
        assert_eq!(enter().err().unwrap().status, 503);
        drop(all);
        drop(enter().unwrap());
        watchers.close();
        assert_eq!(enter().err().unwrap().status, 503);
    }
}
