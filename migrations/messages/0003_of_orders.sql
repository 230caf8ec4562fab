-- What was told of one order, for its timeline.
create index message_order on message (order_id, id) where order_id is not null;
