-- Events of long ago, a thousand in each row. Where a pack begins and ends follows from its key, so that no two have an
-- event in common.
create table outbox_pack (
    first_pos bigint      primary key check (first_pos % 1000 = 1),
    last_pos  bigint      not null check (last_pos = first_pos + 999),
    newest_at timestamptz not null,
    digest    bytea       not null check (length(digest) = 32),
    body      bytea       not null
);
alter table outbox_pack alter column body set storage external; -- only: postgres

-- Whose events are in which pack, from which version to which, and of what kinds.
create table packed_subject (
    subject       uuid   not null,
    pack          bigint not null references outbox_pack (first_pos),
    first_version bigint not null check (first_version > 0),
    last_version  bigint not null check (last_version >= first_version),
    kinds         text   not null,
    primary key (subject, pack)
);

-- Which versions of a subject were told, wherever their events are.
create view told as
    select subject, version as first_version, version as last_version, kind as kinds from outbox
    union all
    select subject, first_version, last_version, kinds from packed_subject;
