//! What the sandbox tells its merchant, as rows.

use kernel::Timestamp;
use kernel::id::EventId;
use platform::sql::{Db, Result, Tx};
use uuid::Uuid;

platform::statements! {
    /// The first who needs it makes the secret, whichever node it is on.
    MAKE_SECRET = "insert into merchant (one, secret, created_at) values (1, $1, $2)
                   on conflict do nothing";
    SECRET = "select secret from merchant where one = 1";
    TELL = "insert into notice (id, charge_id, kind, happened_at, state, copies, due_at)
            values ($1, $2, $3, $4, 'waiting', $5, $6)";
    ANY_DUE = "select id from notice where state = 'waiting' and due_at <= $1 limit 1";
    /// Until `due_at` nobody else begins a try.
    CLAIM =
        "update notice set attempts = attempts + 1, due_at = $2
          where id in (select id from notice where state = 'waiting' and due_at <= $1
                        order by due_at limit $3)
         returning id, kind, happened_at, attempts,
                   (select c.reference from charge c where c.id = notice.charge_id) as reference",
        "update notice set attempts = attempts + 1, due_at = $2
          where id in (select id from notice where state = 'waiting' and due_at <= $1
                        order by due_at limit $3 for update skip locked)
         returning id, kind, happened_at, attempts,
                   (select c.reference from charge c where c.id = notice.charge_id) as reference";
    DELIVERED = "update notice set copies = copies - 1, due_at = $3,
                        state = case when copies > 1 then 'waiting' else 'sent' end
                  where id = $1 and attempts = $2 and state = 'waiting'";
    FAILED = "update notice set due_at = $3, last_error = $4
               where id = $1 and attempts = $2 and state = 'waiting'";
    GIVE_UP = "update notice set state = 'dead', last_error = $3
                where id = $1 and attempts = $2 and state = 'waiting'";
}

/// A webhook that is to be sent.
#[derive(Debug, Clone, platform::sql::Record)]
pub struct Notice {
    /// The event; the same each time it is told.
    pub id: Uuid,
    /// What happened.
    pub kind: String,
    /// When it happened.
    pub happened_at: Timestamp,
    /// The number of the try.
    pub attempts: i64,
    /// The merchant's name of the charge.
    pub reference: Uuid,
}

/// What webhooks are signed with.
pub async fn secret(db: &Db) -> Result<Vec<u8>> {
    let mut tx = db.begin("sandbox.secret").await?;
    let (fresh, now) = (platform::random::bytes::<32>(), tx.now());
    tx.query(MAKE_SECRET).bind(fresh.as_slice()).bind(now).execute().await?;
    let (secret,): (Vec<u8>,) = tx.query(SECRET).one().await?;
    tx.commit().await?;
    Ok(secret)
}

/// Notes that the merchant is to be told of something, so often and not before `due_at`.
pub async fn tell(
    tx: &mut Tx,
    (charge, kind): (&str, &str),
    copies: i64,
    due_at: Timestamp,
) -> Result<()> {
    let now = tx.now();
    let query = tx.query(TELL).bind(EventId::new().uuid()).bind(charge).bind(kind).bind(now);
    query.bind(copies).bind(due_at).execute().await.map(drop)
}

/// Whether a webhook is due.
pub async fn any_due(db: &Db) -> Result<bool> {
    let due: Option<(Uuid,)> = db.query(ANY_DUE).bind(db.clock().now()).optional().await?;
    Ok(due.is_some())
}

/// Begins a try of those that are due; until `lease` nobody else does.
pub async fn claim(tx: &mut Tx, lease: Timestamp, limit: i64) -> Result<Vec<Notice>> {
    let now = tx.now();
    tx.query(CLAIM).bind(now).bind(lease).bind(limit).all().await
}

/// A try has worked; if it is to come again it does at `again`.
pub async fn delivered(tx: &mut Tx, notice: &Notice, again: Timestamp) -> Result<()> {
    let query = tx.query(DELIVERED).bind(notice.id).bind(notice.attempts).bind(again);
    query.execute().await.map(drop)
}

/// A try has failed: it is made again at `again`, or never.
pub async fn failed(
    tx: &mut Tx,
    notice: &Notice,
    again: Option<Timestamp>,
    error: &str,
) -> Result<()> {
    let query = match again {
        Some(at) => tx.query(FAILED).bind(notice.id).bind(notice.attempts).bind(at),
        None => tx.query(GIVE_UP).bind(notice.id).bind(notice.attempts),
    };
    query.bind(error).execute().await.map(drop)
}
