-- Keys that seal what is here, wrapped by a key that is kept elsewhere. The newest `card` key seals new
-- card numbers; one that is retired is deleted when nothing is sealed under it any more. The one
-- `fingerprint` key tells the same card again and is never retired.
create table data_key (
    id         uuid        primary key,
    purpose    text        not null check (purpose in ('card', 'fingerprint')),
    wrapped    bytea       not null,
    created_at timestamptz not null,
    retired_at timestamptz,
    check (purpose = 'card' or retired_at is null)
);
create unique index data_key_in_use on data_key (purpose) where retired_at is null;

-- A card number, sealed. The card verification code is nowhere.
create table card (
    token       text        primary key check (length(token) between 8 and 100),
    data_key    uuid        not null references data_key (id),
    sealed      bytea       not null,
    fingerprint text        not null check (length(fingerprint) = 64),
    brand       text        not null,
    last4       text        not null check (length(last4) = 4),
    exp_month   bigint      not null check (exp_month between 1 and 12),
    exp_year    bigint      not null check (exp_year between 1000 and 9999),
    created_at  timestamptz not null
);
create index card_data_key on card (data_key, token);
create index card_expiry on card (exp_year, exp_month);
