-- The tax that items and shipping hold already, where prices are told with it.
alter table orders add column included_tax_minor bigint not null default 0 check (included_tax_minor >= 0);
