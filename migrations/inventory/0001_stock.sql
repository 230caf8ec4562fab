-- What lies where, and how much of it is promised. `version` counts the changes of a row; each
-- change is the row of `movement` with that version.
create table stock (
    id         uuid   primary key,
    product_id uuid   not null,
    location   text   not null check (length(location) between 1 and 64),
    on_hand    bigint not null default 0 check (on_hand >= 0),
    reserved   bigint not null default 0 check (reserved >= 0),
    version    bigint not null default 0 check (version >= 0),
    unique (product_id, location),
    check (reserved <= on_hand)
);

-- The promise of stock to one order. An order that was released before it reserved anything has a
-- row without lines, so that a late reservation finds that it has ended.
create table reservation (
    order_id   uuid        primary key,
    state      text        not null
               check (state in ('held', 'committed', 'released', 'expired', 'shipped')),
    expires_at timestamptz,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    check (state <> 'held' or expires_at is not null)
);
create index reservation_due on reservation (expires_at) where state = 'held';

create table reservation_line (
    order_id   uuid   not null references reservation (order_id),
    stock_id   uuid   not null references stock (id),
    product_id uuid   not null,
    quantity   bigint not null check (quantity > 0),
    primary key (order_id, stock_id)
);

-- The journal: every change of stock, in the commit that made it.
create table movement (
    stock_id       uuid        not null references stock (id),
    version        bigint      not null check (version > 0),
    product_id     uuid        not null,
    kind           text        not null
                   check (kind in ('opened', 'adjusted', 'reserved', 'released', 'expired', 'shipped')),
    delta_on_hand  bigint      not null,
    delta_reserved bigint      not null,
    order_id       uuid,
    reason         text        not null,
    actor          uuid,
    at             timestamptz not null,
    primary key (stock_id, version),
    check (delta_on_hand <> 0 or delta_reserved <> 0),
    check ((kind in ('opened', 'adjusted')) = (order_id is null))
);
create index movement_product on movement (product_id, at, stock_id, version);

create trigger movement_is_never_changed before update on movement begin select raise(abort, 'movement is append-only'); end; -- only: sqlite
create trigger movement_is_never_deleted before delete on movement begin select raise(abort, 'movement is append-only'); end; -- only: sqlite
create function movement_is_append_only() returns trigger language plpgsql as 'begin raise exception ''movement is append-only''; end'; -- only: postgres
create trigger movement_is_append_only before update or delete or truncate on movement for each statement execute function movement_is_append_only(); -- only: postgres
