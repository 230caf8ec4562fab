//! Roles that the shop made.

use kernel::Permissions;
use kernel::id::RoleId;
use platform::sql::{Db, Json, Result, Tx};
use uuid::Uuid;

use crate::domain::role::{OwnRole, ROLES_MAX};

platform::statements! {
    ALL = "select id, name, permissions, version from role order by name limit $1";
    COUNT = "select count(*) from role";
    BY_NAME = "select id, name, permissions, version from role where name = $1";
    /// Whoever gives the role to somebody and whoever deletes it wait for each other; SQLite has one
    /// writer.
    HOLD =
        "select id, name, permissions, version from role where name = $1",
        "select id, name, permissions, version from role where name = $1 for update";
    INSERT =
        "insert into role (id, name, permissions, version, created_at, updated_at)
         values ($1, $2, $3, 1, $4, $4) on conflict (name) do nothing";
    UPDATE =
        "update role set permissions = $2, version = version + 1, updated_at = $3
          where id = $1 and version = $4";
    DELETE = "delete from role where id = $1 and version = $2";
    IN_USE = "select count(*) from customer where own_role = $1";
}

#[derive(platform::sql::Record)]
struct Row {
    id: Uuid,
    name: String,
    permissions: Json<Vec<String>>,
    version: i64,
}

impl From<Row> for OwnRole {
    /// A word that this program does not know any more allows nothing.
    fn from(row: Row) -> Self {
        let permissions: Permissions =
            row.permissions.0.iter().filter_map(|word| word.parse().ok()).collect();
        Self { id: row.id.into(), name: row.name, permissions, version: row.version }
    }
}

pub(crate) async fn all(db: &Db) -> Result<Vec<OwnRole>> {
    let rows: Vec<Row> = db.query(ALL).bind(ROLES_MAX).all().await?;
    Ok(rows.into_iter().map(OwnRole::from).collect())
}

pub(crate) async fn count(tx: &mut Tx) -> Result<i64> {
    let (count,): (i64,) = tx.query(COUNT).one().await?;
    Ok(count)
}

pub(crate) async fn find(db: &Db, name: &str) -> Result<Option<OwnRole>> {
    let row: Option<Row> = db.query(BY_NAME).bind(name).optional().await?;
    Ok(row.map(OwnRole::from))
}

/// A role that stays as it is until the unit of work is over.
pub(crate) async fn hold(tx: &mut Tx, name: &str) -> Result<Option<OwnRole>> {
    let row: Option<Row> = tx.query(HOLD).bind(name).optional().await?;
    Ok(row.map(OwnRole::from))
}

/// Stores a role. False when another one has the name.
pub(crate) async fn insert(tx: &mut Tx, role: &OwnRole) -> Result<bool> {
    let now = tx.now();
    let query = tx.query(INSERT).bind(role.id.uuid()).bind(role.name.as_str());
    Ok(query.bind(Json(role.permissions)).bind(now).execute().await? == 1)
}

/// False when it is not in the version any more that it was read in.
pub(crate) async fn update(tx: &mut Tx, role: &OwnRole) -> Result<bool> {
    let now = tx.now();
    let query = tx.query(UPDATE).bind(role.id.uuid()).bind(Json(role.permissions)).bind(now);
    Ok(query.bind(role.version).execute().await? == 1)
}

/// False when it is not in the version any more that it was read in.
pub(crate) async fn delete(tx: &mut Tx, id: RoleId, version: i64) -> Result<bool> {
    Ok(tx.query(DELETE).bind(id.uuid()).bind(version).execute().await? == 1)
}

/// Whether somebody has it.
pub(crate) async fn in_use(tx: &mut Tx, name: &str) -> Result<bool> {
    let (holders,): (i64,) = tx.query(IN_USE).bind(name).one().await?;
    Ok(holders > 0)
}
