-- What is to be sealed in the log and is not yet: written in the commit of what it tells of, without a
-- lock and without an order, and deleted once it is sealed.
create table unsealed (
    id      uuid        not null,
    source  text        not null,
    kind    text        not null,
    subject uuid        not null,
    at      timestamptz not null,
    payload bytea       not null,
    primary key (id, source)
);
-- The name of an entry in the log. Entries of before have none, and are not sealed.
alter table audit add column id uuid;
create unique index audit_id on audit (id);
