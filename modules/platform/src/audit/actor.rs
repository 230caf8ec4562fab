use std::net::IpAddr;

use kernel::id::CustomerId;
use kernel::ports::{Principal, Proof};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::sql::{Error, Result};

/// Who does something, and from where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Actor {
    /// Who.
    pub who: Who,
    /// Where the request came from, when there was one.
    pub address: Option<IpAddr>,
}

/// Who does something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    /// Somebody with an account, here or at an issuer that the shop trusts.
    Person(CustomerId),
    /// A program with an API key.
    Key {
        /// The key.
        id: CustomerId,
        /// Who made it.
        made_by: CustomerId,
    },
    /// Whoever runs commands where the shop runs.
    Operator,
    /// The shop itself: a task, an event.
    Shop,
}

/// What kind of actor it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ActorKind {
    /// Somebody with an account.
    Person,
    /// A program with an API key.
    ApiKey,
    /// Whoever ran a command where the shop runs.
    Operator,
    /// The shop itself.
    Shop,
}

impl ActorKind {
    /// As it is stored.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Person => "person",
            Self::ApiKey => "api_key",
            Self::Operator => "operator",
            Self::Shop => "shop",
        }
    }

    pub(super) fn of_word(word: &str) -> Result<Self> {
        let all = [Self::Person, Self::ApiKey, Self::Operator, Self::Shop];
        let found = all.into_iter().find(|kind| kind.word() == word);
        found.ok_or_else(|| Error::Inconsistent(format!("audit: {word} is no kind of actor")))
    }
}

impl Actor {
    /// The shop itself.
    pub const SYSTEM: Self = Self { who: Who::Shop, address: None };
    /// Whoever runs commands where the shop runs.
    pub const OPERATOR: Self = Self { who: Who::Operator, address: None };

    /// Somebody with an account.
    pub const fn person(id: CustomerId, address: Option<IpAddr>) -> Self {
        Self { who: Who::Person(id), address }
    }

    /// Whoever calls.
    pub const fn calling(caller: &Principal, address: Option<IpAddr>) -> Self {
        let who = match caller.proof {
            Proof::Login { .. } => Who::Person(caller.id),
            Proof::Key { made_by, .. } => Who::Key { id: caller.id, made_by },
        };
        Self { who, address }
    }

    /// The account, or the API key.
    pub const fn id(&self) -> Option<CustomerId> {
        match self.who {
            Who::Person(id) | Who::Key { id, .. } => Some(id),
            Who::Operator | Who::Shop => None,
        }
    }

    /// What kind of actor it is.
    pub const fn kind(&self) -> ActorKind {
        match self.who {
            Who::Person(_) => ActorKind::Person,
            Who::Key { .. } => ActorKind::ApiKey,
            Who::Operator => ActorKind::Operator,
            Who::Shop => ActorKind::Shop,
        }
    }

    /// Who made the API key.
    pub const fn key_made_by(&self) -> Option<CustomerId> {
        match self.who {
            Who::Key { made_by, .. } => Some(made_by),
            Who::Person(_) | Who::Operator | Who::Shop => None,
        }
    }

    /// An actor as it was stored somewhere else than in the log, by its parts.
    pub fn of_parts(id: Option<Uuid>, key_made_by: Option<Uuid>, address: Option<&str>) -> Self {
        let who = match (id.map(CustomerId::from), key_made_by) {
            (Some(id), Some(made_by)) => Who::Key { id, made_by: made_by.into() },
            (Some(id), None) => Who::Person(id),
            (None, _) => Who::Shop,
        };
        Self { who, address: address.and_then(|address| address.parse().ok()) }
    }
}
