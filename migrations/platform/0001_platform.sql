-- What every module's schema has, so that a decision, its events, its saga and its stored answer
-- are one commit.

create table outbox (
    seq     integer     primary key autoincrement, -- only: sqlite
    seq     bigint      generated always as identity primary key, -- only: postgres
    pos     bigint      unique, -- only: postgres
    id      uuid        not null unique,
    kind    text        not null,
    source  text        not null,
    subject uuid        not null,
    version bigint      not null check (version > 0),
    trace   text        not null,
    time    timestamptz not null,
    data    jsonb       not null,
    unique (subject, version)
);
create index outbox_unsequenced on outbox (seq) where pos is null; -- only: postgres
create table outbox_head (one boolean primary key default true check (one), pos bigint not null); -- only: postgres
insert into outbox_head (pos) values (0); -- only: postgres

-- How far a subscription of this module has come in another module's outbox.
create table cursor (
    subscription text        not null,
    source       text        not null,
    pos          bigint      not null default 0,
    generation   bigint      not null default 1,
    lease_owner  text,
    lease_until  timestamptz,
    primary key (subscription, source)
);

-- Events a subscription could not handle, and all later ones of their subjects.
create table dead_letter (
    subscription text        not null,
    source       text        not null,
    pos          bigint      not null,
    event_id     uuid        not null,
    subject      uuid        not null,
    envelope     jsonb       not null,
    state        text        not null check (state in ('retrying', 'waiting', 'dead')),
    attempts     bigint      not null default 0 check (attempts >= 0),
    due_at       timestamptz not null,
    last_error   text,
    parked_at    timestamptz not null,
    primary key (subscription, source, pos)
);
create index dead_letter_due on dead_letter (subscription, source, due_at) where state = 'retrying';
create index dead_letter_subject on dead_letter (subscription, source, subject, pos);

create table saga (
    id         uuid        primary key,
    kind       text        not null,
    subject    uuid        not null,
    trace      text        not null,
    state      jsonb       not null,
    phase      text        not null check (phase in ('forward', 'undoing', 'done', 'undone', 'stuck')),
    step       bigint      not null check (step >= 0),
    attempts   bigint      not null default 0 check (attempts >= 0),
    epoch      bigint      not null check (epoch > 0),
    nudges     bigint      not null default 0,
    owner      text,
    due_at     timestamptz not null,
    deadline   timestamptz not null,
    reason     jsonb,
    last_error text,
    started_at timestamptz not null,
    ended_at   timestamptz,
    check ((ended_at is null) = (phase in ('forward', 'undoing', 'stuck')))
);
create index saga_due on saga (due_at) where phase in ('forward', 'undoing');
create index saga_open on saga (phase, started_at) where phase in ('forward', 'undoing', 'stuck');
create index saga_subject on saga (subject);

create table saga_history (
    saga_id uuid        not null references saga (id),
    n       bigint      not null,
    step    text        not null,
    phase   text        not null,
    outcome text        not null,
    detail  text,
    at      timestamptz not null,
    primary key (saga_id, n)
);

create table idempotency (
    scope       text        not null,
    key         text        not null,
    fingerprint text        not null,
    status      bigint      check (status between 200 and 499),
    body        text,
    started_at  timestamptz not null,
    primary key (scope, key),
    check ((status is null) = (body is null))
);
create index idempotency_started_at on idempotency (started_at);
