//! The log of one module, searched.

use chrono::DateTime;
use kernel::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use super::ActorKind;
use crate::sql::{Db, Json, Result, Sql};

/// Entries between two places, found by an index and narrowed by whatever else is sought.
macro_rules! entries {
    ($found:expr, $family:literal, $order:expr) => {
        concat!(
            "select seq, id, at, actor, actor_kind, key_made_by, address, trace, action, subject,
                    before, after from audit where ",
            $found,
            " and (cast($5 as uuid) is null or actor = $5)
              and (cast($6 as uuid) is null or subject = $6)
              and (cast($7 as text) is null or action = $7)
              and (cast($8 as text) is null or ",
            $family,
            " = $8) order by ",
            $order,
            " limit $9"
        )
    };
}

macro_rules! on_sqlite {
    ($by:literal, $direction:literal) => {
        entries!(
            concat!($by, " and (at, seq) > ($1, $2) and (at, seq) < ($3, $4)"),
            "substr(action, 1, instr(action, '.') - 1)",
            concat!("at ", $direction, ", seq ", $direction)
        )
    };
}

/// What is sought first stands in the rows that are compared, not in a condition of its own: else
/// PostgreSQL, which does not know how many entries lie between two places, may gather all of an actor
/// and sort them, or go along the times until enough of an action were met.
macro_rules! on_postgres {
    ($direction:literal) => {
        entries!(
            "(at, seq) > ($1, $2) and (at, seq) < ($3, $4)",
            "split_part(action, '.', 1)",
            concat!("at ", $direction, ", seq ", $direction)
        )
    };
    ($column:literal, $sought:literal, $direction:literal) => {
        entries!(
            concat!(
                "(",
                $column,
                ", at, seq) > (",
                $sought,
                ", $1, $2) and (",
                $column,
                ", at, seq) < (",
                $sought,
                ", $3, $4)"
            ),
            "split_part(action, '.', 1)",
            concat!($column, " ", $direction, ", at ", $direction, ", seq ", $direction)
        )
    };
}

crate::statements! {
    NEWEST_AUDITED = on_sqlite!("true", "desc"), on_postgres!("desc");
    OLDEST_AUDITED = on_sqlite!("true", "asc"), on_postgres!("asc");
    NEWEST_OF_ACTOR =
        on_sqlite!("actor = $5", "desc"), on_postgres!("actor", "$5", "desc");
    OLDEST_OF_ACTOR =
        on_sqlite!("actor = $5", "asc"), on_postgres!("actor", "$5", "asc");
    NEWEST_OF_SUBJECT =
        on_sqlite!("subject = $6", "desc"), on_postgres!("subject", "$6", "desc");
    OLDEST_OF_SUBJECT =
        on_sqlite!("subject = $6", "asc"), on_postgres!("subject", "$6", "asc");
    NEWEST_OF_ACTION =
        on_sqlite!("action = $7", "desc"), on_postgres!("action", "$7", "desc");
    OLDEST_OF_ACTION =
        on_sqlite!("action = $7", "asc"), on_postgres!("action", "$7", "asc");
    NEWEST_OF_FAMILY =
        on_sqlite!("substr(action, 1, instr(action, '.') - 1) = $8", "desc"),
        on_postgres!("split_part(action, '.', 1)", "$8", "desc");
    OLDEST_OF_FAMILY =
        on_sqlite!("substr(action, 1, instr(action, '.') - 1) = $8", "asc"),
        on_postgres!("split_part(action, '.', 1)", "$8", "asc");
}

/// A place in the log of one module: a time, and which of the entries of that time.
pub type Place = (Timestamp, i64);

/// The last second both engines can write with a year of four digits.
const END_OF_TIME: i64 = 253_402_300_799;

/// What is sought in a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sought {
    /// Whose changes.
    pub actor: Option<Uuid>,
    /// Changes of what.
    pub subject: Option<Uuid>,
    /// Which changes.
    pub action: Option<Action>,
    /// From when on.
    pub from: Timestamp,
    /// Until before when.
    pub to: Timestamp,
}

/// A kind of change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// One, such as `product.update`.
    One(String),
    /// All of a family, such as `product`.
    Family(String),
}

impl Action {
    /// What a caller means: `product.update`, or `product` or `product.` for all of its kind.
    pub fn read(text: &str) -> Self {
        match text.split_once('.') {
            None => Self::Family(text.to_owned()),
            Some((family, "")) => Self::Family(family.to_owned()),
            Some(_) => Self::One(text.to_owned()),
        }
    }
}

impl Default for Sought {
    fn default() -> Self {
        let to = DateTime::from_timestamp(END_OF_TIME, 0).unwrap_or_default();
        Self { actor: None, subject: None, action: None, from: DateTime::UNIX_EPOCH, to }
    }
}

impl Sought {
    /// The same between two times, of which either may be missing.
    #[must_use]
    pub fn between(self, from: Option<Timestamp>, to: Option<Timestamp>) -> Self {
        let whole = Self::default();
        let bounded = |time: Timestamp| time.clamp(whole.from, whole.to);
        Self { from: from.map_or(whole.from, bounded), to: to.map_or(whole.to, bounded), ..self }
    }

    /// The place before the first entry.
    pub const fn first(&self) -> Place {
        (self.from, 0)
    }

