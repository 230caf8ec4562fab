-- What a bundle was made of when it was bought: what becomes of the bundle changes no order.
create table order_line_part (
    order_line_id uuid   not null references order_line (id) on delete cascade,
    product_id    uuid   not null,
    sku           text   not null,
    name          text   not null,
    quantity      bigint not null check (quantity between 1 and 1000),
    primary key (order_line_id, product_id)
);
