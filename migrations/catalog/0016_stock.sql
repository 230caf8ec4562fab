-- What lies of a product, stock by stock: `inventory_count` is the sum of what can be promised where
-- orders are served from. Without a location it is of the time when there was one.
create table product_stock (
    stock_id    uuid    primary key,
    product_id  uuid    not null,
    location    text,
    units       bigint  not null,
    is_for_sale boolean not null
);
create index product_stock_product on product_stock (product_id);
create index product_stock_location on product_stock (location);

-- Which locations orders are served from.
create table stock_location (
    code        text    primary key,
    is_for_sale boolean not null
);
