-- The customer group that the staff put somebody into: it has prices and promotions of its own.
alter table customer add column customer_group text check (length(customer_group) between 1 and 50);
