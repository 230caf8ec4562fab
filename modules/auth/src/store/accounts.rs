//! Accounts.

use kernel::id::CustomerId;
use kernel::ports::Role;
use platform::sql::{Db, Json, Result, Tx};
use uuid::Uuid;

use crate::domain::{Account, Email};

platform::statements! {
    INSERT =
        "insert into customer (id, email, name, role, password_hash, version, created_at)
         values ($1, $2, $3, $4, $5, 1, $6) on conflict (email) do nothing";
    INSERT_GUEST =
        "insert into customer (id, role, version, created_at) values ($1, 'guest', 0, $2)";
    FIND =
        "select id, email, email_verified_at is not null as verified, name,
                coalesce(own_role, role) as role, customer_group from customer where id = $1";
    CREDENTIALS =
        "select id, email, email_verified_at is not null as verified, name,
                coalesce(own_role, role) as role, customer_group, password_hash
           from customer where email = $1";
    ID_OF_EMAIL = "select id from customer where email = $1";
    CONTACTS =
        "select id, email from customer where email is not null
            and id in (select unhex(value, '-') from json_each($1))",
        "select id, email from customer where email is not null
            and id in (select cast(value as uuid) from jsonb_array_elements_text($1))";
    REPLACE_HASH = "update customer set password_hash = $1 where id = $2 and password_hash = $3";
    BY_EMAIL =
        "select id, email, email_verified_at is not null as verified, name,
                coalesce(own_role, role) as role, customer_group from customer where email = $1";
    RESET_PASSWORD = "update customer set password_hash = $3 where id = $1 and email = $2";
    VERIFY =
        "update customer set email_verified_at = $3, version = version + 1
          where id = $1 and email = $2 and email_verified_at is null returning version";
    /// A verified address stays told of: the event of it is published once.
    CHANGE_EMAIL =
        "update customer set email = $3,
                email_verified_at = case when email_verified_at is null then email_verified_at else $4 end
          where id = $1 and email = $2
            and not exists (select 1 from customer other where other.email = $3)";
    LEAVE_GUEST = "update customer set version = 1 where id = $1 and role = 'guest' and version = 0";
    SET_ROLE =
        "update customer set role = $2, own_role = $3
          where id = $1 and coalesce(own_role, role) = $4";
    /// Guests are in no group.
    SET_GROUP =
        "update customer set customer_group = $2
          where id = $1 and email is not null and coalesce(customer_group, '') = coalesce($3, '')";
    STAFF =
        "select id, email, email_verified_at is not null as verified, name,
                coalesce(own_role, role) as role, customer_group from customer
          where role not in ('guest', 'customer') and id > $1 order by id limit $2";
}

#[derive(platform::sql::Record)]
pub(super) struct AccountRow {
    id: Uuid,
    email: Option<String>,
    verified: bool,
    name: Option<String>,
    role: String,
    customer_group: Option<String>,
}

impl From<AccountRow> for Account {
    fn from(row: AccountRow) -> Self {
        let AccountRow { id, email, verified, name, role, customer_group: group } = row;
        Self { id: id.into(), role, email, verified, name, group }
    }
}

/// An account with what its password is checked against.
pub(crate) struct Credentials {
    pub account: Account,
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
    pub email: &'a Email,
    pub name: &'a str,
    pub role: Role,
    pub password_hash: &'a str,
}

/// Stores an account. False when its e-mail address has one already.
pub(crate) async fn insert(tx: &mut Tx, new: &New<'_>) -> Result<bool> {
    let now = tx.now();
    let rows = tx
        .query(INSERT)
        .bind(new.id.uuid())
        .bind(new.email.as_str())
        .bind(new.name)
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

pub(crate) async fn find(db: &Db, id: CustomerId) -> Result<Option<Account>> {
    let row: Option<AccountRow> = db.query(FIND).bind(id.uuid()).optional().await?;
    Ok(row.map(Account::from))
}

pub(crate) async fn by_id(tx: &mut Tx, id: CustomerId) -> Result<Option<Account>> {
    let row: Option<AccountRow> = tx.query(FIND).bind(id.uuid()).optional().await?;
    Ok(row.map(Account::from))
}

pub(crate) async fn id_of_email(db: &Db, email: &Email) -> Result<Option<CustomerId>> {
    let row: Option<(Uuid,)> = db.query(ID_OF_EMAIL).bind(email.as_str()).optional().await?;
    Ok(row.map(|(id,)| id.into()))
}

/// The addresses of those of these people who have one.
pub(crate) async fn contacts(db: &Db, people: &[CustomerId]) -> Result<Vec<(Uuid, String)>> {
    db.query(CONTACTS).bind(Json(people)).all().await
}

pub(crate) async fn credentials(db: &Db, email: &Email) -> Result<Option<Credentials>> {
    let row: Option<CredentialsRow> = db.query(CREDENTIALS).bind(email.as_str()).optional().await?;
    Ok(row.map(|row| Credentials { account: row.account.into(), password_hash: row.password_hash }))
}

pub(crate) async fn by_email(tx: &mut Tx, email: &Email) -> Result<Option<Account>> {
    let row: Option<AccountRow> = tx.query(BY_EMAIL).bind(email.as_str()).optional().await?;
    Ok(row.map(Account::from))
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
    email: &Email,
    hash: &str,
) -> Result<bool> {
    let query = tx.query(RESET_PASSWORD).bind(id.uuid()).bind(email.as_str()).bind(hash);
    Ok(query.execute().await? == 1)
}

/// Notes that an address reaches its owner: the account's version then. None when that was known or
/// the address is another one.
pub(crate) async fn verify(tx: &mut Tx, id: CustomerId, email: &str) -> Result<Option<i64>> {
    let now = tx.now();
    let query = tx.query(VERIFY).bind(id.uuid()).bind(email).bind(now);
    let row: Option<(i64,)> = query.optional().await?;
    Ok(row.map(|(version,)| version))
}

/// Exchanges an address. False when another account has the new one.
pub(crate) async fn change_email(
    tx: &mut Tx,
    id: CustomerId,
    old: &str,
    new: &str,
) -> Result<bool> {
    let now = tx.now();
    let query = tx.query(CHANGE_EMAIL).bind(id.uuid()).bind(old).bind(new).bind(now);
    Ok(query.execute().await? == 1)
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
    Ok(rows.into_iter().map(Account::from).collect())
}
