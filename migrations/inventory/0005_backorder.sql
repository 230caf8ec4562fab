-- Units that may be promised beyond what lies there, which is what the limit takes in. With `deny` none
-- are promised anew; what was promised before may still be owed. `stock` has children that keep it from
-- being rebuilt alone, so they are rebuilt with it.
create table stock_new (
    id             uuid        primary key,
    product_id     uuid        not null,
    location       text        not null check (length(location) between 1 and 64),
    on_hand        bigint      not null default 0 check (on_hand >= 0),
    reserved       bigint      not null default 0 check (reserved >= 0),
    version        bigint      not null default 0 check (version >= 0),
    safety         bigint      not null default 0 check (safety between 0 and 1000000000),
    low_at         bigint      check (low_at between 0 and 1000000000),
    low            boolean     not null default false,
    alerts         bigint      not null default 0 check (alerts >= 0),
    alert_id       uuid,
    policy         text        not null default 'deny' check (policy in ('deny', 'backorder', 'preorder')),
    backorder_max  bigint      not null default 0 check (backorder_max between 0 and 10000),
    available_from timestamptz,
    unique (product_id, location),
    check (reserved <= on_hand + backorder_max),
    check ((policy = 'preorder') = (available_from is not null))
);
insert into stock_new (id, product_id, location, on_hand, reserved, version, safety, low_at, low, alerts, alert_id) select id, product_id, location, on_hand, reserved, version, safety, low_at, low, alerts, alert_id from stock;

-- `backordered`: how many of the units that are promised still do not lie there yet.
create table reservation_line_new (
    order_id    uuid   not null references reservation (order_id),
    stock_id    uuid   not null references stock_new (id),
    product_id  uuid   not null,
    quantity    bigint not null check (quantity > 0),
    shipped     bigint not null default 0 check (shipped >= 0),
    released    bigint not null default 0 check (released >= 0),
    returned    bigint not null default 0 check (returned between 0 and shipped),
    backordered bigint not null default 0 check (backordered >= 0),
    primary key (order_id, stock_id),
    check (shipped + released + backordered <= quantity)
);
insert into reservation_line_new (order_id, stock_id, product_id, quantity, shipped, released, returned) select order_id, stock_id, product_id, quantity, shipped, released, returned from reservation_line;

-- What comes in is noted as `covered` beside the movement that brought it: it moves no units.
create table movement_new (
    stock_id       uuid        not null references stock_new (id),
    version        bigint      not null check (version > 0),
    product_id     uuid        not null,
    kind           text        not null
                   check (kind in ('opened', 'adjusted', 'limited', 'counted', 'transferred',
                                   'reserved', 'released', 'expired', 'shipped', 'returned', 'covered')),
    delta_on_hand  bigint      not null,
    delta_reserved bigint      not null,
    order_id       uuid,
    reason         text        not null,
    actor          uuid,
    at             timestamptz not null,
    primary key (stock_id, version),
    check ((kind in ('limited', 'covered')) = (delta_on_hand = 0 and delta_reserved = 0)),
    check ((kind in ('opened', 'adjusted', 'limited', 'counted', 'transferred', 'covered')) = (order_id is null))
);
insert into movement_new (stock_id, version, product_id, kind, delta_on_hand, delta_reserved, order_id, reason, actor, at) select stock_id, version, product_id, kind, delta_on_hand, delta_reserved, order_id, reason, actor, at from movement;

drop table movement;
drop table reservation_line;
drop table stock;
alter table stock_new rename to stock;
alter table reservation_line_new rename to reservation_line;
alter table movement_new rename to movement;

create index stock_low on stock (id) where low;
create index stock_turning on stock (id) where low <> coalesce(on_hand - reserved - safety <= low_at, false);
create index stock_preorder on stock (available_from) where policy = 'preorder';
-- Who waits for units, the oldest order first: ids of orders are of the time they were placed.
create index reservation_line_waiting on reservation_line (stock_id, order_id) where backordered > 0;
create index movement_product on movement (product_id, at, stock_id, version);
create trigger movement_is_never_changed before update on movement begin select raise(abort, 'movement is append-only'); end; -- only: sqlite
create trigger movement_is_never_deleted before delete on movement begin select raise(abort, 'movement is append-only'); end; -- only: sqlite
create trigger movement_is_append_only before update or delete or truncate on movement for each statement execute function movement_is_append_only(); -- only: postgres
