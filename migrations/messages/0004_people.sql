-- Whose order a message is about, where its event tells that; what payments tell of the same order is found by the order.
-- When they are erased `data` is emptied of what was told or need not be told any more.
alter table message add column customer_id uuid;
update message set customer_id = unhex(data->>'customer_id', '-') where data->>'customer_id' is not null; -- only: sqlite
update message set customer_id = cast(data->>'customer_id' as uuid) where data->>'customer_id' is not null; -- only: postgres
create index message_customer on message (customer_id, order_id) where customer_id is not null;
