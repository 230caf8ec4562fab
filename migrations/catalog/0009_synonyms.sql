-- Words that shoppers use for the same thing. A search reads them from memory.
create table synonym (
    id         uuid        primary key,
    kind       text        not null check (kind in ('equivalent', 'one_way')),
    terms      jsonb       not null,
    version    bigint      not null check (version > 0),
    created_at timestamptz not null,
    updated_at timestamptz not null
);
