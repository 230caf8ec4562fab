-- Roles that a shop makes, what a session tells of itself, and API keys. Checks cannot be changed in
-- place on every engine, so accounts, sessions and refresh tokens move into tables of the new shape.

-- A set of permissions under a name that it keeps for life. Those that every shop has stand in the
-- program.
create table role (
    id          uuid        primary key,
    name        text        not null unique check (length(name) between 2 and 40),
    permissions jsonb       not null,
    version     bigint      not null check (version > 0),
    created_at  timestamptz not null,
    updated_at  timestamptz not null
);

alter table refresh_token rename to old_refresh_token;
alter table session rename to old_session;
alter table customer rename to old_customer;
drop index session_customer_id;
drop index session_expires_at;
drop index session_revoked_at;

-- A guest has no e-mail address. Version 0 is a guest; opening the account makes it 1.
create table customer (
    id                uuid        primary key,
    email             text        unique,
    email_verified_at timestamptz,
    name              text,
    role              text        not null check (role in ('guest', 'customer', 'staff', 'support',
                                    'merchandiser', 'warehouse', 'finance', 'admin', 'own')),
    own_role          text        references role (name),
    password_hash     text,
    version           bigint      not null check (version >= 0),
    created_at        timestamptz not null,
    check ((role = 'own') = (own_role is not null)),
    check ((role = 'guest') = (email is null)),
    check ((email is null) = (name is null)),
    check (email is not null or password_hash is null),
    check (email is not null or email_verified_at is null)
);
create index customer_own_role on customer (own_role) where own_role is not null;
create index customer_staff on customer (id) where role not in ('guest', 'customer');
insert into customer (id, email, name, role, password_hash, version, created_at)
    select id, email, name, role, password_hash, version, created_at from old_customer;

-- A login. Its generation is that of its newest refresh token.
create table session (
    id             uuid        primary key,
    customer_id    uuid        not null references customer (id),
    amr            jsonb       not null,
    auth_time      timestamptz not null,
    user_agent     text        not null,
    address        text        not null,
    started_at     timestamptz not null,
    expires_at     timestamptz not null,
    generation     bigint      not null check (generation > 0),
    rotated_at     timestamptz not null,
    revoked_at     timestamptz,
    revoked_reason text        check (revoked_reason in ('logout', 'refresh_reused', 'revoked',
                                 'password_changed', 'email_changed', 'role_changed', 'merged')),
    version        bigint      not null check (version >= 0),
    check (expires_at > started_at),
    check ((revoked_at is null) = (revoked_reason is null)),
    check ((revoked_at is null) = (version = 0))
);
create index session_customer_id on session (customer_id);
create index session_expires_at on session (expires_at);
create index session_revoked_at on session (revoked_at, id) where revoked_at is not null;
insert into session (id, customer_id, amr, auth_time, user_agent, address, started_at, expires_at,
                     generation, rotated_at, revoked_at, revoked_reason, version)
    select id, customer_id, amr, started_at, '', '', started_at, expires_at, generation, rotated_at,
           revoked_at, revoked_reason, version from old_session;

-- Every refresh token a session ever had, as its SHA-256: an old one that comes back was stolen.
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
drop table old_customer;

-- A key for a program. The secret is known as its SHA-256 alone; the prefix tells keys apart.
create table api_key (
    id           uuid        primary key,
    name         text        not null check (length(name) between 1 and 100),
    prefix       text        not null unique,
    hash         text        not null unique,
    permissions  jsonb       not null,
    rate_per_s   bigint      check (rate_per_s between 1 and 100000),
    made_by      uuid        not null references customer (id),
    created_at   timestamptz not null,
    expires_at   timestamptz,
    last_used_at timestamptz,
    revoked_at   timestamptz,
    check (expires_at > created_at)
);
create index api_key_made_by on api_key (made_by);
create index api_key_live on api_key (id) where revoked_at is null;
