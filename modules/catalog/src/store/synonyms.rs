//! Words that shoppers use for the same thing.

use platform::sql::{Db, Error, Json, Result, Tx};
use uuid::Uuid;

use crate::domain::{SYNONYMS_MAX, Synonym};

platform::statements! {
    ALL = "select id, kind, terms, version from synonym order by id limit $1";
    COUNT = "select count(*) from synonym";
    BY_ID = "select id, kind, terms, version from synonym where id = $1";
    INSERT = "insert into synonym (id, kind, terms, version, created_at, updated_at)
              values ($1, $2, $3, 1, $4, $4)";
    UPDATE = "update synonym set kind = $2, terms = $3, version = version + 1, updated_at = $4
               where id = $1 and version = $5";
    DELETE = "delete from synonym where id = $1 and version = $2";
}

#[derive(platform::sql::Record)]
struct Row {
    id: Uuid,
    kind: String,
    terms: Json<Vec<String>>,
    version: i64,
}

impl Row {
    fn synonym(self) -> Result<Synonym> {
        let wrong = |_| Error::Inconsistent(format!("synonym {}: kind", self.id));
        let kind = self.kind.parse().map_err(wrong)?;
        Ok(Synonym { id: self.id, kind, terms: self.terms.0, version: self.version })
    }
}

pub(crate) async fn read_all(db: &Db) -> Result<Vec<Synonym>> {
    let rows: Vec<Row> = db.query(ALL).bind(SYNONYMS_MAX).all().await?;
    rows.into_iter().map(Row::synonym).collect()
}

pub(crate) async fn find(db: &Db, id: Uuid) -> Result<Option<Synonym>> {
    let row: Option<Row> = db.query(BY_ID).bind(id).optional().await?;
    row.map(Row::synonym).transpose()
}

pub(crate) async fn by_id(tx: &mut Tx, id: Uuid) -> Result<Option<Synonym>> {
    let row: Option<Row> = tx.query(BY_ID).bind(id).optional().await?;
    row.map(Row::synonym).transpose()
}

pub(crate) async fn count(tx: &mut Tx) -> Result<i64> {
    let (count,): (i64,) = tx.query(COUNT).one().await?;
    Ok(count)
}

pub(crate) async fn insert(tx: &mut Tx, new: &Synonym) -> Result<()> {
    let now = tx.now();
    let query = tx.query(INSERT).bind(new.id).bind(new.kind.word());
    query.bind(Json(&new.terms)).bind(now).execute().await.map(drop)
}

/// False when they are not in the version any more that they were read in.
pub(crate) async fn update(tx: &mut Tx, changed: &Synonym) -> Result<bool> {
    let now = tx.now();
    let query = tx.query(UPDATE).bind(changed.id).bind(changed.kind.word());
    let query = query.bind(Json(&changed.terms)).bind(now).bind(changed.version);
    Ok(query.execute().await? == 1)
}

/// False when they are not in the version any more that they were read in.
pub(crate) async fn delete(tx: &mut Tx, id: Uuid, version: i64) -> Result<bool> {
    Ok(tx.query(DELETE).bind(id).bind(version).execute().await? == 1)
}
