//! The sandbox's tables.

mod disputes;
pub mod intents;
mod notices;

use kernel::id::PaymentId;
use kernel::{Money, Timestamp};
use platform::sql::Json;
use platform::sql::{Db, Error, Result, Tx};
use uuid::Uuid;

use super::behaviour::{Behaviour, UnknownWord};
use crate::domain::authentication::Authentication;
use crate::processor::{Charge, Outcome};
pub use disputes::{
    BookedDispute, STATEMENTS as DISPUTES, close, dispute, dispute_in, disputes, due_charge,
    insert_dispute, overdue, review,
};
pub use intents::STATEMENTS as INTENTS;
pub use notices::{Notice, STATEMENTS as NOTICES, any_due, claim, delivered, failed, secret, tell};

platform::guard! {
    /// The processor takes no more than it set aside.
    SANDBOX_CAPTURABLE: "sandbox.captured", table "charge", key text "id",
    used "captured_minor", limit "authorized_minor"
}
platform::guard! {
    /// The processor gives back no more than it took and has not lost.
    SANDBOX_REFUNDABLE: "sandbox.refunded", table "charge", key text "id",
    used "refunded_minor", limit "captured_minor - lost_minor"
}

macro_rules! charge {
    ($rest:literal) => {
        concat!(
            "select c.id, c.reference, c.amount_minor, c.currency, c.status, c.authorized_minor, \
             c.captured_minor, c.refunded_minor, c.lost_minor, c.authorized_until, c.dispute_at, c.authentication, \
             t.behaviour, t.brand, t.last4 \
             from charge c join card_token t on t.token = c.token ",
            $rest
        )
    };
}

platform::statements! {
    INSERT_CARD = "insert into card_token (token, brand, last4, exp_month, exp_year, behaviour,
                                           created_at, fingerprint)
                   values ($1, $2, $3, $4, $5, $6, $7, $8)
                   on conflict do nothing";
    FINGERPRINT = "select fingerprint from card_token where token = $1";
    CARD = "select token, fingerprint, brand, last4, exp_month, exp_year, behaviour from card_token
             where token = $1";
    /// Holds the key's row to the end of the unit of work.
    OPEN = "insert into operation (key, parameters, tries, created_at) values ($1, $2, 1, $3)
            on conflict (key) do update set tries = operation.tries + 1
            returning parameters, tries, answer";
    ANSWER = "update operation set answer = $2, charge_id = $3 where key = $1";
    FIND = "select answer, charge_id from operation where key = $1 and answer is not null";
    INSERT_CHARGE = "insert into charge (id, reference, token, amount_minor, currency, status,
                                         authorized_minor, to_be_disputed, version, created_at,
                                         authorized_until, authentication)
                     values ($1, $2, $3, $4, $5, $6, $7, $8, 1, $9, $10, $11) on conflict do nothing";
    CHARGE = charge!("where c.id = $1");
    /// SQLite has one writer: whoever is in a unit of work holds every row.
    LOCK = charge!("where c.id = $1"), charge!("where c.id = $1 for update of c");
    SAVE = "update charge set status = $2, authorized_minor = $3, lost_minor = $4,
                   authorized_until = $5, dispute_at = $6, authentication = $7, version = version + 1
             where id = $1";
    COMMANDS = "select key, parameters, answer, created_at from operation
                 where key > $1 order by key limit $2";
    CHARGES = charge!("where cast($1 as uuid) is null or c.reference > $1
                       order by c.reference limit $2");
}

macro_rules! statuses {
    ($($variant:ident = $word:literal),+) => {
        /// Where a charge stands.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Status { $($variant),+ }

        impl Status {
            const fn word(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }

            fn parse(word: &str) -> Result<Self> {
                match word {
                    $($word => Ok(Self::$variant),)+
                    _ => Err(Error::Inconsistent(format!("charge status {word:?}"))),
                }
            }
        }
    };
}

