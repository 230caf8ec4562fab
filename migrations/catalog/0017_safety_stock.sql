-- Units that are kept back from sale.
alter table product_stock add column safety bigint not null default 0 check (safety >= 0);
