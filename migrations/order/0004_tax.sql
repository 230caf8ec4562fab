-- The tax of places and products: what a country has and, on top of it, its regions.
create table tax_rate (
    id          uuid        primary key,
    country     text        not null check (length(country) = 2),
    region      text        not null default '' check (length(region) <= 3),
    category    text        not null check (length(category) between 1 and 50),
    rate_ppm    bigint      not null check (rate_ppm between 0 and 1000000),
    valid_from  timestamptz not null,
    valid_until timestamptz,
    version     bigint      not null default 1 check (version > 0),
    unique (country, region, category, valid_from),
    check (valid_from < valid_until)
);

-- The tax of a line as it was charged; lines of old do not tell it.
alter table order_line add column tax_minor bigint check (tax_minor >= 0);
alter table order_line add column tax_ppm bigint check (tax_ppm >= 0 and (tax_minor is null) = (tax_ppm is null));
alter table orders add column shipping_tax_minor bigint check (shipping_tax_minor >= 0);
alter table orders add column shipping_tax_ppm bigint check (shipping_tax_ppm >= 0 and (shipping_tax_minor is null) = (shipping_tax_ppm is null));