statuses! {
    RequiresAction = "requires_action", Authorized = "authorized", Captured = "captured",
    Voided = "voided", Declined = "declined"
}

/// What is kept of a card.
#[derive(platform::sql::Record)]
pub struct CardRow {
    pub token: String,
    pub fingerprint: Option<String>,
    pub brand: String,
    pub last4: String,
    pub exp_month: i64,
    pub exp_year: i64,
    pub behaviour: String,
}

/// A charge with what may be shown of its card.
#[derive(platform::sql::Record)]
pub struct ChargeRow {
    pub id: String,
    pub reference: Uuid,
    pub amount_minor: i64,
    pub currency: String,
    status: String,
    pub authorized_minor: i64,
    pub captured_minor: i64,
    pub refunded_minor: i64,
    pub lost_minor: i64,
    pub authorized_until: Option<Timestamp>,
    pub dispute_at: Option<Timestamp>,
    pub authentication: String,
    behaviour: String,
    brand: String,
    last4: String,
}

impl ChargeRow {
    /// Where it stood when it was read.
    pub fn status(&self) -> Result<Status> {
        Status::parse(&self.status)
    }

    /// What its card does.
    pub fn behaviour(&self) -> Result<Behaviour> {
        self.behaviour.parse().map_err(|error: UnknownWord| Error::Inconsistent(error.to_string()))
    }

    /// Whether some of it is set aside.
    pub fn is_held(&self, now: Timestamp) -> bool {
        self.status == Status::Authorized.word()
            && self.authorized_until.is_none_or(|until| now < until)
    }

    /// What the merchant is told of it.
    pub fn stands(self, now: Timestamp) -> Charge {
        Charge {
            held: self.is_held(now),
            id: self.id,
            reference: self.reference.into(),
            currency: self.currency,
            authorized: self.authorized_minor,
            captured: self.captured_minor,
            refunded: self.refunded_minor,
            lost: self.lost_minor,
            authorized_until: self.authorized_until,
            authentication: self.authentication.parse().unwrap_or_default(),
            brand: self.brand,
            last4: self.last4,
        }
    }
}

/// A command by its key: as it was first sent, how often, and the final answer if there is one.
#[derive(platform::sql::Record)]
pub struct Opened {
    pub parameters: String,
    pub tries: i64,
    pub answer: Option<Json<Outcome>>,
}

/// A command with its final answer, if there is one.
#[derive(platform::sql::Record)]
pub struct CommandRow {
    pub key: String,
    pub parameters: String,
    pub answer: Option<Json<Outcome>>,
    pub created_at: Timestamp,
}

/// Commands after one, by their keys.
pub async fn commands(db: &Db, after: &str, limit: i64) -> Result<Vec<CommandRow>> {
    db.query(COMMANDS).bind(after).bind(limit).all().await
}

/// A charge to be written.
pub struct NewChargeRow<'a> {
    pub reference: PaymentId,
    pub amount: Money,
    pub card: &'a CardRow,
    pub status: Status,
    pub authorized: i64,
    pub authentication: Authentication,
    pub until: Option<Timestamp>,
}

pub async fn insert_card(db: &Db, card: &CardRow) -> Result<()> {
    let mut tx = db.begin("sandbox.tokenize").await?;
    let now: Timestamp = tx.now();
    tx.query(INSERT_CARD)
        .bind(card.token.as_str())
        .bind(card.brand.as_str())
        .bind(card.last4.as_str())
        .bind(card.exp_month)
        .bind(card.exp_year)
        .bind(card.behaviour.as_str())
        .bind(now)
        .bind(card.fingerprint.as_deref())
        .execute()
        .await?;
    tx.commit().await
}

/// What tells a card again.
pub async fn fingerprint(db: &Db, token: &str) -> Result<Option<String>> {
    let found: Option<(Option<String>,)> = db.query(FINGERPRINT).bind(token).optional().await?;
    Ok(found.and_then(|(fingerprint,)| fingerprint))
}

