-- How much of a product was sold lately, on a logarithmic scale, so that the search index has to
-- follow only when it changes much.
alter table product add column popularity bigint not null default 0 check (popularity >= 0);
