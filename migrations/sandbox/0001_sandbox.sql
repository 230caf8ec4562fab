-- The books of the sandbox processor: a party of its own, that can be asked what was really charged.

-- What is kept of a card: never its number.
create table card_token (
    token      text        primary key,
    brand      text        not null,
    last4      text        not null check (length(last4) = 4),
    exp_month  bigint      not null check (exp_month between 1 and 12),
    exp_year   bigint      not null,
    behaviour  text        not null,
    created_at timestamptz not null
);

create table charge (
    id               text        primary key,
    reference        uuid        not null unique,
    token            text        not null references card_token (token),
    amount_minor     bigint      not null check (amount_minor > 0),
    currency         text        not null check (length(currency) = 3),
    status           text        not null check (status in (
        'requires_action', 'authorized', 'captured', 'voided', 'declined')),
    authorized_minor bigint      not null default 0,
    captured_minor   bigint      not null default 0,
    refunded_minor   bigint      not null default 0,
    to_be_disputed   boolean     not null,
    version          bigint      not null check (version > 0),
    created_at       timestamptz not null,
    check (refunded_minor >= 0 and refunded_minor <= captured_minor),
    check (captured_minor <= authorized_minor),
    check (authorized_minor <= amount_minor)
);

-- Every command by the merchant's key, with the answer once there is a final one.
create table operation (
    key        text        primary key check (length(key) between 1 and 255),
    parameters text        not null,
    tries      bigint      not null check (tries > 0),
    charge_id  text        references charge (id),
    answer     jsonb,
    created_at timestamptz not null
);
