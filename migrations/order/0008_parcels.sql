-- How many units of a line left in parcels, and what became of them: no unit leaves twice.
alter table order_line add column shipped bigint not null default 0 check (shipped between 0 and quantity);
alter table order_line add column delivered bigint not null default 0 check (delivered >= 0);
alter table order_line add column lost bigint not null default 0 check (lost >= 0 and delivered + lost <= shipped);
update order_line set shipped = quantity where order_id in (select id from orders where status in ('SHIPPED', 'DELIVERED', 'RETURNED'));
update order_line set delivered = quantity where order_id in (select id from orders where status in ('DELIVERED', 'RETURNED'));

-- An order leaves in several parcels. The first one is booked with the order; its row remains when that was
-- called off, so that a late booking is refused.
create table shipment_new (
    id         uuid        primary key,
    order_id   uuid        not null,
    n          bigint      not null check (n > 0),
    state      text        not null check (state in ('booked', 'shipped', 'delivered', 'lost', 'cancelled')),
    method     text        not null,
    carrier    text        check (length(carrier) between 1 and 200),
    tracking   text,
    reason     text,
    booked_at  timestamptz not null,
    updated_at timestamptz not null,
    unique (order_id, n),
    check ((state = 'lost') = (reason is not null))
);
insert into shipment_new (id, order_id, n, state, method, tracking, booked_at, updated_at) select id, order_id, 1, state, method, tracking, booked_at, updated_at from shipment;
drop table shipment;
alter table shipment_new rename to shipment;
create index shipment_state on shipment (state, booked_at);

-- What is in a parcel that left.
create table shipment_line (
    shipment_id   uuid   not null references shipment (id),
    order_line_id uuid   not null references order_line (id),
    quantity      bigint not null check (quantity > 0),
    primary key (shipment_id, order_line_id)
);
create index shipment_line_order on shipment_line (order_line_id);
insert into shipment_line (shipment_id, order_line_id, quantity) select s.id, l.id, l.quantity from shipment s join order_line l on l.order_id = s.order_id where s.state in ('shipped', 'delivered');
