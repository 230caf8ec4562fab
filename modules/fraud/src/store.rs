//! The table of decisions.

use std::collections::BTreeMap;

use kernel::id::{CustomerId, DecisionId, OrderId};
use kernel::ports::{Assessed, Decision};
use kernel::{Currency, Money, Timestamp};
use platform::sql::{Db, Engine, Error, Json, Record, Result, Row, Tx};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::domain::features::PAST_MAX;
use crate::domain::rules::{Reason, Shared};
use crate::names::Names;

/// Attempts before this one that share a column with it, by what rows are found by.
macro_rules! alike {
    ($row:literal, $column:literal, $name:literal, $since:literal) => {
        concat!(
            "select ",
            $row,
            " from (select ",
            $row,
            " from decision where ",
            $column,
            " = ",
            $name,
            " and at > ",
            $since,
            " order by at desc, ",
            $row,
            " desc limit $8) ",
            $column
        )
    };
}

/// Of attempts before this one, what features and rules are made of. Most share several things with it, and are read
/// once; the first column says which, see [`PastAttempt::shares`].
macro_rules! past {
    ($row:literal) => {
        concat!(
            "select case when account = $1 then 1 else 0 end + case when destination = $2 then 2 else 0 end \
                  + case when card = $3 then 4 else 0 end + case when email = $4 then 8 else 0 end \
                  + case when network = $5 then cast(16 as bigint) else 0 end as shared, \
                    at, case when currency = $9 then amount_minor end as amount_minor, \
                    coalesce(verdict = 'fraud', false) as is_fraud, \
                    coalesce(outcome = 'failed', false) as is_declined, decision = 'deny' as is_denied \
               from decision where ", $row, " in (",
            alike!($row, "account", "$1", "$6"), " union ",
            alike!($row, "destination", "$2", "$6"), " union ",
            alike!($row, "card", "$3", "$7"), " union ",
            alike!($row, "email", "$4", "$7"), " union ",
            alike!($row, "network", "$5", "$7"), ") order by at desc, id desc"
        )
    };
}

macro_rules! decided {
    ($rest:literal) => {
        concat!(
            "select id, order_id, at, amount_minor, currency, decision, score_ppm, model, features, \
             reasons, outcome, verdict, judged_at, judged_by from decision ",
            $rest
        )
    };
}

pub mod people;

platform::statements! {
    /// Whoever decides about the same account, card or address waits here until the commit, so that each sees
    /// the attempts before. SQLite has one writer at a time.
    HOLD = "select count(*) from json_each($1)",
        "select count(pg_advisory_xact_lock(hashtextextended(name, 0)))
           from (select name from jsonb_array_elements_text($1) as name order by name) names";
    /// An index of SQLite has the `rowid` of what it leads to, and not its `id`.
    PAST = past!("rowid"), past!("id");
    INSERT = "insert into decision (id, attempt_key, order_id, at, account, card, destination, email, network,
                                    amount_minor, currency, decision, score_ppm, model, features, reasons)
              values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
              on conflict (attempt_key) do nothing";
    DECIDED = "select decision, score_ppm from decision where attempt_key = $1";
    /// The newest attempt of an order is the one that its payment tells of.
    OUTCOMES =
        "update decision set outcome = l.outcome
           from (select (select d.id from decision d where d.order_id = unhex(value->>'order_id', '-')
                          order by d.id desc limit 1) as id, value->>'outcome' as outcome
                   from json_each($1)) l
          where decision.id = l.id",
        "update decision set outcome = l.outcome
           from (select (select d.id from decision d where d.order_id = o.order_id
                          order by d.id desc limit 1) as id, o.outcome
                   from jsonb_to_recordset($1) as o(order_id uuid, outcome text)) l
          where decision.id = l.id";
    BY_ID_HELD = concat!(decided!("where id = $1"), ""),
        concat!(decided!("where id = $1"), " for update");
    JUDGE = "update decision set verdict = $2, judged_at = $3, judged_by = $4 where id = $1";
    LIST_ALL = decided!("where id < $1 order by id desc limit $2");
    LIST_DECIDED = decided!("where decision = $3 and id < $1 order by id desc limit $2");
    LIST_ORDER = decided!("where order_id = $3 and id < $1 order by id desc limit $2");
    TO_REVIEW = decided!("where decision = 'review' and verdict is null and id > $1 order by id limit $2");
    /// Ids rise with time, so that the oldest are those with the lowest; `id > $3`, below all of them, leads along
    /// the primary key.
    TRIM = "delete from decision where at < $1
              and id in (select id from decision where id > $3 order by id limit $2)";
    HISTORY = "select id, at, account, destination, amount_minor, currency, coalesce(verdict = 'fraud', false) as is_fraud
                 from decision where id > $1 and decision <> 'deny' order by id limit $2";
}

/// What attempts share, each with its place in a sum of powers of two.
const SHARED: [(Shared, i64); 5] = [
    (Shared::Account, 1),
    (Shared::Destination, 2),
    (Shared::Card, 4),
    (Shared::Email, 8),
    (Shared::Network, 16),
];

