//! What the sandbox keeps for merchants that come over HTTP, as rows.

use std::collections::BTreeMap;

use kernel::id::EventId;
use kernel::{Money, Timestamp};
use platform::sql::{Db, Json, Result, Tx};
use uuid::Uuid;

use super::Status;
use crate::domain::authentication::Authentication;

/// What a merchant notes at an object.
pub type Metadata = BTreeMap<String, String>;

macro_rules! intent {
    ($rest:literal) => {
        concat!(
            "select i.id, i.reference, i.amount_minor, i.currency, i.payment_method, i.challenge, \
             i.return_url, i.metadata, i.error_code, i.error_detail, i.canceled_at, i.created_at, \
             c.id as charge_id, c.status, c.authorized_minor, c.captured_minor, c.refunded_minor, \
             c.authorized_until, c.authentication, d.id as dispute_id, t.brand, t.last4, t.exp_month, t.exp_year, t.fingerprint \
             from intent i left join charge c on c.reference = i.reference \
             left join dispute d on d.charge_id = c.id \
             left join card_token t on t.token = i.payment_method ",
            $rest
        )
    };
}

macro_rules! dispute {
    ($rest:literal) => {
        concat!(
            "select d.id, d.charge_id, i.id as intent_id, d.amount_minor, c.currency, d.reason, d.state, \
             d.evidence, d.metadata, d.respond_by, d.opened_at, d.closed_at \
             from dispute d join charge c on c.id = d.charge_id \
             join intent i on i.reference = c.reference ",
            $rest
        )
    };
}

platform::statements! {
    INSERT_INTENT = "insert into intent (id, key, reference, amount_minor, currency, payment_method,
                                         challenge, return_url, metadata, created_at)
                     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) on conflict do nothing";
    INTENT = intent!("where i.id = $1");
    INTENT_OF_KEY = intent!("where i.key = $1");
    INTENT_OF_REFERENCE = intent!("where i.reference = $1");
    INTENTS_OF_CHARGES =
        intent!("where i.reference in (select reference from charge
                   where id in (select value from json_each($1)))"),
        intent!("where i.reference in (select reference from charge
                   where id = any(array(select jsonb_array_elements_text($1))))");
    INTENTS_BEFORE = intent!("where i.id < $1 and i.created_at >= $2
                              order by i.id desc limit $3");
    CONFIRM_INTENT = "update intent set payment_method = $2, challenge = $3, return_url = $4
                       where id = $1";
    REFUSE_INTENT = "update intent set error_code = $2, error_detail = $3
                      where id = $1 and error_code is null";
    CANCEL_INTENT = "update intent set canceled_at = $2 where id = $1 and canceled_at is null";
    NOTE_INTENT = "update intent set metadata = $2 where id = $1";
    INSERT_REFUND = "insert into refund (id, key, charge_id, amount_minor, metadata, created_at)
                     values ($1, $2, $3, $4, $5, $6) on conflict do nothing";
    REFUND_OF_KEY = "select id, key, charge_id, amount_minor, metadata, created_at from refund
                      where key = $1";
    REFUNDS_OF_KEYS =
        "select id, key, charge_id, amount_minor, metadata, created_at from refund
          where key in (select value from json_each($1))",
        "select id, key, charge_id, amount_minor, metadata, created_at from refund
          where key = any(array(select jsonb_array_elements_text($1)))";
    REFUNDS = "select id, key, charge_id, amount_minor, metadata, created_at from refund
                where charge_id = $1 and (cast($2 as text) is null or id < $2)
                order by id desc limit $3";
    DISPUTE_BY_ID = dispute!("where d.id = $1");
    DISPUTES_BY_ID =
        dispute!("where d.id in (select value from json_each($1))"),
        dispute!("where d.id = any(array(select jsonb_array_elements_text($1)))");
    DISPUTES_BEFORE = dispute!("where d.id < $1 and d.opened_at >= $2 and d.opened_at < $3
                                order by d.id desc limit $4");
    DISPUTE_OF_CHARGE = dispute!("where d.charge_id = $1");
    NOTE_DISPUTE = "update dispute set metadata = $2 where id = $1";
    REQUEST = "select fingerprint, status, body from request where key = $1";
    KEEP_REQUEST = "insert into request (key, fingerprint, status, body, created_at)
                    values ($1, $2, $3, $4, $5) on conflict do nothing";
}

/// A PaymentIntent with its charge, its card and its dispute, as far as there are any.
#[derive(Debug, Clone, platform::sql::Record)]
pub struct IntentRow {
    pub id: String,
    pub reference: Uuid,
    pub amount_minor: i64,
    pub currency: String,
    pub payment_method: Option<String>,
    pub challenge: bool,
    pub return_url: Option<String>,
    pub metadata: Json<Metadata>,
    pub error_code: Option<String>,
    pub error_detail: Option<String>,
    pub canceled_at: Option<Timestamp>,
    pub created_at: Timestamp,
    pub charge_id: Option<String>,
    status: Option<String>,
    pub authorized_minor: Option<i64>,
    pub captured_minor: Option<i64>,
    pub refunded_minor: Option<i64>,
    pub authorized_until: Option<Timestamp>,
    authentication: Option<String>,
    pub dispute_id: Option<String>,
    pub brand: Option<String>,
    pub last4: Option<String>,
    pub exp_month: Option<i64>,
    pub exp_year: Option<i64>,
    pub fingerprint: Option<String>,
}

impl IntentRow {
    /// How the holder of its card was authenticated.
    pub fn authentication(&self) -> Authentication {
        let told = self.authentication.as_deref().and_then(|word| word.parse().ok());
        told.unwrap_or_default()
    }

    /// Where its charge stands, if it has one.
    pub fn charge_status(&self) -> Result<Option<Status>> {
        self.status.as_deref().map(Status::parse).transpose()
    }
}

/// A PaymentIntent to be written.
pub struct NewIntent<'a> {
    pub key: &'a str,
    pub reference: Uuid,
    pub amount: Money,
    pub payment_method: Option<&'a str>,
    pub challenge: bool,
    pub return_url: Option<&'a str>,
    pub metadata: &'a Metadata,
}

