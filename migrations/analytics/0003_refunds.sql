-- What was given back of the orders of a day, whenever that was, in minor units. What was sold stays what it
-- was; an order that is called off takes what it gave back along.
alter table sales_day add column refunds bigint not null default 0 check (refunds >= 0);

-- What of it was given back for units of a product, and for how many.
alter table product_sales add column refunded_units bigint not null default 0 check (refunded_units >= 0);
alter table product_sales add column refunds bigint not null default 0 check (refunds >= 0);