/// An attempt before the one that is decided about.
#[derive(Debug, Clone)]
pub struct PastAttempt {
    shared: i64,
    /// When.
    pub at: Timestamp,
    /// The amount; none when it was in another currency.
    pub amount_minor: Option<i64>,
    /// Whether the staff found it to be fraud.
    pub is_fraud: bool,
    /// Whether the processor refused it.
    pub is_declined: bool,
    /// Whether the processor was never asked.
    pub is_denied: bool,
}

impl PastAttempt {
    /// What the two share.
    pub fn shared(&self) -> impl Iterator<Item = Shared> {
        let all = self.shared;
        SHARED.into_iter().filter(move |(_, bit)| all & bit != 0).map(|(shared, _)| shared)
    }

    /// Whether the two share this.
    pub fn shares(&self, what: Shared) -> bool {
        self.shared().any(|shared| shared == what)
    }
}

/// There may be hundreds of them, so that columns are read by their places and not looked for by their names.
impl Record for PastAttempt {
    fn read(row: &Row<'_>) -> Result<Self> {
        Ok(Self {
            shared: row.at(0)?,
            at: row.at(1)?,
            amount_minor: row.at(2)?,
            is_fraud: row.at(3)?,
            is_declined: row.at(4)?,
            is_denied: row.at(5)?,
        })
    }
}

/// A decision that is to be kept.
pub struct NewDecision<'a> {
    /// The attempt's key.
    pub key: &'a str,
    /// The order.
    pub order_id: OrderId,
    /// What it shares with others.
    pub names: Names,
    /// How much.
    pub amount: Money,
    /// What was decided.
    pub decision: Decision,
    /// The model's score in millionths.
    pub score_ppm: i64,
    /// Which model.
    pub model: &'a str,
    /// What it was told.
    pub features: BTreeMap<&'static str, f64>,
    /// Why.
    pub reasons: &'a [Reason],
}

/// What the staff found out about an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = FraudVerdict)]
pub enum Verdict {
    /// Who paid was who they said.
    Genuine,
    /// They were not.
    Fraud,
}

/// A decision as it is kept.
#[derive(Debug, Clone, platform::sql::Record)]
pub struct DecisionRow {
    /// Its id.
    pub id: Uuid,
    /// The order.
    pub order_id: Uuid,
    /// When it was made.
    pub at: Timestamp,
    amount_minor: i64,
    currency: String,
    decision: String,
    /// The model's score in millionths.
    pub score_ppm: i64,
    /// Which model.
    pub model: String,
    /// What it was told.
    pub features: Json<BTreeMap<String, f64>>,
    /// Why.
    pub reasons: Json<Vec<Reason>>,
    /// What the processor said.
    pub outcome: Option<String>,
    verdict: Option<String>,
    /// When the staff said what it was.
    pub judged_at: Option<Timestamp>,
    /// Who of them.
    pub judged_by: Option<Uuid>,
}

impl DecisionRow {
    /// How much was to be paid.
    pub fn amount(&self) -> Result<Money> {
        let currency: Currency = self.currency.parse().map_err(inconsistent)?;
        Ok(Money::from_minor(self.amount_minor, currency))
    }

    /// What was decided.
    pub fn decision(&self) -> Result<Decision> {
        read(&self.decision)
    }

    /// What the staff found out.
    pub fn verdict(&self) -> Result<Option<Verdict>> {
        self.verdict.as_deref().map(read).transpose()
    }
}

/// An attempt with its label, to learn from.
#[derive(Debug, Clone, platform::sql::Record)]
pub struct Labelled {
    /// Its id.
    pub id: Uuid,
    /// When.
    pub at: Timestamp,
    /// The account.
    pub account: Uuid,
    /// Where the goods went.
    pub destination: Uuid,
    /// The amount.
    pub amount_minor: i64,
    /// Its currency.
    pub currency: String,
    /// Whether the staff found it to be fraud.
    pub is_fraud: bool,
}

fn inconsistent(error: impl std::fmt::Display) -> Error {
    Error::Inconsistent(format!("decision: {error}"))
}

fn read<T: serde::de::DeserializeOwned>(word: &str) -> Result<T> {
    serde_json::from_value(word.into()).map_err(inconsistent)
}

/// The stored word of a decision or verdict.
pub fn word(of: impl Serialize) -> Result<String> {
    match serde_json::to_value(of).map_err(inconsistent)? {
        serde_json::Value::String(word) => Ok(word),
        other => Err(inconsistent(other)),
    }
}

/// Lets others wait who decide about something of the same name. SQLite has one writer, for whom they wait anyway.
pub async fn hold(tx: &mut Tx, names: impl IntoIterator<Item = Uuid>) -> Result<()> {
    if tx.db().engine() == Engine::Sqlite {
        return Ok(());
    }
    let names: Vec<String> = names.into_iter().map(|name| name.to_string()).collect();
    tx.query(HOLD).bind(Json(names)).one::<(i64,)>().await.map(|_| ())
}

