//! What becomes of the rows of somebody who is erased.

use kernel::Timestamp;
use kernel::id::CustomerId;
use platform::personal::ERASED;
use platform::sql::{Result, Sql, Tx};
use uuid::Uuid;

platform::statements! {
    /// Of whoever was here without a row, such as somebody of another issuer.
    REMEMBER =
        "insert into customer (id, role, version, created_at) values ($1, 'guest', 0, $2)
             on conflict (id) do nothing";
    /// Of several that are erased at once each waits for the others here; SQLite has one writer.
    ADMINS =
        "select id from customer
          where role not in ('guest', 'customer') and role = 'admin' order by id limit $1",
        "select id from customer
          where role not in ('guest', 'customer') and role = 'admin' order by id limit $1
            for update";
    /// No session begins until the unit of work is over; SQLite has one writer.
    HOLD =
        "select erased_at, records_erased_at from customer where id = $1",
        "select erased_at, records_erased_at from customer where id = $1 for update";
    /// Who opened an account stays somebody who did. The index is one that no address has, so that
    /// theirs can be used for another account.
    ERASE =
        "update customer
            set email_index = case when email_index is null then null else $4 end,
                personal = case when personal is null then null else $5 end,
                role = case when role = 'guest' then 'guest' else 'customer' end, own_role = null,
                password_hash = null, email_verified_at = null, customer_group = null,
                erased_at = coalesce(erased_at, $2),
                records_erased_at = case when $3 then $2 else records_erased_at end,
                version = version + 1
          where id = $1 returning version";
    DROP_DEVICES = "update session set device = null where customer_id = $1 and device is not null";
    DROP_PASSKEYS = "delete from passkey where customer_id = $1";
    DROP_TOTP = "delete from totp where customer_id = $1";
    DROP_CODES = "delete from recovery_code where customer_id = $1";
    DROP_LETTERS = "delete from letter where customer_id = $1";
}

/// How many admins are held: more than any shop has.
const ADMINS_MAX: i64 = 1_000;

/// What was erased of somebody before, and when.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Before {
    pub erased_at: Option<Timestamp>,
    /// When what the law wants kept went too.
    pub records_erased_at: Option<Timestamp>,
}

/// Everybody who is an admin, until the unit of work is over.
pub(crate) async fn hold_admins(tx: &mut Tx) -> Result<Vec<CustomerId>> {
    let rows: Vec<(Uuid,)> = tx.query(ADMINS).bind(ADMINS_MAX).all().await?;
    Ok(rows.into_iter().map(|(id,)| id.into()).collect())
}

/// Somebody, until the unit of work is over; a row is made for whoever has none.
pub(crate) async fn hold(tx: &mut Tx, person: CustomerId) -> Result<Before> {
    let now = tx.now();
    tx.query(REMEMBER).bind(person.uuid()).bind(now).execute().await?;
    let (erased_at, records_erased_at) = tx.query(HOLD).bind(person.uuid()).one().await?;
    Ok(Before { erased_at, records_erased_at })
}

/// Empties the row of somebody, and answers its version then.
pub(crate) async fn erase(tx: &mut Tx, person: CustomerId, with_records: bool) -> Result<i64> {
    let now = tx.now();
    let query = tx.query(ERASE).bind(person.uuid()).bind(now).bind(with_records);
    let (version,): (i64,) = query.bind(nobodys(person)).bind(ERASED).one().await?;
    Ok(version)
}

/// The index in the row of somebody who was erased.
pub(crate) fn nobodys(person: CustomerId) -> String {
    format!("{ERASED}:{person}")
}

/// Lets all go by which somebody proved who they are, and what was written to them.
pub(crate) async fn drop_all(tx: &mut Tx, person: CustomerId) -> Result<()> {
    const ALL: [Sql; 5] = [DROP_DEVICES, DROP_PASSKEYS, DROP_TOTP, DROP_CODES, DROP_LETTERS];
    for sql in ALL {
        tx.query(sql).bind(person.uuid()).execute().await?;
    }
    Ok(())
}
