-- A promotion can be switched off and on again, and be for one customer group only. Its revision moves
-- with what the staff changes, its version with what is used of it.
alter table promotion add column active boolean not null default true;
alter table promotion add column customer_group text check (length(customer_group) between 1 and 50);
alter table promotion add column revision bigint not null default 1 check (revision > 0);
