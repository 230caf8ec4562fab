-- Units that are kept back from promises, and the mark for a warning that few are left. `low` is whether
-- it was warned of; `alerts` counts the warnings, which are told under an id of their own.
alter table stock add column safety bigint not null default 0 check (safety between 0 and 1000000000);
alter table stock add column low_at bigint check (low_at between 0 and 1000000000);
alter table stock add column low boolean not null default false;
alter table stock add column alerts bigint not null default 0 check (alerts >= 0);
alter table stock add column alert_id uuid;
create index stock_low on stock (id) where low;
-- The rows that crossed their mark and were not looked at yet: it is empty most of the time.
create index stock_turning on stock (id) where low <> coalesce(on_hand - reserved - safety <= low_at, false);

-- The journal knows what else changes stock. A change of what is kept back moves no units.
create table movement_new (
    stock_id       uuid        not null references stock (id),
    version        bigint      not null check (version > 0),
    product_id     uuid        not null,
    kind           text        not null
                   check (kind in ('opened', 'adjusted', 'limited', 'counted', 'transferred',
                                   'reserved', 'released', 'expired', 'shipped', 'returned')),
    delta_on_hand  bigint      not null,
    delta_reserved bigint      not null,
    order_id       uuid,
    reason         text        not null,
    actor          uuid,
    at             timestamptz not null,
    primary key (stock_id, version),
    check ((kind = 'limited') = (delta_on_hand = 0 and delta_reserved = 0)),
    check ((kind in ('opened', 'adjusted', 'limited', 'counted', 'transferred')) = (order_id is null))
);
insert into movement_new (stock_id, version, product_id, kind, delta_on_hand, delta_reserved, order_id, reason, actor, at) select stock_id, version, product_id, kind, delta_on_hand, delta_reserved, order_id, reason, actor, at from movement;
drop table movement;
alter table movement_new rename to movement;
create index movement_product on movement (product_id, at, stock_id, version);
create trigger movement_is_never_changed before update on movement begin select raise(abort, 'movement is append-only'); end; -- only: sqlite
create trigger movement_is_never_deleted before delete on movement begin select raise(abort, 'movement is append-only'); end; -- only: sqlite
create trigger movement_is_append_only before update or delete or truncate on movement for each statement execute function movement_is_append_only(); -- only: postgres
