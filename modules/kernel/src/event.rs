//! Events: what a module tells the others, after the fact and in the same commit as the fact.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::clock::Timestamp;
use crate::id::EventId;

/// Something that happened. The types are in [`crate::events`].
pub trait Event: Serialize + DeserializeOwned + Send + Sync {
    /// Stable wire name, e.g. `order.placed`. A change that readers cannot ignore gets a new name.
    const TYPE: &'static str;
    /// The module that publishes it, e.g. `stoa.order`.
    const SOURCE: &'static str;
    /// The aggregate it tells of. Events of one subject are delivered in their order.
    fn subject(&self) -> Uuid;
}

/// An event on its way.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Envelope {
    /// Unique; the key by which a subscriber knows a repetition.
    pub id: EventId,
    /// The publisher, e.g. `stoa.order`.
    pub source: String,
    /// What happened, e.g. `order.placed`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The subject's version after the event: 1 for its first event, and no number is left out.
    pub version: i64,
    /// When it happened.
    #[schema(value_type = String, format = DateTime)]
    pub time: Timestamp,
    /// The aggregate it tells of.
    pub subject: Uuid,
    /// The request that caused it.
    pub trace: String,
    /// The event itself.
    #[schema(value_type = Object)]
    pub data: serde_json::Value,
}

impl Envelope {
    /// Whether it carries an event of this type.
    pub fn is<E: Event>(&self) -> bool {
        self.kind == E::TYPE
    }

    /// The event, if the envelope carries one of this type.
    pub fn open<E: Event>(&self) -> Option<Result<E, serde_json::Error>> {
        self.is::<E>().then(|| E::deserialize(&self.data))
    }
}
