-- How many units of a product were sold on a day, those of its variants among them.
create table product_sold (
    product_id uuid   not null references product (id),
    -- Days since 1970-01-01, in UTC.
    day        bigint not null check (day > 0),
    units      bigint not null check (units > 0),
    primary key (product_id, day)
);
create index product_sold_day on product_sold (day);
create index product_popular on product (id) where popularity > 0;
