-- What proves somebody beside a password.

-- The seed of codes, sealed under the secret of the folder of keys. No code is taken of a step that is
-- not after the last one, so none works twice.
create table totp (
    customer_id  uuid        primary key references customer (id),
    seed         bytea       not null,
    last_step    bigint      not null default 0,
    made_at      timestamptz not null,
    confirmed_at timestamptz
);

-- Codes in place of a lost device, as their SHA-256.
create table recovery_code (
    hash        text        primary key,
    customer_id uuid        not null references customer (id),
    used_at     timestamptz
);
create index recovery_code_customer_id on recovery_code (customer_id);

create table passkey (
    id            uuid        primary key,
    customer_id   uuid        not null references customer (id),
    credential_id text        not null unique,
    name          text        not null check (length(name) between 1 and 100),
    credential    jsonb       not null,
    made_at       timestamptz not null,
    last_used_at  timestamptz
);
create index passkey_customer_id on passkey (customer_id);

-- What a browser was asked to sign; it is taken out by the answer, whatever that is worth.
create table passkey_ceremony (
    id          uuid        primary key,
    customer_id uuid        references customer (id),
    state       jsonb       not null,
    expires_at  timestamptz not null
);
create index passkey_ceremony_expires_at on passkey_ceremony (expires_at);
