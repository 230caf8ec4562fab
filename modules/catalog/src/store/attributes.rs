//! What is known of the attributes that products have.

use platform::sql::{Db, Error, Json, Result, Tx};
use uuid::Uuid;

use crate::domain::{Attribute, DEFINITIONS_MAX};

platform::statements! {
    ALL = "select id, code, label, kind, unit, options, facet, version from attribute
            order by code limit $1";
    COUNT = "select count(*) from attribute";
    BY_CODE = "select id, code, label, kind, unit, options, facet, version from attribute
                where code = $1";
    INSERT = "insert into attribute (id, code, label, kind, unit, options, facet, version,
                                     created_at, updated_at)
              values ($1, $2, $3, $4, $5, $6, $7, 1, $8, $8) on conflict (code) do nothing";
    UPDATE = "update attribute set label = $2, unit = $3, options = $4, facet = $5,
                     version = version + 1, updated_at = $6
               where id = $1 and version = $7";
    DELETE = "delete from attribute where id = $1 and version = $2";
}

#[derive(platform::sql::Record)]
struct Row {
    id: Uuid,
    code: String,
    label: String,
    kind: String,
    unit: String,
    options: Json<Vec<String>>,
    facet: bool,
    version: i64,
}

impl Row {
    fn attribute(self) -> Result<Attribute> {
        let kind = self.kind.parse();
        let wrong = |_| Error::Inconsistent(format!("attribute {}: kind", self.code));
        Ok(Attribute {
            kind: kind.map_err(wrong)?,
            id: self.id,
            code: self.code,
            label: self.label,
            unit: self.unit,
            options: self.options.0,
            facet: self.facet,
            version: self.version,
        })
    }
}

pub(crate) async fn read_all(db: &Db) -> Result<Vec<Attribute>> {
    let rows: Vec<Row> = db.query(ALL).bind(DEFINITIONS_MAX).all().await?;
    rows.into_iter().map(Row::attribute).collect()
}

pub(crate) async fn all(tx: &mut Tx) -> Result<Vec<Attribute>> {
    let rows: Vec<Row> = tx.query(ALL).bind(DEFINITIONS_MAX).all().await?;
    rows.into_iter().map(Row::attribute).collect()
}

pub(crate) async fn count(tx: &mut Tx) -> Result<i64> {
    let (count,): (i64,) = tx.query(COUNT).one().await?;
    Ok(count)
}

pub(crate) async fn find(db: &Db, code: &str) -> Result<Option<Attribute>> {
    let row: Option<Row> = db.query(BY_CODE).bind(code).optional().await?;
    row.map(Row::attribute).transpose()
}

pub(crate) async fn by_code(tx: &mut Tx, code: &str) -> Result<Option<Attribute>> {
    let row: Option<Row> = tx.query(BY_CODE).bind(code).optional().await?;
    row.map(Row::attribute).transpose()
}

/// False when another attribute has the code.
pub(crate) async fn insert(tx: &mut Tx, new: &Attribute) -> Result<bool> {
    let now = tx.now();
    let inserted = tx
        .query(INSERT)
        .bind(new.id)
        .bind(new.code.as_str())
        .bind(new.label.as_str())
        .bind(new.kind.word())
        .bind(new.unit.as_str())
        .bind(Json(&new.options))
        .bind(new.facet)
        .bind(now)
        .execute()
        .await?;
    Ok(inserted == 1)
}

/// False when it is not in the version any more that it was read in.
pub(crate) async fn update(tx: &mut Tx, changed: &Attribute) -> Result<bool> {
    let now = tx.now();
    let updated = tx
        .query(UPDATE)
        .bind(changed.id)
        .bind(changed.label.as_str())
        .bind(changed.unit.as_str())
        .bind(Json(&changed.options))
        .bind(changed.facet)
        .bind(now)
        .bind(changed.version)
        .execute()
        .await?;
    Ok(updated == 1)
}

/// False when it is not in the version any more that it was read in.
pub(crate) async fn delete(tx: &mut Tx, id: Uuid, version: i64) -> Result<bool> {
    Ok(tx.query(DELETE).bind(id).bind(version).execute().await? == 1)
}