pub async fn card(tx: &mut Tx, token: &str) -> Result<Option<CardRow>> {
    tx.query(CARD).bind(token).optional().await
}

pub async fn open(tx: &mut Tx, key: &str, parameters: &str) -> Result<Opened> {
    let now = tx.now();
    tx.query(OPEN).bind(key).bind(parameters).bind(now).one().await
}

/// Keeps the final answer to a key; an authorization's with the charge that it made.
pub async fn answer(tx: &mut Tx, key: &str, outcome: &Outcome, charge: Option<&str>) -> Result<()> {
    tx.query(ANSWER).bind(key).bind(Json(outcome)).bind(charge).execute().await.map(drop)
}

/// The final answer to a key, and for an authorization its charge as it stands now.
pub async fn find(db: &Db, key: &str) -> Result<Option<(Outcome, Option<ChargeRow>)>> {
    let found: Option<(Json<Outcome>, Option<String>)> =
        db.query(FIND).bind(key).optional().await?;
    let Some((answer, charge)) = found else { return Ok(None) };
    let charge = match charge {
        Some(id) => db.query(CHARGE).bind(id.as_str()).optional().await?,
        None => None,
    };
    Ok(Some((answer.0, charge)))
}

/// Writes a charge. None when the payment has one already.
pub async fn insert_charge(
    tx: &mut Tx,
    new: &NewChargeRow<'_>,
    to_be_disputed: bool,
) -> Result<Option<ChargeRow>> {
    let charge = ChargeRow {
        id: format!("ch_{}", kernel::id::EventId::new().uuid().simple()),
        reference: new.reference.uuid(),
        amount_minor: new.amount.minor(),
        currency: new.amount.currency().code().to_owned(),
        status: new.status.word().to_owned(),
        authorized_minor: new.authorized,
        captured_minor: 0,
        refunded_minor: 0,
        lost_minor: 0,
        authorized_until: new.until,
        dispute_at: None,
        authentication: new.authentication.word().to_owned(),
        behaviour: new.card.behaviour.clone(),
        brand: new.card.brand.clone(),
        last4: new.card.last4.clone(),
    };
    let now = tx.now();
    let inserted = tx
        .query(INSERT_CHARGE)
        .bind(charge.id.as_str())
        .bind(charge.reference)
        .bind(new.card.token.as_str())
        .bind(charge.amount_minor)
        .bind(charge.currency.as_str())
        .bind(charge.status.as_str())
        .bind(charge.authorized_minor)
        .bind(to_be_disputed)
        .bind(now)
        .bind(charge.authorized_until)
        .bind(charge.authentication.as_str())
        .execute()
        .await?;
    Ok((inserted == 1).then_some(charge))
}

pub async fn lock(tx: &mut Tx, id: &str) -> Result<Option<ChargeRow>> {
    tx.query(LOCK).bind(id).optional().await
}

/// Saves a charge that is held. What is captured and refunded belongs to the guards.
pub async fn save(tx: &mut Tx, charge: &mut ChargeRow, status: Status) -> Result<()> {
    status.word().clone_into(&mut charge.status);
    tx.query(SAVE)
        .bind(charge.id.as_str())
        .bind(status.word())
        .bind(charge.authorized_minor)
        .bind(charge.lost_minor)
        .bind(charge.authorized_until)
        .bind(charge.dispute_at)
        .bind(charge.authentication.as_str())
        .execute()
        .await
        .map(drop)
}

/// A charge.
pub async fn charge(db: &Db, id: &str) -> Result<Option<ChargeRow>> {
    db.query(CHARGE).bind(id).optional().await
}

pub async fn charges(db: &Db, after: Option<PaymentId>, limit: u32) -> Result<Vec<ChargeRow>> {
    let after = after.map(PaymentId::uuid);
    db.query(CHARGES).bind(after).bind(i64::from(limit)).all().await
}
