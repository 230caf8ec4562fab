//! What ended long ago keeps its end and whatever did not go as planned: what was refused, unknown, waited for, undone.
//! That a step was done which is followed by others says nothing that the end does not say.

use kernel::Timestamp;
use uuid::Uuid;

use crate::sql::{Db, Result};

crate::statements! {
    SHORTENED = "select up_to from saga_shortened";
    LAST_OF_NEXT =
        "select id from (select id from saga where id > $1 and id < $2 order by id limit $3) next
          order by id desc limit 1";
    SHORTEN_TO = "update saga_shortened set up_to = $2 where up_to = $1";
    SHORTEN =
        "delete from saga_history where saga_id > $1 and saga_id <= $2 and outcome = 'done'
            and saga_id in (select s.id from saga s
                             where s.id > $1 and s.id <= $2 and s.ended_at is not null)
            and n < (select max(l.n) from saga_history l where l.saga_id = saga_history.saga_id)";
}

/// How many sagas are looked at in one commit.
const SAGAS_MAX: i64 = 500;
/// Where the time begins in an id of version 7.
const TIME_AT: u32 = 80;

/// Shortens the histories of the next sagas that began before a time and have ended; one that has not by then stays whole.
/// True when there may be more. Any number of nodes may do so at once.
pub async fn shorten(db: &Db, before: Timestamp) -> Result<bool> {
    let (up_to,): (Uuid,) = db.query(SHORTENED).one().await?;
    let began = u128::try_from(before.timestamp_millis()).unwrap_or(0) << TIME_AT;
    let next = db.query(LAST_OF_NEXT).bind(up_to).bind(Uuid::from_u128(began)).bind(SAGAS_MAX);
    let Some((last,)) = next.optional::<(Uuid,)>().await? else { return Ok(false) };
    let mut tx = db.begin("saga.shorten").await?;
    if tx.query(SHORTEN_TO).bind(up_to).bind(last).execute().await? == 1 {
        tx.query(SHORTEN).bind(up_to).bind(last).execute().await?;
        tx.commit().await?;
    }
    Ok(true)
}
