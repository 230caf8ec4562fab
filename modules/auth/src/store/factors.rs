//! Second factors: devices that show codes, recovery codes, and what an account has of all.

use kernel::id::CustomerId;
use platform::sql::{Db, Json, Result, Tx};

platform::statements! {
    /// A device that was never confirmed is replaced. Whoever erases somebody holds their row, so that
    /// nothing is left of them; SQLite has one writer.
    PUT_TOTP =
        "insert into totp (customer_id, seed, made_at)
         select c.id, $2, $3 from customer c where c.id = $1 and c.erased_at is null
             on conflict (customer_id) do update
             set seed = excluded.seed, made_at = excluded.made_at, last_step = 0
           where totp.confirmed_at is null",
        "insert into totp (customer_id, seed, made_at)
         select c.id, $2, $3 from customer c where c.id = $1 and c.erased_at is null for key share
             on conflict (customer_id) do update
             set seed = excluded.seed, made_at = excluded.made_at, last_step = 0
           where totp.confirmed_at is null";
    TOTP = "select seed, confirmed_at is not null from totp where customer_id = $1";
    CONFIRM_TOTP =
        "update totp set confirmed_at = $3, last_step = $2
          where customer_id = $1 and confirmed_at is null and last_step < $2";
    TAKE_STEP =
        "update totp set last_step = $2
          where customer_id = $1 and confirmed_at is not null and last_step < $2";
    DELETE_TOTP = "delete from totp where customer_id = $1";
    INSERT_CODES =
        "insert into recovery_code (hash, customer_id) select value, $2 from json_each($1)",
        "insert into recovery_code (hash, customer_id)
         select hash, $2 from jsonb_array_elements_text($1) as hash";
    TAKE_CODE =
        "update recovery_code set used_at = $3
          where hash = $1 and customer_id = $2 and used_at is null";
    DELETE_CODES = "delete from recovery_code where customer_id = $1";
    ENROLLED =
        "select (select count(*) from totp where customer_id = $1 and confirmed_at is not null),
                (select count(*) from recovery_code where customer_id = $1 and used_at is null),
                (select count(*) from passkey where customer_id = $1)";
}

/// What an account has to show beside its password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Enrolled {
    /// Whether a device shows codes.
    pub totp: bool,
    /// How many recovery codes are left.
    pub recovery_codes: i64,
    /// How many passkeys there are.
    pub passkeys: i64,
}

impl Enrolled {
    /// Whether there is a factor that is no letter.
    pub(crate) fn any(self) -> bool {
        self.totp || self.passkeys > 0
    }
}

pub(crate) async fn enrolled(db: &Db, customer: CustomerId) -> Result<Enrolled> {
    let row: (i64, i64, i64) = db.query(ENROLLED).bind(customer.uuid()).one().await?;
    let (totp, recovery_codes, passkeys) = row;
    Ok(Enrolled { totp: totp > 0, recovery_codes, passkeys })
}

/// Keeps the sealed seed of a device that is to be confirmed. False when there is a confirmed one, or
/// its owner was erased.
pub(crate) async fn put_totp(tx: &mut Tx, customer: CustomerId, seed: &[u8]) -> Result<bool> {
    let now = tx.now();
    let query = tx.query(PUT_TOTP).bind(customer.uuid()).bind(seed).bind(now);
    Ok(query.execute().await? == 1)
}

/// The sealed seed of a device, and whether it is confirmed.
pub(crate) async fn totp(db: &Db, customer: CustomerId) -> Result<Option<(Vec<u8>, bool)>> {
    db.query(TOTP).bind(customer.uuid()).optional().await
}

/// Confirms a device by a code of a step. False when that happened before.
pub(crate) async fn confirm_totp(tx: &mut Tx, customer: CustomerId, step: i64) -> Result<bool> {
    let now = tx.now();
    let query = tx.query(CONFIRM_TOTP).bind(customer.uuid()).bind(step).bind(now);
    Ok(query.execute().await? == 1)
}

/// Uses a step up. False when it, or a later one, was used before.
pub(crate) async fn take_step(tx: &mut Tx, customer: CustomerId, step: i64) -> Result<bool> {
    Ok(tx.query(TAKE_STEP).bind(customer.uuid()).bind(step).execute().await? == 1)
}

/// Forgets the device and its recovery codes. False when there was none.
pub(crate) async fn delete_totp(tx: &mut Tx, customer: CustomerId) -> Result<bool> {
    tx.query(DELETE_CODES).bind(customer.uuid()).execute().await?;
    Ok(tx.query(DELETE_TOTP).bind(customer.uuid()).execute().await? == 1)
}

pub(crate) async fn insert_codes(
    tx: &mut Tx,
    customer: CustomerId,
    hashes: &[String],
) -> Result<()> {
    tx.query(DELETE_CODES).bind(customer.uuid()).execute().await?;
    let query = tx.query(INSERT_CODES).bind(Json(hashes)).bind(customer.uuid());
    query.execute().await.map(drop)
}

/// Uses a recovery code up. False when it was used before, or is not theirs.
pub(crate) async fn take_code(tx: &mut Tx, customer: CustomerId, hash: &str) -> Result<bool> {
    let now = tx.now();
    let query = tx.query(TAKE_CODE).bind(hash).bind(customer.uuid()).bind(now);
    Ok(query.execute().await? == 1)
}
