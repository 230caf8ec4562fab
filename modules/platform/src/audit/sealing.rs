//! What of an entry the tamper-evident log commits to: all that is stored of it.

use kernel::Timestamp;
use kernel::id::CustomerId;
use serde_json::Value;
use uuid::Uuid;

use super::{Actor, ActorKind, Named, Recorded};
use crate::seal::{Note, Payload};

/// The source that entries of the audit log are.
pub const SOURCE: &str = "audit";

/// Counted up by whoever changes what follows, who then has to keep the way of before for what is sealed.
const VERSION: u8 = 1;

/// Who and from where, as it is stored.
struct Author<'a> {
    actor: Option<Uuid>,
    kind: Option<ActorKind>,
    key_made_by: Option<Uuid>,
    address: Option<&'a str>,
    trace: &'a str,
}

impl Author<'_> {
    fn payload(&self) -> Payload {
        Payload::new(VERSION)
            .maybe(self.actor, Payload::id)
            .maybe(self.kind.map(ActorKind::word), Payload::text)
            .maybe(self.key_made_by, Payload::id)
            .maybe(self.address, Payload::text)
            .text(self.trace)
    }
}

/// An entry and what changed. What the schema calls null and what JSON does are one to the engines.
fn finished(
    by: Payload,
    (action, subject): (&str, Uuid),
    (before, after): (Option<&Value>, Option<&Value>),
) -> Vec<u8> {
    let with = by.text(action).id(subject);
    with.json(before.unwrap_or(&Value::Null)).json(after.unwrap_or(&Value::Null)).bytes()
}

/// What is noted of an entry that is written now.
pub(super) fn note(named: &Named<'_>, actor: &Actor, at: Timestamp, trace: &str) -> Note {
    let entry = named.entry;
    let address = actor.address.map(|address| address.to_string());
    let by = Author {
        actor: actor.id().map(CustomerId::uuid),
        kind: Some(actor.kind()),
        key_made_by: actor.key_made_by().map(CustomerId::uuid),
        address: address.as_deref(),
        trace,
    };
    let changed = (entry.before.as_ref(), entry.after.as_ref());
    Note {
        id: named.id,
        kind: entry.action.to_owned(),
        subject: entry.subject,
        at,
        payload: finished(by.payload(), (entry.action, entry.subject), changed),
    }
}

impl Recorded {
    /// What was noted of it if it is as it was written; none for an entry of before there was the
    /// tamper-evident log.
    pub fn note(&self) -> Option<Note> {
        let by = Author {
            actor: self.actor,
            kind: self.actor_kind,
            key_made_by: self.key_made_by,
            address: self.address.as_deref(),
            trace: &self.trace,
        };
        let changed = (self.before.as_ref(), self.after.as_ref());
        Some(Note {
            id: self.id?,
            kind: self.action.clone(),
            subject: self.subject,
            at: self.at,
            payload: finished(by.payload(), (&self.action, self.subject), changed),
        })
    }
}
