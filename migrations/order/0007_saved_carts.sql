-- What shoppers have put aside under a name, to buy it another time.

create table saved_cart (
    id         uuid        primary key,
    owner      uuid        not null,
    name       text        not null check (length(name) between 1 and 100),
    created_at timestamptz not null,
    unique (owner, name)
);

-- A line keeps its id on its way from the cart and back: it is in one place only.
create table saved_cart_line (
    id            uuid   primary key,
    saved_cart_id uuid   not null references saved_cart (id),
    product_id    uuid   not null,
    quantity      bigint not null check (quantity between 1 and 10000),
    unique (saved_cart_id, product_id)
);
