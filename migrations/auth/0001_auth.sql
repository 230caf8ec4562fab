-- Accounts, sessions and what limits the guessing of passwords.

-- A guest has no e-mail address. Version 0 is a guest; opening the account makes it 1.
create table customer (
    id            uuid        primary key,
    email         text        unique,
    name          text,
    role          text        not null check (role in ('guest', 'customer', 'staff', 'admin')),
    password_hash text,
    version       bigint      not null check (version >= 0),
    created_at    timestamptz not null,
    check ((role = 'guest') = (email is null)),
    check ((email is null) = (name is null)),
    check (email is not null or password_hash is null)
);

-- A login. Its generation is that of its newest refresh token.
create table session (
    id             uuid        primary key,
    customer_id    uuid        not null references customer (id),
    amr            jsonb       not null,
    started_at     timestamptz not null,
    expires_at     timestamptz not null,
    generation     bigint      not null check (generation > 0),
    rotated_at     timestamptz not null,
    revoked_at     timestamptz,
    revoked_reason text        check (revoked_reason in ('logout', 'refresh_reused')),
    version        bigint      not null check (version >= 0),
    check (expires_at > started_at),
    check ((revoked_at is null) = (revoked_reason is null)),
    check ((revoked_at is null) = (version = 0))
);
create index session_customer_id on session (customer_id);
create index session_expires_at on session (expires_at);
create index session_revoked_at on session (revoked_at, id) where revoked_at is not null;

-- Every refresh token a session ever had, as its SHA-256: an old one that comes back was stolen.
create table refresh_token (
    hash       text        primary key,
    session_id uuid        not null references session (id) on delete cascade,
    generation bigint      not null check (generation > 0),
    unique (session_id, generation)
);

-- Guesses in one window of time, by account and by client address, both under a keyed hash.
create table login_attempt (
    key          text        primary key,
    failures     bigint      not null check (failures >= 0),
    failures_max bigint      not null check (failures_max > 0),
    window_ends  timestamptz not null,
    version      bigint      not null check (version > 0),
    check (failures <= failures_max)
);
create index login_attempt_window_ends on login_attempt (window_ends);
