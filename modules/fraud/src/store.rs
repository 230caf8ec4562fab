//! The table of decisions.

use std::collections::BTreeMap;

use kernel::id::{CustomerId, DecisionId, OrderId};
use kernel::ports::{Assessed, Decision};
use kernel::{Currency, Money, Timestamp};
use platform::sql::{Db, Error, Json, Result, Tx};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::domain::rules::Reason;
use crate::names::Names;

macro_rules! decided {
    ($rest:literal) => {
        concat!(
            "select id, order_id, at, amount_minor, currency, decision, score_ppm, model, features, \
             reasons, outcome, verdict, judged_at, judged_by from decision ",
            $rest
        )
    };
}

pub mod past;
pub mod people;

platform::statements! {
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
