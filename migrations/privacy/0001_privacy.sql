-- Keys that what is kept about people is sealed under, each wrapped by a key that is kept elsewhere. The
-- row of one that was destroyed stays, so that no other is made for somebody who was erased.
create table person_key (
    id           uuid        primary key,
    made_for     uuid        not null,
    purpose      text        not null check (purpose in ('service', 'records')),
    wrapped      bytea,
    made_at      timestamptz not null,
    destroyed_at timestamptz,
    unique (made_for, purpose),
    check ((wrapped is null) = (destroyed_at is not null))
);

-- Guests who logged in. Their keys, also those that are made later, belong to the account and go with its.
create table merged (
    guest   uuid primary key,
    account uuid not null
);
create index merged_account on merged (account);
