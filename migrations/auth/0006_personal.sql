-- What is kept about people is sealed under a key of theirs, and an account is found by a keyed name of its
-- address. What was plain before is marked as such here, since only the program has the keys: it seals it
-- when it opens the accounts.
alter table customer rename column email to email_index;
alter table customer rename column name to personal;
update customer set email_index = 'plain:' || email_index, personal = 'plain:' || personal
 where email_index is not null;
create index customer_plain on customer (id) where personal like 'plain:%';

-- Of somebody who was erased the row stays, so that they are not erased twice.
alter table customer add column erased_at timestamptz;
alter table customer add column records_erased_at timestamptz
    check (records_erased_at is null or erased_at is not null);
create index customer_erased on customer (id) where erased_at is not null;

-- A letter to the account's own address holds none: it goes there if it still is that one. Another address
-- is sealed.
alter table letter rename column address to email_index;
alter table letter add column address text check (length(address) > 0);
update letter set email_index = 'plain:' || email_index where customer_id is not null;
create index letter_plain on letter (id) where email_index like 'plain:%';
create index letter_owner on letter (customer_id);

-- A check cannot be changed in place on every engine. The device is sealed, and gone when the session has
-- ended: nobody is shown it then. A guest's is not kept at all, since a guest has no key and nobody else is
-- shown it; what sessions of before tell of theirs is forgotten.
alter table refresh_token rename to old_refresh_token;
alter table session rename to old_session;
drop index session_customer_id;
drop index session_expires_at;
drop index session_revoked_at;

create table session (
    id             uuid        primary key,
    customer_id    uuid        not null references customer (id),
    amr            jsonb       not null,
    auth_time      timestamptz not null,
    device         text        check (length(device) > 0),
    started_at     timestamptz not null,
    expires_at     timestamptz not null,
    generation     bigint      not null check (generation > 0),
    rotated_at     timestamptz not null,
    revoked_at     timestamptz,
    revoked_reason text        check (revoked_reason in ('logout', 'refresh_reused', 'revoked',
                                 'password_changed', 'email_changed', 'role_changed', 'merged',
                                 'erased')),
    version        bigint      not null check (version >= 0),
    check (expires_at > started_at),
    check (revoked_at is null or device is null),
    check ((revoked_at is null) = (revoked_reason is null)),
    check ((revoked_at is null) = (version = 0))
);
create index session_customer_id on session (customer_id);
create index session_expires_at on session (expires_at);
create index session_revoked_at on session (revoked_at, id) where revoked_at is not null;
insert into session (id, customer_id, amr, auth_time, started_at, expires_at, generation, rotated_at,
                     revoked_at, revoked_reason, version)
    select id, customer_id, amr, auth_time, started_at, expires_at, generation, rotated_at, revoked_at,
           revoked_reason, version from old_session;

create table refresh_token (
    hash       text        primary key,
    session_id uuid        not null references session (id) on delete cascade,
    generation bigint      not null check (generation > 0),
    unique (session_id, generation)
);
insert into refresh_token (hash, session_id, generation)
    select hash, session_id, generation from old_refresh_token;

drop table old_refresh_token;
drop table old_session;

-- What its owner calls a passkey is sealed, and longer then.
alter table passkey rename to old_passkey;
drop index passkey_customer_id;
create table passkey (
    id            uuid        primary key,
    customer_id   uuid        not null references customer (id),
    credential_id text        not null unique,
    name          text        not null check (length(name) > 0),
    credential    jsonb       not null,
    made_at       timestamptz not null,
    last_used_at  timestamptz
);
create index passkey_customer_id on passkey (customer_id);
create index passkey_plain on passkey (id) where name like 'plain:%';
insert into passkey (id, customer_id, credential_id, name, credential, made_at, last_used_at)
    select id, customer_id, credential_id, 'plain:' || name, credential, made_at, last_used_at
      from old_passkey;
drop table old_passkey;
