-- SQLite's table did not take the kind 'boolean', because its word was taken for that of a type.
create table attribute_new ( -- only: sqlite
    id uuid primary key, -- only: sqlite
    code text not null unique check (length(code) between 1 and 100), -- only: sqlite
    label text not null check (length(label) between 1 and 100), -- only: sqlite
    kind text not null check (kind in ('text', 'number', 'boolean', 'list')), -- only: sqlite
    unit text not null check (length(unit) <= 20), -- only: sqlite
    options jsonb not null, -- only: sqlite
    facet boolean not null, -- only: sqlite
    version bigint not null check (version > 0), -- only: sqlite
    created_at timestamptz not null, -- only: sqlite
    updated_at timestamptz not null -- only: sqlite
) strict; -- only: sqlite
insert into attribute_new select * from attribute; -- only: sqlite
drop table attribute; -- only: sqlite
alter table attribute_new rename to attribute; -- only: sqlite
