-- What was sold on a day (UTC, `2026-11-22`) in a currency: confirmed orders less cancelled ones.
-- `goods` is the price of all units before discount, shipping and tax; `revenue` is what the orders
-- cost their customers. Both in minor units.
create table sales_day (
    day      text   not null check (length(day) = 10),
    currency text   not null check (length(currency) = 3),
    orders   bigint not null check (orders >= 0),
    units    bigint not null check (units >= 0),
    goods    bigint not null check (goods >= 0),
    revenue  bigint not null check (revenue >= 0),
    primary key (day, currency)
);

-- The same goods by product.
create table product_sales (
    day        text   not null check (length(day) = 10),
    currency   text   not null check (length(currency) = 3),
    product_id uuid   not null,
    units      bigint not null check (units >= 0),
    goods      bigint not null check (goods >= 0),
    primary key (day, currency, product_id)
);