/// A refund.
#[derive(Debug, Clone, platform::sql::Record)]
pub struct RefundRow {
    pub id: String,
    pub key: String,
    pub charge_id: String,
    pub amount_minor: i64,
    pub metadata: Json<Metadata>,
    pub created_at: Timestamp,
}

/// A dispute as its merchant sees it.
#[derive(Debug, Clone, platform::sql::Record)]
pub struct DisputeRow {
    pub id: String,
    pub charge_id: String,
    pub intent_id: String,
    pub amount_minor: i64,
    pub currency: String,
    pub reason: String,
    pub state: String,
    pub evidence: Option<String>,
    pub metadata: Option<Json<Metadata>>,
    pub respond_by: Timestamp,
    pub opened_at: Timestamp,
    pub closed_at: Option<Timestamp>,
}

/// A request by its key, with its answer.
#[derive(platform::sql::Record)]
pub struct RequestRow {
    pub fingerprint: String,
    pub status: i64,
    pub body: String,
}

fn id(kind: &str) -> String {
    format!("{kind}_{}", EventId::new().uuid().simple())
}

/// Writes a PaymentIntent. False when its key or its reference is used.
pub async fn insert_intent(tx: &mut Tx, new: &NewIntent<'_>) -> Result<bool> {
    let now = tx.now();
    let query = tx
        .query(INSERT_INTENT)
        .bind(id("pi"))
        .bind(new.key)
        .bind(new.reference)
        .bind(new.amount.minor())
        .bind(new.amount.currency().code().to_owned())
        .bind(new.payment_method)
        .bind(new.challenge)
        .bind(new.return_url)
        .bind(Json(new.metadata))
        .bind(now);
    Ok(query.execute().await? == 1)
}

pub async fn intent(db: &Db, id: &str) -> Result<Option<IntentRow>> {
    db.query(INTENT).bind(id).optional().await
}

/// The PaymentIntent that a call with this key made.
pub async fn intent_of_key(db: &Db, key: &str) -> Result<Option<IntentRow>> {
    db.query(INTENT_OF_KEY).bind(key).optional().await
}

pub async fn intent_of_reference(db: &Db, reference: Uuid) -> Result<Option<IntentRow>> {
    db.query(INTENT_OF_REFERENCE).bind(reference).optional().await
}

/// What every id of a PaymentIntent sorts before.
const AFTER_ALL: &str = "pj";

/// PaymentIntents made since then and before one, the newest first.
pub async fn intents_before(
    db: &Db,
    before: Option<&str>,
    since: Timestamp,
    limit: i64,
) -> Result<Vec<IntentRow>> {
    db.query(INTENTS_BEFORE).bind(before.unwrap_or(AFTER_ALL)).bind(since).bind(limit).all().await
}

