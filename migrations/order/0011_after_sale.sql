-- Units of a line that do not leave, that came back, and whose price was given back although they left and did
-- not come back. No unit counts twice: what is cancelled does not leave, what is refunded does not come back.
alter table order_line add column cancelled bigint not null default 0 check (cancelled >= 0 and shipped + cancelled <= quantity);
alter table order_line add column returned bigint not null default 0 check (returned >= 0 and returned <= delivered);
alter table order_line add column refunded bigint not null default 0 check (refunded >= 0 and returned + refunded <= shipped);
update order_line set returned = delivered where order_id in (select id from orders where status = 'RETURNED');

-- What an order's customer paid and what of it was or is being given back by the order, in its currency. The row
-- is made by the first change of an order, so that a checkout does not write it.
create table order_balance (
    order_id       uuid   primary key references orders (id),
    charged_minor  bigint not null check (charged_minor >= 0),
    refunded_minor bigint not null default 0,
    version        bigint not null default 1,
    check (refunded_minor >= 0 and refunded_minor <= charged_minor)
);

-- What happens to an order after it was confirmed, by whom and why. `due_minor` is what is charged (above zero) or
-- given back (below); of one that failed what of it was given back all the same. `detail` is what else a kind needs.
create table order_change (
    id          uuid        primary key,
    order_id    uuid        not null references orders (id),
    kind        text        not null check (kind in ('edit', 'cancel_part', 'return', 'exchange', 'refund')),
    state       text        not null check (state in ('requested', 'approved', 'received', 'settling', 'done',
                              'rejected', 'withdrawn', 'failed')),
    actor_kind  text        not null check (actor_kind in ('customer', 'staff', 'shop')),
    actor       uuid,
    reason_code text        check (reason_code in ('damaged', 'wrong_item', 'not_as_described', 'no_longer_wanted',
                              'too_late', 'other')),
    reason      text        check (length(reason) between 1 and 1000),
    answer      text        check (length(answer) between 1 and 1000), -- why it was rejected or failed
    due_minor   bigint      not null default 0,
    detail      jsonb,
    created_at  timestamptz not null,
    updated_at  timestamptz not null,
    ended_at    timestamptz,
    check ((ended_at is null) = (state in ('requested', 'approved', 'received', 'settling'))),
    check (answer is not null or state not in ('rejected', 'failed'))
);
create index order_change_order on order_change (order_id, id);
create index order_change_state on order_change (kind, state, id desc);
-- What changes an order's lines is done one after the other.
create unique index order_change_open on order_change (order_id) where state = 'settling' and kind in ('edit', 'exchange');

-- The units that a change is about. Of a return `accepted` are those that are paid back.
create table order_change_line (
    change_id     uuid    not null references order_change (id),
    order_line_id uuid    not null references order_line (id),
    quantity      bigint  not null check (quantity > 0),
    reason_code   text    check (reason_code in ('damaged', 'wrong_item', 'not_as_described', 'no_longer_wanted',
                            'too_late', 'other')),
    accepted      bigint  check (accepted between 0 and quantity),
    condition     text    check (condition in ('sellable', 'damaged')),
    restock       boolean,
    amount_minor  bigint  not null default 0,
    primary key (change_id, order_line_id),
    check ((accepted is null) = (condition is null) and (accepted is null) = (restock is null))
);
create index order_change_line_order on order_change_line (order_line_id);
