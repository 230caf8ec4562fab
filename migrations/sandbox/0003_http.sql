-- What the sandbox keeps for merchants that come to it over HTTP, in Stripe's shapes.

-- A PaymentIntent: the wish to be paid. Its charge, once it is confirmed, is the one with its reference.
create table intent (
    id             text        primary key,
    key            text        not null unique,
    reference      uuid        not null unique,
    amount_minor   bigint      not null check (amount_minor > 0),
    currency       text        not null check (length(currency) = 3),
    payment_method text,
    challenge      boolean     not null,
    return_url     text,
    metadata       jsonb       not null,
    error_code     text,
    error_detail   text,
    canceled_at    timestamptz,
    created_at     timestamptz not null,
    check ((error_code is null) = (error_detail is null))
);

create table refund (
    id           text        primary key,
    key          text        not null unique,
    charge_id    text        not null references charge (id),
    amount_minor bigint      not null check (amount_minor > 0),
    metadata     jsonb       not null,
    created_at   timestamptz not null
);
create index refund_charge on refund (charge_id, id);

-- What a merchant said of its answer to a dispute.
alter table dispute add column metadata jsonb;

-- The answers to idempotency keys. `fingerprint` is of the path and the parameters.
create table request (
    key         text        primary key check (length(key) between 1 and 255),
    fingerprint text        not null,
    status      bigint      not null,
    body        text        not null,
    created_at  timestamptz not null
);
