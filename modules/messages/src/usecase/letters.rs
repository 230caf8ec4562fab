//! Sending letters. Between the moment a mail server takes one and the commit that says so the process
//! may die; the letter is then handed over again, with the same Message-ID, by which receivers tell.

use std::collections::HashMap;

use futures_util::{StreamExt, stream};
use kernel::id::{CustomerId, OrderId};
use kernel::ports::{Contact, Mail, ToldOrder, Unavailable};
use platform::fault;
use platform::sql;
use uuid::Uuid;

use super::{LEASE, failed, reason};
use crate::Messages;
use crate::domain::kind::Kind;
use crate::domain::state::State;
use crate::store::message::{self, CUSTOMER, Due, EMAIL};
use crate::templates::Facts;

/// How many letters are looked at in one go, ...
const BATCH: i64 = 64;
/// ... and how many are handed over at the same time.
const AT_ONCE: usize = 4;

/// Why no letters were sent.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// The messages cannot be read or written.
    #[error(transparent)]
    Storage(#[from] sql::Error),
    /// Whoever knows the orders or the people did not answer.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// What is to be done with a letter.
enum Verdict {
    Send(Box<Mail>),
    End(State),
    /// It cannot be written, and why.
    Fail(String),
}

impl Messages {
    /// Sends letters whose time has come, a batch of them. Whether there may be more.
    pub async fn send_letters(&self) -> Result<bool, SendError> {
        let db = &self.inner.db;
        if !message::any_due(db, EMAIL, CUSTOMER).await? {
            return Ok(false);
        }
        let mut tx = db.begin("messages.claim").await?;
        let until = tx.now() + LEASE;
        let claimed = message::claim(&mut tx, EMAIL, CUSTOMER, until, BATCH).await?;
        tx.commit().await?;
        let more = claimed.len() as u64 == BATCH.unsigned_abs();
        self.send_all(claimed).await?;
        Ok(more)
    }

    async fn send_all(&self, claimed: Vec<Due>) -> Result<(), SendError> {
        let orders: Vec<OrderId> =
            claimed.iter().filter_map(|due| due.order_id.map(OrderId::from)).collect();
        let orders = self.inner.orders.told(&orders).await?;
        let people = self.contacts(&orders).await?;
        let (mut nobody, mut outdated, mut letters) = (Vec::new(), Vec::new(), Vec::new());
        for due in claimed {
            match self.verdict(&due, &orders, &people) {
                Verdict::End(State::Outdated) => outdated.push(due.id),
                Verdict::End(_) => nobody.push(due.id),
                Verdict::Send(mail) => letters.push((due, Ok(mail))),
                Verdict::Fail(error) => letters.push((due, Err(error))),
            }
        }
        self.end_all(&nobody, &outdated).await?;
        let work = letters.into_iter().map(|(due, mail)| self.try_one(due, mail));
        let done: Vec<sql::Result<()>> =
            stream::iter(work).buffer_unordered(AT_ONCE).collect().await;
        Ok(done.into_iter().collect::<sql::Result<()>>()?)
    }

    /// The addresses of those whose orders name none.
    async fn contacts(
        &self,
        orders: &HashMap<OrderId, ToldOrder>,
    ) -> Result<HashMap<CustomerId, Contact>, Unavailable> {
        let without = orders.values().filter(|order| order.email.is_none());
        let people: Vec<CustomerId> = without.map(|order| order.customer_id).collect();
        if people.is_empty() {
            Ok(HashMap::new())
        } else {
            self.inner.people.contacts(&people).await
        }
    }

    fn verdict(
        &self,
        due: &Due,
        orders: &HashMap<OrderId, ToldOrder>,
        people: &HashMap<CustomerId, Contact>,
    ) -> Verdict {
        let order = due.order_id.and_then(|id| orders.get(&id.into()));
        let (Some(kind), Some(order)) = (Kind::of_event(&due.event_kind), order) else {
            return Verdict::End(State::Nobody);
        };
        let account = people.get(&order.customer_id).map(|contact| &contact.email);
        let Some(to) = order.email.as_ref().or(account) else {
            return Verdict::End(State::Nobody);
        };
        if kind == Kind::PaymentActionRequired && !order.awaits_payment {
            return Verdict::End(State::Outdated);
        }
        let facts = Facts { shop: &self.inner.shop, order, event: &due.data.0 };
        match self.inner.templates.letter(kind, order.locale.as_deref(), &facts) {
            Ok(letter) => Verdict::Send(Box::new(Mail {
                id: due.id,
                kind: kind.event().to_owned(),
                to: to.clone(),
                subject: letter.subject,
                text: letter.text,
                html: Some(letter.html),
            })),
            Err(error) => Verdict::Fail(error.to_string()),
        }
    }

    async fn end_all(&self, nobody: &[Uuid], outdated: &[Uuid]) -> sql::Result<()> {
        if nobody.is_empty() && outdated.is_empty() {
            return Ok(());
        }
        let mut tx = self.inner.db.begin("messages.end").await?;
        for (ids, state) in [(nobody, State::Nobody), (outdated, State::Outdated)] {
            if !ids.is_empty() {
                message::end_all(&mut tx, ids, state).await?;
            }
        }
        tx.commit().await
    }

    async fn try_one(&self, due: Due, mail: Result<Box<Mail>, String>) -> sql::Result<()> {
        let handed = match mail {
            Err(error) => Err(error),
            Ok(mail) => {
                fault::point("before call of", "mail");
                let sent = self.inner.mailer.send(&mail).await;
                fault::point("after call of", "mail");
                // What a server says may name the address, which belongs into no row.
                sent.map_err(|error| reason(&error).replace(&mail.to, "(the address)"))
            }
        };
        let mut tx = self.inner.db.begin("messages.sent").await?;
        if let Err(error) = handed {
            tracing::warn!(message = %due.id, attempts = due.attempts, "a letter was not sent");
            failed(&mut tx, &due, &error).await?;
        } else {
            message::end(&mut tx, due.id, due.attempts, State::Sent, None).await?;
        }
        tx.commit().await
    }
}
