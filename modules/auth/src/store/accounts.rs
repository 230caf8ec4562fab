//! Accounts. What is personal of one is read sealed and opened by itself, outside of units of work:
//! keys are in another database.

use std::collections::HashMap;

use kernel::Timestamp;
use kernel::id::CustomerId;
use kernel::ports::Role;
use platform::personal::Ring;
use platform::sql::{Db, Json, Result, Tx};
use uuid::Uuid;

use super::personal::{self, Personal};
use crate::domain::{Account, EmailIndex};

platform::statements! {
    INSERT =
        "insert into customer (id, email_index, personal, role, password_hash, version, created_at)
         values ($1, $2, $3, $4, $5, 1, $6) on conflict (email_index) do nothing";
    INSERT_GUEST =
        "insert into customer (id, role, version, created_at) values ($1, 'guest', 0, $2)";
    FIND =
        "select id, personal, email_verified_at is not null as verified,
                coalesce(own_role, role) as role, customer_group
           from customer where id = $1 and erased_at is null";
    IS_KNOWN = "select count(*) from customer where id = $1";
    CREATED_AT = "select created_at from customer where id = $1 and erased_at is null";
    CREDENTIALS =
        "select id, personal, email_verified_at is not null as verified,
                coalesce(own_role, role) as role, customer_group, password_hash
           from customer where email_index = $1";
    ID_OF_EMAIL = "select id from customer where email_index = $1";
    /// What is sealed begins so; others are erased, or of an older shop and not sealed yet.
    FIRST =
        "select id, email_index, personal from customer
          where email_index is not null and personal like 'p1.%' order by email_index limit 1";
    CONTACTS =
        "select id, personal from customer where personal is not null and erased_at is null
            and id in (select unhex(value, '-') from json_each($1))",
        "select id, personal from customer where personal is not null and erased_at is null
            and id = any(array(select cast(value as uuid) from jsonb_array_elements_text($1)))";
    REPLACE_HASH = "update customer set password_hash = $1 where id = $2 and password_hash = $3";
    RESET_PASSWORD =
        "update customer set password_hash = $3 where id = $1 and email_index = $2";
    VERIFY =
        "update customer set email_verified_at = $3, version = version + 1
          where id = $1 and email_index = $2 and email_verified_at is null returning version";
    /// A verified address stays told of: the event of it is published once.
    CHANGE_EMAIL =
        "update customer set email_index = $3, personal = $5,
                email_verified_at = case when email_verified_at is null then email_verified_at else $4 end
          where id = $1 and email_index = $2
            and not exists (select 1 from customer other where other.email_index = $3)";
    LEAVE_GUEST = "update customer set version = 1 where id = $1 and role = 'guest' and version = 0";
    SET_ROLE =
        "update customer set role = $2, own_role = $3
          where id = $1 and coalesce(own_role, role) = $4 and erased_at is null";
    /// Guests are in no group.
    SET_GROUP =
        "update customer set customer_group = $2
          where id = $1 and email_index is not null and erased_at is null
            and coalesce(customer_group, '') = coalesce($3, '')";
    STAFF =
        "select id, personal, email_verified_at is not null as verified,
                coalesce(own_role, role) as role, customer_group from customer
          where role not in ('guest', 'customer') and id > $1 order by id limit $2";
}

#[derive(platform::sql::Record)]
pub(super) struct AccountRow {
    id: Uuid,
    personal: Option<String>,
    verified: bool,
    role: String,
    customer_group: Option<String>,
}

/// An account as it is stored.
pub(crate) struct Stored {
    /// Without what is sealed of it.
    pub bare: Account,
    /// That; None of a guest.
    personal: Option<String>,
}

impl From<AccountRow> for Stored {
    fn from(row: AccountRow) -> Self {
        let AccountRow { id, personal, verified, role, customer_group: group } = row;
        let bare = Account { id: id.into(), role, email: None, verified, name: None, group };
        Self { bare, personal }
    }
}

impl Stored {
    /// Whether it is of somebody who opened one, and no guest's.
    pub(crate) fn is_open(&self) -> bool {
        self.personal.is_some()
    }

    /// With what is sealed. Whose key was destroyed has neither address nor name.
    pub(crate) async fn open(self, db: &Db) -> Result<Account> {
        let ring = db.people()?.ring(self.personal.as_deref().into_iter()).await?;
        opened(&ring, self)
    }
}

