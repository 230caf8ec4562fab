-- What gift cards and store credit pay of an order, as it was placed: a list of accounts and amounts.
alter table orders add column credit jsonb;
-- Where what a change gives back goes, when not to the way the order was paid.
alter table order_change add column refund_to text check (refund_to = 'store_credit');