/// Notes what a PaymentIntent is confirmed with.
pub async fn confirm_intent(tx: &mut Tx, intent: &IntentRow) -> Result<()> {
    let query = tx.query(CONFIRM_INTENT).bind(intent.id.as_str());
    let query = query.bind(intent.payment_method.as_deref()).bind(intent.challenge);
    query.bind(intent.return_url.as_deref()).execute().await.map(drop)
}

/// Notes why a PaymentIntent was not paid.
pub async fn refuse_intent(tx: &mut Tx, id: &str, code: &str, detail: &str) -> Result<()> {
    tx.query(REFUSE_INTENT).bind(id).bind(code).bind(detail).execute().await.map(drop)
}

pub async fn cancel_intent(tx: &mut Tx, id: &str) -> Result<()> {
    let now = tx.now();
    tx.query(CANCEL_INTENT).bind(id).bind(now).execute().await.map(drop)
}

pub async fn note_intent(tx: &mut Tx, id: &str, metadata: &Metadata) -> Result<()> {
    tx.query(NOTE_INTENT).bind(id).bind(Json(metadata)).execute().await.map(drop)
}

/// Writes a refund, once for its key.
pub async fn insert_refund(
    tx: &mut Tx,
    key: &str,
    (charge, amount): (&str, i64),
    metadata: &Metadata,
) -> Result<()> {
    let now = tx.now();
    let query = tx.query(INSERT_REFUND).bind(id("re")).bind(key).bind(charge).bind(amount);
    query.bind(Json(metadata)).bind(now).execute().await.map(drop)
}

pub async fn refund_of_key(db: &Db, key: &str) -> Result<Option<RefundRow>> {
    db.query(REFUND_OF_KEY).bind(key).optional().await
}

/// The PaymentIntents of charges, as far as these have one.
pub async fn intents_of_charges(db: &Db, charges: &[&str]) -> Result<Vec<IntentRow>> {
    db.query(INTENTS_OF_CHARGES).bind(Json(charges)).all().await
}

/// The refunds that commands with these keys made.
pub async fn refunds_of_keys(db: &Db, keys: &[&str]) -> Result<Vec<RefundRow>> {
    db.query(REFUNDS_OF_KEYS).bind(Json(keys)).all().await
}

/// The refunds of a charge before one, the newest first.
pub async fn refunds(
    db: &Db,
    charge: &str,
    before: Option<&str>,
    limit: i64,
) -> Result<Vec<RefundRow>> {
    db.query(REFUNDS).bind(charge).bind(before).bind(limit).all().await
}

pub async fn dispute_by_id(db: &Db, id: &str) -> Result<Option<DisputeRow>> {
    db.query(DISPUTE_BY_ID).bind(id).optional().await
}

pub async fn disputes_by_id(db: &Db, ids: &[&str]) -> Result<Vec<DisputeRow>> {
    db.query(DISPUTES_BY_ID).bind(Json(ids)).all().await
}

/// The disputes before one that were opened from one moment on and before another, the newest first.
pub async fn disputes_before(
    db: &Db,
    before: &str,
    (from, until): (Timestamp, Timestamp),
    limit: i64,
) -> Result<Vec<DisputeRow>> {
    db.query(DISPUTES_BEFORE).bind(before).bind(from).bind(until).bind(limit).all().await
}

pub async fn dispute_of_charge(db: &Db, charge: &str) -> Result<Option<DisputeRow>> {
    db.query(DISPUTE_OF_CHARGE).bind(charge).optional().await
}

pub async fn note_dispute(tx: &mut Tx, id: &str, metadata: &Metadata) -> Result<()> {
    tx.query(NOTE_DISPUTE).bind(id).bind(Json(metadata)).execute().await.map(drop)
}

/// The answer to a key.
pub async fn request(db: &Db, key: &str) -> Result<Option<RequestRow>> {
    db.query(REQUEST).bind(key).optional().await
}

/// Keeps the answer to a key.
pub async fn keep_request(tx: &mut Tx, key: &str, kept: &RequestRow) -> Result<()> {
    let now = tx.now();
    let query = tx.query(KEEP_REQUEST).bind(key).bind(kept.fingerprint.as_str()).bind(kept.status);
    query.bind(kept.body.as_str()).bind(now).execute().await.map(drop)
}
