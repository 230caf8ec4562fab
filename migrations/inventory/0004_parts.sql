-- How much of a line left the house, how much was given back and how much of what left came back. What
-- is neither shipped nor released is promised still.
alter table reservation_line add column shipped bigint not null default 0 check (shipped >= 0);
alter table reservation_line add column released bigint not null default 0 check (released >= 0 and shipped + released <= quantity);
alter table reservation_line add column returned bigint not null default 0 check (returned between 0 and shipped);
update reservation_line set shipped = quantity where order_id in (select order_id from reservation where state = 'shipped');
update reservation_line set released = quantity where order_id in (select order_id from reservation where state in ('released', 'expired'));

-- Changes of a part of an order's promise: each key once.
create table reservation_change (
    key      text        primary key check (length(key) between 1 and 200),
    order_id uuid        not null references reservation (order_id),
    kind     text        not null check (kind in ('shipped', 'released', 'returned')),
    lines    jsonb       not null,
    at       timestamptz not null
);
