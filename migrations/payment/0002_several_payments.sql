-- An order that was changed after it was paid is paid by more than one payment: one of the order as it
-- was placed, and one of each change that made it dearer. `pays` is what a payment pays: the order, or
-- a change of it.

-- A change's right to be paid, as `payable` is the order's.
create table payable_change (
    id           uuid        primary key,
    order_id     uuid        not null references payable (order_id),
    cancelled_at timestamptz
);

create table payment_new (
    id               uuid        primary key,
    order_id         uuid        not null references payable (order_id),
    purpose          text        not null check (purpose in ('order', 'edit', 'exchange')),
    pays             uuid        not null,
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
    unique (order_id, pays, attempt),
    check ((purpose = 'order') = (pays = order_id)),
    check (refunded_minor >= 0 and refunded_minor <= captured_minor),
    check (captured_minor <= authorized_minor),
    check (authorized_minor <= amount_minor)
);
insert into payment_new (
    id, order_id, purpose, pays, attempt, amount_minor, currency, status, authorized_minor,
    captured_minor, refunded_minor, version, events, token, processor_ref, card_brand, card_last4,
    decline_code, decline_detail, action_url, action_until, created_at, updated_at)
select id, order_id, purpose, order_id, attempt, amount_minor, currency, status, authorized_minor,
    captured_minor, refunded_minor, version, events, token, processor_ref, card_brand, card_last4,
    decline_code, decline_detail, action_url, action_until, created_at, updated_at
  from payment;

create table payment_operation_new (
    id           uuid        primary key,
    payment_id   uuid        not null references payment_new (id),
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
insert into payment_operation_new (
    id, payment_id, kind, key, amount_minor, state, error, answer_scope, answer_key, started_at,
    updated_at, ended_at)
select id, payment_id, kind, key, amount_minor, state, error, answer_scope, answer_key, started_at,
    updated_at, ended_at
  from payment_operation;

drop table payment_operation;
drop table payment;
alter table payment_new rename to payment;
alter table payment_operation_new rename to payment_operation;

-- At most one live payment of an order and of each of its changes: the second line behind every key.
create unique index payment_live on payment (pays)
    where status not in ('declined', 'voided', 'refunded', 'expired');
create index payment_action_until on payment (action_until) where status = 'action_required';
create index payment_operation_open on payment_operation (updated_at)
    where state in ('started', 'unknown');
create index payment_operation_payment on payment_operation (payment_id, kind, state);
