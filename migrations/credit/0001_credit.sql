-- Stored value: gift cards, and the store credit of customers, one for each currency. Of a code only its SHA-256 and its last
-- four characters are kept. `value_minor` is what came to an account less what was taken away again by the shop, and
-- `spent_minor` what pays orders; what is left is the difference. Each change that is told moves `version` by one.
create table account (
    id          uuid        primary key,
    kind        text        not null check (kind in ('gift_card', 'store_credit')),
    code_hash   text        unique check (length(code_hash) = 64),
    last4       text        check (length(last4) = 4),
    customer_id uuid,
    currency    text        not null check (length(currency) = 3),
    value_minor bigint      not null,
    spent_minor bigint      not null default 0,
    state       text        not null check (state in ('active', 'blocked', 'expired')),
    expires_at  timestamptz,
    version     bigint      not null,
    created_at  timestamptz not null,
    check (spent_minor >= 0 and spent_minor <= value_minor),
    check ((kind = 'gift_card') = (code_hash is not null) and (kind = 'gift_card') = (last4 is not null)),
    check ((kind = 'store_credit') = (customer_id is not null)),
    check (kind = 'gift_card' or (expires_at is null and state = 'active'))
);
create unique index account_customer on account (customer_id, currency) where customer_id is not null;
create index account_kind on account (kind, id);
create index account_expiring on account (expires_at) where state = 'active' and expires_at is not null;

-- What came to an account (above zero) and what went, in its currency. `key` is what it is for: nothing is done twice.
create table movement (
    id           uuid        primary key,
    account_id   uuid        not null references account (id),
    kind         text        not null check (kind in ('issue', 'spend', 'give_back', 'refund', 'expire', 'adjust')),
    amount_minor bigint      not null check (amount_minor <> 0),
    order_id     uuid,
    change_id    uuid,
    key          text        not null unique check (length(key) between 1 and 400),
    reason       text        check (length(reason) between 1 and 200),
    at           timestamptz not null,
    check (kind = 'adjust' or (amount_minor < 0) = (kind in ('spend', 'expire'))),
    check ((order_id is not null) = (kind in ('spend', 'give_back', 'refund'))),
    check (change_id is null or kind in ('give_back', 'refund')),
    check (kind <> 'refund' or change_id is not null)
);
create index movement_account on movement (account_id, id);
create index movement_order on movement (order_id, id) where order_id is not null;

create trigger movement_is_never_changed before update on movement begin select raise(abort, 'movements are append-only'); end; -- only: sqlite
create trigger movement_is_never_deleted before delete on movement begin select raise(abort, 'movements are append-only'); end; -- only: sqlite
create function movement_refuses() returns trigger language plpgsql as $$ begin raise exception 'movements are append-only'; end $$; -- only: postgres
create trigger movement_is_kept before update or delete or truncate on movement for each statement execute function movement_refuses(); -- only: postgres

-- The orders that stored value was taken for, or may not be taken for any more. Whoever takes for an order or gives back
-- holds its row.
create table order_credit (
    order_id    uuid        primary key,
    released_at timestamptz
);

-- What an account pays of an order, and what of that was given back; the first one was taken first.
create table order_part (
    order_id    uuid   not null references order_credit (order_id),
    account_id  uuid   not null references account (id),
    place       bigint not null check (place >= 0),
    spent_minor bigint not null check (spent_minor > 0),
    given_minor bigint not null default 0,
    primary key (order_id, account_id),
    check (given_minor >= 0 and given_minor <= spent_minor)
);