/// The attempts that share something with one in this currency, the newest first: of the account and the destination
/// since `since`, of all else since `lately`, and [`PAST_MAX`] at most of each.
pub async fn past(
    tx: &mut Tx,
    names: &Names,
    currency: Currency,
    since: Timestamp,
    lately: Timestamp,
) -> Result<Vec<PastAttempt>> {
    tx.query(PAST)
        .bind(names.account)
        .bind(names.destination)
        .bind(names.card)
        .bind(names.email)
        .bind(names.network)
        .bind(since)
        .bind(lately)
        .bind(i64::try_from(PAST_MAX).unwrap_or(i64::MAX))
        .bind(currency.code())
        .all()
        .await
}

/// Keeps a decision, unless the attempt was decided about before: then it is that one.
pub async fn keep(tx: &mut Tx, new: NewDecision<'_>) -> Result<Assessed> {
    let now = tx.now();
    let kept = tx
        .query(INSERT)
        .bind(DecisionId::new().uuid())
        .bind(new.key)
        .bind(new.order_id.uuid())
        .bind(now)
        .bind(new.names.account)
        .bind(new.names.card)
        .bind(new.names.destination)
        .bind(new.names.email)
        .bind(new.names.network)
        .bind(new.amount.minor())
        .bind(new.amount.currency().code())
        .bind(word(new.decision)?.as_str())
        .bind(new.score_ppm)
        .bind(new.model)
        .bind(Json(new.features))
        .bind(Json(new.reasons.to_vec()))
        .execute()
        .await?;
    if kept == 1 {
        return Ok(Assessed { decision: new.decision, score_ppm: Some(new.score_ppm) });
    }
    let known = tx.query(DECIDED).bind(new.key).one::<(String, i64)>().await?;
    Ok(Assessed { decision: read(&known.0)?, score_ppm: Some(known.1) })
}

/// Notes what the processor said to the newest attempt of each of these orders.
pub async fn outcomes(tx: &mut Tx, outcomes: &BTreeMap<OrderId, &str>) -> Result<()> {
    if outcomes.is_empty() {
        return Ok(());
    }
    let record = |(order_id, outcome)| json!({"order_id": order_id, "outcome": outcome});
    let records: Vec<Value> = outcomes.iter().map(record).collect();
    tx.query(OUTCOMES).bind(Json(records)).execute().await.map(drop)
}

/// A decision, held to the end of the unit of work.
pub async fn held(tx: &mut Tx, id: DecisionId) -> Result<Option<DecisionRow>> {
    tx.query(BY_ID_HELD).bind(id.uuid()).optional().await
}

/// Keeps what the staff found out.
pub async fn judge(
    tx: &mut Tx,
    id: DecisionId,
    verdict: Verdict,
    by: Option<CustomerId>,
) -> Result<()> {
    let now = tx.now();
    let verdict = word(verdict)?;
    let judged = tx.query(JUDGE).bind(id.uuid()).bind(verdict.as_str()).bind(now);
    judged.bind(by.map(CustomerId::uuid)).execute().await.map(|_| ())
}

/// Which decisions are wanted.
pub enum Wanted {
    /// All of them.
    All,
    /// Those that were made like this.
    Decided(Decision),
    /// Those about an order.
    Order(OrderId),
}

/// Decisions before this one, the newest first.
pub async fn list(
    db: &Db,
    wanted: Wanted,
    before: Option<DecisionId>,
    limit: u32,
) -> Result<Vec<DecisionRow>> {
    let (before, limit) = (before.map_or(Uuid::max(), DecisionId::uuid), i64::from(limit));
    match wanted {
        Wanted::All => db.query(LIST_ALL).bind(before).bind(limit).all().await,
        Wanted::Decided(decision) => {
            let decision = word(decision)?;
            let query = db.query(LIST_DECIDED).bind(before).bind(limit);
            query.bind(decision.as_str()).all().await
        }
        Wanted::Order(order) => {
            db.query(LIST_ORDER).bind(before).bind(limit).bind(order.uuid()).all().await
        }
    }
}

/// Decisions that the staff has not looked at after this one, the oldest first.
pub async fn to_review(db: &Db, after: Option<DecisionId>, limit: u32) -> Result<Vec<DecisionRow>> {
    let after = after.map_or(Uuid::nil(), DecisionId::uuid);
    db.query(TO_REVIEW).bind(after).bind(i64::from(limit)).all().await
}

/// Deletes decisions from before then, at most so many and the oldest. How many there were.
pub async fn trim(tx: &mut Tx, then: Timestamp, limit: i64) -> Result<u64> {
    tx.query(TRIM).bind(then).bind(limit).bind(Uuid::nil()).execute().await
}

/// Attempts after this one that were not denied, the oldest first, with what is known of them.
pub async fn history(db: &Db, after: Uuid, limit: u32) -> Result<Vec<Labelled>> {
    db.query(HISTORY).bind(after).bind(i64::from(limit)).all().await
}
