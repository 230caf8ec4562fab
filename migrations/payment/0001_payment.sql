-- An order's right to be paid. Authorizing and cancelling take this row first, so that the one that
-- comes second sees what the other did; a cancelled order stays here even if it never had a payment.
create table payable (
    order_id     uuid        primary key,
    attempts     bigint      not null check (attempts >= 0), -- those that lost a race included
    cancelled_at timestamptz
);

-- One attempt to pay for an order. `captured_minor` and `refunded_minor` count what is on its way to
-- the processor too. `version` moves with every change, `events` with every event told of it.
create table payment (
    id               uuid        primary key,
    order_id         uuid        not null references payable (order_id),
    purpose          text        not null check (purpose = 'order'),
    attempt          bigint      not null check (attempt > 0),
    amount_minor     bigint      not null check (amount_minor > 0),
    currency         text        not null check (length(currency) = 3),
    status           text        not null check (status in (
        'authorizing', 'unknown', 'action_required', 'authorized', 'capturing', 'captured',
        'partially_refunded', 'refunded', 'voiding', 'voided', 'declined', 'expired')),
    authorized_minor bigint      not null default 0,
    captured_minor   bigint      not null default 0,
    refunded_minor   bigint      not null default 0,
    version          bigint      not null check (version > 0),
    events           bigint      not null default 0 check (events >= 0),
    token            text        not null,
    processor_ref    text,
    card_brand       text,
    card_last4       text        check (length(card_last4) = 4),
    decline_code     text,
    decline_detail   text,
    action_url       text,
    action_until     timestamptz,
    created_at       timestamptz not null,
    updated_at       timestamptz not null,
    unique (order_id, purpose, attempt),
    check (refunded_minor >= 0 and refunded_minor <= captured_minor),
    check (captured_minor <= authorized_minor),
    check (authorized_minor <= amount_minor)
);
-- At most one live payment an order: the second line behind every key.
create unique index payment_live on payment (order_id)
    where status not in ('declined', 'voided', 'refunded', 'expired');
create index payment_action_until on payment (action_until) where status = 'action_required';

-- Every call to the processor, written before it is made and ended with what came of it.
-- `answer_scope` and `answer_key` name the command whose stored answer is written at its end.
create table payment_operation (
    id           uuid        primary key,
    payment_id   uuid        not null references payment (id),
    kind         text        not null check (kind in (
        'authorize', 'approve', 'decline', 'capture', 'void', 'refund')),
    key          text        not null unique check (length(key) between 1 and 255),
    amount_minor bigint      not null check (amount_minor >= 0),
    state        text        not null check (state in ('started', 'succeeded', 'failed', 'unknown')),
    error        text,
    answer_scope text,
    answer_key   text,
    started_at   timestamptz not null,
    updated_at   timestamptz not null,
    ended_at     timestamptz,
    unique (answer_scope, answer_key),
    check ((ended_at is null) = (state in ('started', 'unknown')))
);
create index payment_operation_open on payment_operation (updated_at)
    where state in ('started', 'unknown');
create index payment_operation_payment on payment_operation (payment_id, kind, state);

-- Gift cards: what is loaded on them and what of it is spent.
create table gift_card (
    id            uuid        primary key,
    currency      text        not null check (length(currency) = 3),
    balance_minor bigint      not null check (balance_minor >= 0),
    spent_minor   bigint      not null default 0,
    version       bigint      not null check (version > 0),
    created_at    timestamptz not null,
    check (spent_minor >= 0 and spent_minor <= balance_minor)
);
