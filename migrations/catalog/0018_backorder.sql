-- What can be promised of a product beyond what lies there, and the day before which nothing of it leaves.
alter table product add column backorderable bigint not null default 0 check (backorderable >= 0);
alter table product add column available_from timestamptz;
alter table product_stock add column backorder_max bigint not null default 0 check (backorder_max >= 0);
alter table product_stock add column available_from timestamptz;
