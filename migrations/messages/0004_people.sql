-- Whose order a message is about, where its event tells that; what payments tell of the same order is found by the order.
alter table message add column customer_id uuid;
update message set customer_id = unhex(data->>'customer_id', '-') where data->>'customer_id' is not null; -- only: sqlite
update message set customer_id = cast(data->>'customer_id' as uuid) where data->>'customer_id' is not null; -- only: postgres
create index message_customer on message (customer_id, order_id) where customer_id is not null;

-- Whether they were erased. Then `data` is empty unless it need be told still, and is emptied when that has ended.
alter table message add column erased boolean not null default false
    check (not erased or state = 'waiting' or data = '{}');

-- Who was erased, by their ids alone: what is heard of them late is let go, too.
create table erased (
    customer_id uuid primary key
);
