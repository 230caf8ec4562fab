//! Letters.

use kernel::Timestamp;
use kernel::id::{CustomerId, LetterId};
use platform::sql::{Db, Error, Result, Tx};
use uuid::Uuid;

use super::personal::{self, Personal};
use crate::domain::{EmailIndex, LetterKind, LetterToken};

platform::statements! {
    /// Whoever erases somebody holds their row, so that nothing is left of them; SQLite has one writer.
    INSERT =
        "insert into letter (id, customer_id, kind, email_index, address, token_hash, written_at,
                             expires_at)
         select $1, $2, $3, $4, $5, $6, $7, $8 where $2 is null
             or exists (select 1 from customer c where c.id = $2 and c.erased_at is null)",
        "insert into letter (id, customer_id, kind, email_index, address, token_hash, written_at,
                             expires_at)
         select $1, cast($2 as uuid), $3, $4, $5, $6, $7, $8 where cast($2 as uuid) is null
             or exists (select 1 from customer c where c.id = $2 and c.erased_at is null for key share)";
    /// What was opened by letters before a newer one is opened no more.
    SUPERSEDE =
        "update letter set used_at = $1 where customer_id = $2 and kind = $3 and used_at is null";
    /// With what is sealed of its account, if that still has the address the letter goes to.
    FIND =
        "select l.id, l.customer_id, l.kind, l.email_index, l.address, l.expires_at, l.used_at,
                c.personal
           from letter l left join customer c on c.id = l.customer_id
                                             and c.email_index = l.email_index
          where l.id = $1";
    OPENED_BY =
        "select l.id, l.customer_id, l.kind, l.email_index, l.address, l.expires_at, l.used_at,
                c.personal
           from letter l left join customer c on c.id = l.customer_id
                                             and c.email_index = l.email_index
          where l.token_hash = $1 and l.kind = $2 and l.used_at is null and l.expires_at > $3";
    USE =
        "update letter set used_at = $3
          where token_hash = $1 and kind = $2 and used_at is null and expires_at > $3
         returning customer_id, email_index";
    NEWEST =
        "select id from letter
          where customer_id = $1 and kind = $2 and used_at is null and expires_at > $3
          order by id desc limit 1";
    USE_BY_ID = "update letter set used_at = $2 where id = $1 and used_at is null";
    OF_OWNER =
        "select kind, written_at from letter where customer_id = $1 order by written_at limit $2";
    PRUNE =
        "delete from letter where id in
            (select id from letter where expires_at <= $1 order by expires_at limit $2)";
}

/// A letter, ready to be stored.
pub(crate) struct New<'a> {
    pub id: LetterId,
    /// None of one that is never sent.
    pub customer: Option<CustomerId>,
    pub kind: LetterKind,
    /// Of the address it goes to; None of one that is never sent.
    pub to: Option<&'a EmailIndex>,
    /// The address, sealed; None where it is the account's own.
    pub address: Option<&'a str>,
}

/// A letter that may have to be sent.
pub(crate) struct StoredLetter {
    pub kind: LetterKind,
    pub customer: Option<CustomerId>,
    /// Of the address it goes to.
    pub to: EmailIndex,
    /// That; None when the account has another one meanwhile, or its owner was erased.
    pub address: Option<String>,
    pub expires_at: Timestamp,
    pub used_at: Option<Timestamp>,
}

#[derive(platform::sql::Record)]
struct Row {
    id: Uuid,
    customer_id: Option<Uuid>,
    kind: String,
    email_index: String,
    address: Option<String>,
    expires_at: Timestamp,
    used_at: Option<Timestamp>,
    personal: Option<String>,
}

impl Row {
    async fn open(self, db: &Db) -> Result<StoredLetter> {
        let strange = || Error::Inconsistent(format!("letter.kind is {:?}", self.kind));
        let kind = LetterKind::of_word(&self.kind).ok_or_else(strange)?;
        let customer = self.customer_id.map(CustomerId::from);
        let sealed = [self.address.as_deref(), self.personal.as_deref()];
        let ring = db.people()?.ring(sealed.into_iter().flatten()).await?;
        let address = match (self.address.as_deref(), customer) {
            (None, Some(customer)) => {
                let place = personal::of_account(customer);
                let own: Option<Personal> =
                    personal::opened(&ring, &place, self.personal.as_deref())?;
                own.map(|own| own.email)
            }
            (sealed, _) => personal::opened(&ring, &personal::of_letter(self.id.into()), sealed)?,
        };
        let (expires_at, used_at) = (self.expires_at, self.used_at);
        let to = EmailIndex::new(self.email_index);
        Ok(StoredLetter { kind, customer, to, address, expires_at, used_at })
    }
}

