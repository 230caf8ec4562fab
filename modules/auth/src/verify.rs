//! What must always hold of accounts and sessions.

use platform::sql::{Db, Result};
use platform::verify::{Check, by_query};

/// Whether something is left of a row `c` of somebody who was erased.
macro_rules! is_left {
    () => {
        "c.erased_at is not null
            and (c.personal <> 'erased' or c.email_index not like 'erased:%'
                 or c.password_hash is not null or c.role not in ('guest', 'customer')
                 or exists (select 1 from passkey p where p.customer_id = c.id)
                 or exists (select 1 from totp t where t.customer_id = c.id)
                 or exists (select 1 from recovery_code r where r.customer_id = c.id)
                 or exists (select 1 from letter l where l.customer_id = c.id)
                 or exists (select 1 from api_key k where k.made_by = c.id and k.revoked_at is null)
                 or exists (select 1 from session s where s.customer_id = c.id
                             and (s.device is not null
                                  or (s.revoked_at is null and s.expires_at > c.erased_at))))"
    };
}

platform::statements! {
    ATTEMPTS = "select count(*) from login_attempt";
    ATTEMPTS_BROKEN =
        "select key from login_attempt where failures < 0 or failures > failures_max limit 20";
    SESSIONS = "select count(*) from session";
    /// The newest token of a session is stored, and none is newer.
    SESSIONS_BROKEN =
        "select lower(hex(s.id)) from session s
          where s.generation <> (select coalesce(max(t.generation), 0) from refresh_token t
                                  where t.session_id = s.id) limit 20",
        "select cast(s.id as text) from session s
          where s.generation <> (select coalesce(max(t.generation), 0) from refresh_token t
                                  where t.session_id = s.id) limit 20";
    ACCOUNTS = "select count(*) from customer where role <> 'guest'";
    ACCOUNTS_UNTOLD =
        "select lower(hex(c.id)) from customer c where c.role <> 'guest' and not exists
            (select 1 from told o where o.subject = c.id and o.first_version = 1
                and o.kinds || ' ' like 'customer.registered %') limit 20",
        "select cast(c.id as text) from customer c where c.role <> 'guest' and not exists
            (select 1 from told o where o.subject = c.id and o.first_version = 1
                and o.kinds || ' ' like 'customer.registered %') limit 20";
    GUESTS_LEFT = "select count(*) from customer where role = 'guest' and version > 0";
    GUESTS_UNTOLD =
        "select lower(hex(c.id)) from customer c where c.role = 'guest' and c.version > 0
            and not exists (select 1 from told o where o.subject = c.id and o.first_version = 1
                and (o.kinds || ' ' like 'guest.merged %'
                     or o.kinds || ' ' like 'customer.erased %')) limit 20",
        "select cast(c.id as text) from customer c where c.role = 'guest' and c.version > 0
            and not exists (select 1 from told o where o.subject = c.id and o.first_version = 1
                and (o.kinds || ' ' like 'guest.merged %'
                     or o.kinds || ' ' like 'customer.erased %')) limit 20";
    ERASED = "select count(*) from customer where erased_at is not null";
    ERASED_UNTOLD =
        "select lower(hex(c.id)) from customer c where c.erased_at is not null and not exists
            (select 1 from told o where o.subject = c.id
                and ' ' || o.kinds || ' ' like '% customer.erased %') limit 20",
        "select cast(c.id as text) from customer c where c.erased_at is not null and not exists
            (select 1 from told o where o.subject = c.id
                and ' ' || o.kinds || ' ' like '% customer.erased %') limit 20";
    ERASED_LEFT =
        concat!("select lower(hex(c.id)) from customer c where ", is_left!(), " limit 20"),
        concat!("select cast(c.id as text) from customer c where ", is_left!(), " limit 20");
    LETTERS = "select count(*) from letter";
    LETTERS_UNTOLD =
        "select lower(hex(l.id)) from letter l where not exists
            (select 1 from told o where o.subject = l.id and o.first_version = 1
                and o.kinds || ' ' like 'letter.written %') limit 20",
        "select cast(l.id as text) from letter l where not exists
            (select 1 from told o where o.subject = l.id and o.first_version = 1
                and o.kinds || ' ' like 'letter.written %') limit 20";
    ENDED = "select count(*) from session where revoked_at is not null";
    ENDED_UNTOLD =
        "select lower(hex(s.id)) from session s where s.revoked_at is not null and not exists
            (select 1 from told o where o.subject = s.id and o.first_version = 1
                and o.kinds || ' ' like 'session.revoked %') limit 20",
        "select cast(s.id as text) from session s where s.revoked_at is not null and not exists
            (select 1 from told o where o.subject = s.id and o.first_version = 1
                and o.kinds || ' ' like 'session.revoked %') limit 20";
}

/// Checks every invariant of the module.
pub(crate) async fn all(db: &Db) -> Result<Vec<Check>> {
    let checks = [
        ("login attempts never exceed their limit", ATTEMPTS, ATTEMPTS_BROKEN),
        ("a session's newest refresh token is the one it names", SESSIONS, SESSIONS_BROKEN),
        ("every opened account was told of", ACCOUNTS, ACCOUNTS_UNTOLD),
        ("every ended session was told of", ENDED, ENDED_UNTOLD),
        ("every guest who logged in was told of", GUESTS_LEFT, GUESTS_UNTOLD),
        ("everybody who was erased was told of", ERASED, ERASED_UNTOLD),
        ("nothing is left of who was erased", ERASED, ERASED_LEFT),
        ("every letter was handed to the bus", LETTERS, LETTERS_UNTOLD),
    ];
    let mut done = Vec::with_capacity(checks.len());
    for (invariant, count, broken) in checks {
        done.push(by_query(db, invariant, count, broken).await?);
    }
    Ok(done)
}
