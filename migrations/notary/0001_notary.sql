-- The entries of the tamper-evident log, each at the place it has for ever: a row is what was decided,
-- also when whoever decided it dies before the log's files have it.
create table sealed (
    pos    bigint primary key check (pos >= 0),
    source text   not null,
    id     uuid   not null,
    leaf   bytea  not null,
    unique (id, source)
);
create trigger sealed_unchanged before update on sealed begin select raise(abort, 'the log is append-only'); end; -- only: sqlite
create trigger sealed_kept before delete on sealed begin select raise(abort, 'the log is append-only'); end; -- only: sqlite
create trigger sealed_added before insert on sealed when exists (select 1 from sealed where pos = new.pos) begin select raise(abort, 'the log is append-only'); end; -- only: sqlite
create function sealed_refuses() returns trigger language plpgsql as $$ begin raise exception 'the log is append-only'; end $$; -- only: postgres
create trigger sealed_kept before update or delete or truncate on sealed for each statement execute function sealed_refuses(); -- only: postgres

-- How many entries have a place, and which node gives them out.
create table sequencer (
    one         boolean     primary key default true check (one),
    head        bigint      not null check (head >= 0),
    owner       text,
    lease_until timestamptz
);
insert into sequencer (head) values (0);

-- Keys that entries are committed to with, sealed by the folder of keys. The row of one that was
-- destroyed stays, and says when.
create table subject_key (
    id           uuid        primary key,
    subject      uuid        not null,
    sealed_key   bytea,
    made_at      timestamptz not null,
    destroyed_at timestamptz,
    check ((sealed_key is null) = (destroyed_at is not null))
);
create unique index subject_key_live on subject_key (subject) where destroyed_at is null;