    /// The place after the last entry.
    pub const fn last(&self) -> Place {
        (self.to, 0)
    }

    /// The statements whose index finds what is sought, newest and oldest first.
    const fn statements(&self) -> (Sql, Sql) {
        match (self.subject, self.actor, &self.action) {
            (Some(_), _, _) => (NEWEST_OF_SUBJECT, OLDEST_OF_SUBJECT),
            (None, Some(_), _) => (NEWEST_OF_ACTOR, OLDEST_OF_ACTOR),
            (None, None, Some(Action::One(_))) => (NEWEST_OF_ACTION, OLDEST_OF_ACTION),
            (None, None, Some(Action::Family(_))) => (NEWEST_OF_FAMILY, OLDEST_OF_FAMILY),
            (None, None, None) => (NEWEST_AUDITED, OLDEST_AUDITED),
        }
    }
}

/// An entry of the log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Recorded {
    /// Its place in the log of its module.
    pub seq: i64,
    /// Its name, by which its receipt is asked for; absent in entries of before there was the
    /// tamper-evident log.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<Uuid>,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// Whose account or API key; absent when the shop itself or its operator did it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub actor: Option<Uuid>,
    /// What kind of actor; absent in entries of before this was noted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub actor_kind: Option<ActorKind>,
    /// Who made the API key, when it was one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_made_by: Option<Uuid>,
    /// From where.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// The request, or the run of a command.
    pub trace: String,
    /// What was done, e.g. `product.update`.
    pub action: String,
    /// What it was done to.
    pub subject: Uuid,
    /// The members that changed, as they were.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = serde_json::Value, required = false)]
    pub before: Option<Value>,
    /// The members that changed, as they are.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = serde_json::Value, required = false)]
    pub after: Option<Value>,
}

impl Recorded {
    /// Where it stands in the log of its module.
    pub const fn place(&self) -> Place {
        (self.at, self.seq)
    }
}

#[derive(platform::sql::Record)]
struct Row {
    seq: i64,
    id: Option<Uuid>,
    at: Timestamp,
    actor: Option<Uuid>,
    actor_kind: Option<String>,
    key_made_by: Option<Uuid>,
    address: Option<String>,
    trace: String,
    action: String,
    subject: Uuid,
    before: Option<Json<Value>>,
    after: Option<Json<Value>>,
}

impl TryFrom<Row> for Recorded {
    type Error = crate::sql::Error;

    fn try_from(row: Row) -> Result<Self> {
        Ok(Self {
            seq: row.seq,
            id: row.id,
            at: row.at,
            actor: row.actor,
            actor_kind: row.actor_kind.as_deref().map(ActorKind::of_word).transpose()?,
            key_made_by: row.key_made_by,
            address: row.address,
            trace: row.trace,
            action: row.action,
            subject: row.subject,
            before: row.before.map(|json| json.0),
            after: row.after.map(|json| json.0),
        })
    }
}

/// What is sought, the newest first, from before a place on.
pub async fn newest(db: &Db, sought: &Sought, before: Place, limit: i64) -> Result<Vec<Recorded>> {
    let before = before.max(sought.first()).min(sought.last());
    entries(db, sought.statements().0, sought, (sought.first(), before), limit).await
}

/// What is sought, the oldest first, from after a place on.
pub async fn oldest(db: &Db, sought: &Sought, after: Place, limit: i64) -> Result<Vec<Recorded>> {
    let after = after.max(sought.first());
    entries(db, sought.statements().1, sought, (after, sought.last()), limit).await
}

async fn entries(
    db: &Db,
    statement: Sql,
    sought: &Sought,
    (after, before): (Place, Place),
    limit: i64,
) -> Result<Vec<Recorded>> {
    let (action, family) = match &sought.action {
        Some(Action::One(action)) => (Some(action.as_str()), None),
        Some(Action::Family(family)) => (None, Some(family.as_str())),
        None => (None, None),
    };
    let query = db.query(statement).bind(after.0).bind(after.1).bind(before.0).bind(before.1);
    let query = query.bind(sought.actor).bind(sought.subject).bind(action).bind(family);
    let rows: Vec<Row> = query.bind(limit).all().await?;
    rows.into_iter().map(Recorded::try_from).collect()
}

/// What happened to a subject, the newest first, from before a place on.
pub async fn history(
    db: &Db,
    subject: Uuid,
    before: Option<Place>,
    limit: i64,
) -> Result<Vec<Recorded>> {
    let sought = Sought { subject: Some(subject), ..Sought::default() };
    newest(db, &sought, before.unwrap_or(sought.last()), limit).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_action_is_one_or_a_family() {
        let family = Action::Family("product".to_owned());
        assert_eq!(Action::read("product"), family);
        assert_eq!(Action::read("product."), family);
        assert_eq!(Action::read("product.update"), Action::One("product.update".to_owned()));
    }

    #[test]
    fn times_that_no_engine_can_write_are_the_ends_of_time() {
        let whole = Sought::default();
        let beyond = whole.clone().between(
            Some(DateTime::<chrono::Utc>::MIN_UTC),
            Some(DateTime::<chrono::Utc>::MAX_UTC),
        );
        assert_eq!(beyond, whole);
    }
}