fn opened(ring: &Ring, stored: Stored) -> Result<Account> {
    let Stored { bare, personal } = stored;
    let found: Option<Personal> =
        personal::opened(ring, &personal::of_account(bare.id), personal.as_deref())?;
    let (email, name) = found.map(|Personal { email, name }| (email, name)).unzip();
    Ok(Account { email, name, ..bare })
}

/// What a password is checked against.
pub(crate) struct Credentials {
    pub account: Stored,
    pub password_hash: Option<String>,
}

#[derive(platform::sql::Record)]
struct CredentialsRow {
    #[record(flatten)]
    account: AccountRow,
    password_hash: Option<String>,
}

/// A new account, ready to be stored.
pub(crate) struct New<'a> {
    pub id: CustomerId,
    pub index: &'a EmailIndex,
    /// [`Personal`], sealed.
    pub personal: &'a str,
    pub role: Role,
    pub password_hash: &'a str,
}

/// Stores an account. False when its e-mail address has one already.
pub(crate) async fn insert(tx: &mut Tx, new: &New<'_>) -> Result<bool> {
    let now = tx.now();
    let rows = tx
        .query(INSERT)
        .bind(new.id.uuid())
        .bind(new.index.as_str())
        .bind(new.personal)
        .bind(new.role.word())
        .bind(new.password_hash)
        .bind(now)
        .execute()
        .await?;
    Ok(rows == 1)
}

pub(crate) async fn insert_guest(tx: &mut Tx, id: CustomerId) -> Result<()> {
    let now = tx.now();
    tx.query(INSERT_GUEST).bind(id.uuid()).bind(now).execute().await.map(drop)
}

/// Somebody who was not erased.
pub(crate) async fn find(db: &Db, id: CustomerId) -> Result<Option<Account>> {
    let row: Option<AccountRow> = db.query(FIND).bind(id.uuid()).optional().await?;
    match row {
        Some(row) => Stored::from(row).open(db).await.map(Some),
        None => Ok(None),
    }
}

/// The same in a unit of work.
pub(crate) async fn by_id(tx: &mut Tx, id: CustomerId) -> Result<Option<Stored>> {
    let row: Option<AccountRow> = tx.query(FIND).bind(id.uuid()).optional().await?;
    Ok(row.map(Stored::from))
}

/// Whether somebody has been here, also if they were erased.
pub(crate) async fn is_known(db: &Db, id: CustomerId) -> Result<bool> {
    let (count,): (i64,) = db.query(IS_KNOWN).bind(id.uuid()).one().await?;
    Ok(count > 0)
}

/// When somebody came first.
pub(crate) async fn created_at(db: &Db, id: CustomerId) -> Result<Option<Timestamp>> {
    let row: Option<(Timestamp,)> = db.query(CREATED_AT).bind(id.uuid()).optional().await?;
    Ok(row.map(|(at,)| at))
}

pub(crate) async fn id_of_email(db: &Db, index: &EmailIndex) -> Result<Option<CustomerId>> {
    let row: Option<(Uuid,)> = db.query(ID_OF_EMAIL).bind(index.as_str()).optional().await?;
    Ok(row.map(|(id,)| id.into()))
}

/// The same in a unit of work.
pub(crate) async fn by_email(tx: &mut Tx, index: &EmailIndex) -> Result<Option<CustomerId>> {
    let row: Option<(Uuid,)> = tx.query(ID_OF_EMAIL).bind(index.as_str()).optional().await?;
    Ok(row.map(|(id,)| id.into()))
}

/// The address of some account and by what it is found. None while there is no sealed one.
pub(crate) async fn first(db: &Db) -> Result<Option<(EmailIndex, String)>> {
    let row: Option<(Uuid, String, String)> = db.query(FIRST).optional().await?;
    let Some((id, index, sealed)) = row else { return Ok(None) };
    let ring = db.people()?.ring([sealed.as_str()].into_iter()).await?;
    let found: Option<Personal> =
        personal::opened(&ring, &personal::of_account(id.into()), Some(&sealed))?;
    Ok(found.map(|personal| (EmailIndex::new(index), personal.email)))
}

