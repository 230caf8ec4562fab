-- An order whose promise is final may be promised more. A key whose units were never promised is kept with
-- no lines once it was taken back, so that a late one finds that it has ended.
create table reservation_change_new (
    key      text        primary key check (length(key) between 1 and 200),
    order_id uuid        not null references reservation (order_id),
    kind     text        not null check (kind in ('shipped', 'released', 'returned', 'added')),
    lines    jsonb       not null,
    at       timestamptz not null
);
insert into reservation_change_new (key, order_id, kind, lines, at) select key, order_id, kind, lines, at from reservation_change;
drop table reservation_change;
alter table reservation_change_new rename to reservation_change;
