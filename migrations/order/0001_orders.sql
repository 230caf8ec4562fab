create table coupon (
    code         text        primary key,
    percent_bp   bigint      not null check (percent_bp between 1 and 10000),
    uses         bigint      not null default 0,
    uses_max     bigint      not null check (uses_max > 0),
    version      bigint      not null default 1,
    created_at   timestamptz not null,
    check (uses >= 0 and uses <= uses_max)
);

-- One cart per shopper. While an order is made of it, order_id is set and the cart stands still.
create table cart (
    id         uuid        primary key,
    owner      uuid        not null unique,
    coupon     text        references coupon (code),
    order_id   uuid,
    version    bigint      not null,
    updated_at timestamptz not null
);
create index cart_order on cart (order_id) where order_id is not null;

create table cart_line (
    id         uuid        primary key,
    cart_id    uuid        not null references cart (id),
    product_id uuid        not null,
    quantity   bigint      not null check (quantity between 1 and 10000),
    added_at   timestamptz not null,
    unique (cart_id, product_id)
);

create table orders (
    id               uuid        primary key,
    number           text        not null unique,
    customer_id      uuid        not null,
    cart_id          uuid        not null references cart (id),
    status           text        not null check (status in ('PENDING', 'AWAITING_PAYMENT', 'CONFIRMED',
                                   'SHIPPED', 'DELIVERED', 'RETURNED', 'FAILED', 'CANCELLED')),
    currency         text        not null,
    items_minor      bigint      not null check (items_minor >= 0),
    discount_minor   bigint      not null check (discount_minor between 0 and items_minor),
    shipping_minor   bigint      not null check (shipping_minor >= 0),
    tax_minor        bigint      not null check (tax_minor >= 0),
    total_minor      bigint      not null,
    coupon           text        references coupon (code),
    shipping_address jsonb       not null,
    billing_address  jsonb,
    shipping_method  text        not null,
    failure          jsonb,
    version          bigint      not null check (version > 0),
    created_at       timestamptz not null,
    updated_at       timestamptz not null,
    confirmed_at     timestamptz,
    check (total_minor = items_minor - discount_minor + shipping_minor + tax_minor),
    check ((status = 'FAILED') = (failure is not null))
);
create index orders_customer on orders (customer_id, id desc);
create index orders_status on orders (status, id desc);
create index orders_coupon on orders (coupon) where coupon is not null;
create unique index orders_live_cart on orders (cart_id) where status in ('PENDING', 'AWAITING_PAYMENT');

create table order_line (
    id          uuid   primary key,
    order_id    uuid   not null references orders (id),
    product_id  uuid   not null,
    sku         text   not null,
    name        text   not null,
    quantity    bigint not null check (quantity between 1 and 10000),
    unit_minor  bigint not null check (unit_minor >= 0),
    total_minor bigint not null,
    unique (order_id, product_id),
    check (total_minor = unit_minor * quantity)
);

-- Manual fulfilment: what the staff are to hand to a carrier.
create table shipment (
    order_id   uuid        primary key,
    id         uuid        not null unique,
    state      text        not null check (state in ('booked', 'shipped', 'delivered', 'cancelled')),
    method     text        not null,
    tracking   text,
    booked_at  timestamptz not null,
    updated_at timestamptz not null
);
create index shipment_state on shipment (state, booked_at);
