//! Accounts.

use kernel::id::CustomerId;
use kernel::ports::Role;
use platform::sql::{Db, Result, Tx};
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
                coalesce(own_role, role) as role from customer where id = $1";
    CREDENTIALS =
        "select id, email, email_verified_at is not null as verified, name,
                coalesce(own_role, role) as role, password_hash from customer where email = $1";
    ID_OF_EMAIL = "select id from customer where email = $1";
    REPLACE_HASH = "update customer set password_hash = $1 where id = $2 and password_hash = $3";
    SET_ROLE =
        "update customer set role = $2, own_role = $3
          where id = $1 and coalesce(own_role, role) = $4";
    STAFF =
        "select id, email, email_verified_at is not null as verified, name,
                coalesce(own_role, role) as role from customer
          where role not in ('guest', 'customer') and id > $1 order by id limit $2";
}

#[derive(platform::sql::Record)]
pub(super) struct AccountRow {
    id: Uuid,
    email: Option<String>,
    verified: bool,
    name: Option<String>,
    role: String,
}

impl From<AccountRow> for Account {
    fn from(row: AccountRow) -> Self {
        let AccountRow { id, email, verified, name, role } = row;
        Self { id: id.into(), role, email, verified, name }
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

pub(crate) async fn credentials(db: &Db, email: &Email) -> Result<Option<Credentials>> {
    let row: Option<CredentialsRow> = db.query(CREDENTIALS).bind(email.as_str()).optional().await?;
    Ok(row.map(|row| Credentials { account: row.account.into(), password_hash: row.password_hash }))
}

/// Replaces a password's hash, unless the password was changed meanwhile.
pub(crate) async fn replace_hash(tx: &mut Tx, id: CustomerId, old: &str, new: &str) -> Result<()> {
    tx.query(REPLACE_HASH).bind(new).bind(id.uuid()).bind(old).execute().await.map(drop)
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

/// Everybody who works in the shop, after an account.
pub(crate) async fn staff(db: &Db, after: Option<CustomerId>, limit: i64) -> Result<Vec<Account>> {
    let after = after.map_or(Uuid::nil(), CustomerId::uuid);
    let rows: Vec<AccountRow> = db.query(STAFF).bind(after).bind(limit).all().await?;
    Ok(rows.into_iter().map(Account::from).collect())
}