/// Whom a token belongs to, and of which address.
pub(crate) struct Opened {
    pub customer: CustomerId,
    pub to: EmailIndex,
}

/// Stores a letter. False when it is to somebody who was erased.
pub(crate) async fn insert(tx: &mut Tx, letter: &New<'_>, token: &LetterToken) -> Result<bool> {
    let now = tx.now();
    let rows = tx
        .query(INSERT)
        .bind(letter.id.uuid())
        .bind(letter.customer.map(CustomerId::uuid))
        .bind(letter.kind.word())
        .bind(letter.to.map_or("", EmailIndex::as_str))
        .bind(letter.address)
        .bind(token.hash())
        .bind(now)
        .bind(now + letter.kind.lifetime())
        .execute()
        .await?;
    Ok(rows == 1)
}

pub(crate) async fn supersede(tx: &mut Tx, customer: CustomerId, kind: LetterKind) -> Result<()> {
    let now = tx.now();
    let query = tx.query(SUPERSEDE).bind(now).bind(customer.uuid()).bind(kind.word());
    query.execute().await.map(drop)
}

pub(crate) async fn find(db: &Db, id: LetterId) -> Result<Option<StoredLetter>> {
    let row: Option<Row> = db.query(FIND).bind(id.uuid()).optional().await?;
    match row {
        Some(row) => row.open(db).await.map(Some),
        None => Ok(None),
    }
}

/// The letter of a token that was not used yet.
pub(crate) async fn opened_by(
    db: &Db,
    token: &LetterToken,
    kind: LetterKind,
) -> Result<Option<StoredLetter>> {
    let query = db.query(OPENED_BY).bind(token.hash()).bind(kind.word()).bind(db.clock().now());
    let row: Option<Row> = query.optional().await?;
    match row {
        Some(row) => row.open(db).await.map(Some),
        None => Ok(None),
    }
}

/// Uses a token up. None when it was used, has expired, or never was.
pub(crate) async fn take(
    tx: &mut Tx,
    token: &LetterToken,
    kind: LetterKind,
) -> Result<Option<Opened>> {
    let now = tx.now();
    let query = tx.query(USE).bind(token.hash()).bind(kind.word()).bind(now);
    let row: Option<(Option<Uuid>, String)> = query.optional().await?;
    let Some((Some(customer), to)) = row else { return Ok(None) };
    Ok(Some(Opened { customer: customer.into(), to: EmailIndex::new(to) }))
}

/// The newest letter of a kind to somebody that was not used yet.
pub(crate) async fn newest(
    db: &Db,
    customer: CustomerId,
    kind: LetterKind,
) -> Result<Option<LetterId>> {
    let query = db.query(NEWEST).bind(customer.uuid()).bind(kind.word()).bind(db.clock().now());
    let row: Option<(Uuid,)> = query.optional().await?;
    Ok(row.map(|(id,)| id.into()))
}

/// Uses a letter up. False when it was used before.
pub(crate) async fn take_by_id(tx: &mut Tx, id: LetterId) -> Result<bool> {
    let now = tx.now();
    Ok(tx.query(USE_BY_ID).bind(id.uuid()).bind(now).execute().await? == 1)
}

/// What was written to somebody and when, so many at most.
pub(crate) async fn of_owner(
    db: &Db,
    owner: CustomerId,
    most: i64,
) -> Result<Vec<(String, Timestamp)>> {
    db.query(OF_OWNER).bind(owner.uuid()).bind(most).all().await
}

/// Deletes letters of which nothing can come any more, so many at most.
pub(crate) async fn prune(tx: &mut Tx, most: i64) -> Result<u64> {
    let now = tx.now();
    tx.query(PRUNE).bind(now).bind(most).execute().await
}