/// The addresses of those of these people who have one.
pub(crate) async fn contacts(
    db: &Db,
    people: &[CustomerId],
) -> Result<HashMap<CustomerId, String>> {
    let rows: Vec<(Uuid, String)> = db.query(CONTACTS).bind(Json(people)).all().await?;
    let ring = db.people()?.ring(rows.iter().map(|(_, personal)| personal.as_str())).await?;
    let mut found = HashMap::with_capacity(rows.len());
    for (id, sealed) in rows {
        let id = CustomerId::from(id);
        let place = personal::of_account(id);
        if let Some(Personal { email, .. }) = personal::opened(&ring, &place, Some(&sealed))? {
            found.insert(id, email);
        }
    }
    Ok(found)
}

pub(crate) async fn credentials(db: &Db, index: &EmailIndex) -> Result<Option<Credentials>> {
    let row: Option<CredentialsRow> = db.query(CREDENTIALS).bind(index.as_str()).optional().await?;
    Ok(row.map(|row| Credentials { account: row.account.into(), password_hash: row.password_hash }))
}

/// Replaces a password's hash. False when the password was changed meanwhile.
pub(crate) async fn replace_hash(
    tx: &mut Tx,
    id: CustomerId,
    old: &str,
    new: &str,
) -> Result<bool> {
    Ok(tx.query(REPLACE_HASH).bind(new).bind(id.uuid()).bind(old).execute().await? == 1)
}

/// Gives an account that still has an address a password. False when it has not.
pub(crate) async fn reset_password(
    tx: &mut Tx,
    id: CustomerId,
    index: &EmailIndex,
    hash: &str,
) -> Result<bool> {
    let query = tx.query(RESET_PASSWORD).bind(id.uuid()).bind(index.as_str()).bind(hash);
    Ok(query.execute().await? == 1)
}

/// Notes that an address reaches its owner: the account's version then. None when that was known or
/// the address is another one.
pub(crate) async fn verify(tx: &mut Tx, id: CustomerId, index: &EmailIndex) -> Result<Option<i64>> {
    let now = tx.now();
    let query = tx.query(VERIFY).bind(id.uuid()).bind(index.as_str()).bind(now);
    let row: Option<(i64,)> = query.optional().await?;
    Ok(row.map(|(version,)| version))
}

/// Exchanges an address, and with it what is sealed. False when another account has the new one.
pub(crate) async fn change_email(
    tx: &mut Tx,
    id: CustomerId,
    old: &EmailIndex,
    new: &EmailIndex,
    personal: &str,
) -> Result<bool> {
    let now = tx.now();
    let query = tx.query(CHANGE_EMAIL).bind(id.uuid()).bind(old.as_str()).bind(new.as_str());
    Ok(query.bind(now).bind(personal).execute().await? == 1)
}

/// A guest is somebody with an account now. False when they were before.
pub(crate) async fn leave_guest(tx: &mut Tx, id: CustomerId) -> Result<bool> {
    Ok(tx.query(LEAVE_GUEST).bind(id.uuid()).execute().await? == 1)
}

/// Gives an account that still has the role `before` another one. False when it has not.
pub(crate) async fn set_role(
    tx: &mut Tx,
    id: CustomerId,
    before: &str,
    after: &str,
) -> Result<bool> {
    let built_in: Option<Role> = after.parse().ok();
    let (role, own) = built_in.map_or(("own", Some(after)), |role| (role.word(), None));
    let set = tx.query(SET_ROLE).bind(id.uuid()).bind(role).bind(own).bind(before);
    Ok(set.execute().await? == 1)
}

/// Puts an account that still is in the group `before` into another one. False when it is not.
pub(crate) async fn set_group(
    tx: &mut Tx,
    id: CustomerId,
    before: Option<&str>,
    after: Option<&str>,
) -> Result<bool> {
    Ok(tx.query(SET_GROUP).bind(id.uuid()).bind(after).bind(before).execute().await? == 1)
}

/// Everybody who works in the shop, after an account.
pub(crate) async fn staff(db: &Db, after: Option<CustomerId>, limit: i64) -> Result<Vec<Account>> {
    let after = after.map_or(Uuid::nil(), CustomerId::uuid);
    let rows: Vec<AccountRow> = db.query(STAFF).bind(after).bind(limit).all().await?;
    let ring = db.people()?.ring(rows.iter().filter_map(|row| row.personal.as_deref())).await?;
    rows.into_iter().map(|row| opened(&ring, row.into())).collect()
}
