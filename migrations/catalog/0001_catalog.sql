create table product (
    id              uuid        primary key,
    parent_id       uuid        references product (id) check (parent_id <> id),
    sku             text        not null unique check (length(sku) between 1 and 64),
    name            text        not null check (length(name) between 1 and 300),
    brand           text        not null,
    price           bigint      not null check (price between 0 and 100000000000),
    currency        text        not null check (length(currency) = 3),
    inventory_count bigint      not null default 0 check (inventory_count >= 0),
    status          text        not null check (status in ('draft', 'active', 'archived')),
    version         bigint      not null check (version > 0),
    created_at      timestamptz not null,
    updated_at      timestamptz not null,
    -- The long columns come last: SQLite reads a row from its beginning.
    description     text        not null,
    categories      jsonb       not null,
    attributes      jsonb       not null,
    options         jsonb       not null,
    images          jsonb       not null
);
create index product_variants on product (parent_id, status, inventory_count) where parent_id is not null;
create index product_by_price on product (price, id) where status = 'active' and parent_id is null;
create index product_by_age on product (created_at, id) where status = 'active' and parent_id is null;
create index product_by_name on product (name, id) where status = 'active' and parent_id is null;

-- The categories of products once more, for the way from a category to its products.
create table product_category (
    category   text not null,
    product_id uuid not null references product (id),
    primary key (category, product_id)
);
create index product_category_product on product_category (product_id);

-- Imports that are under way: how many records of a file are done, committed with their effect.
create table import_progress (
    fingerprint text        primary key,
    records     bigint      not null check (records > 0),
    created     bigint      not null,
    updated     bigint      not null,
    unchanged   bigint      not null,
    failed      bigint      not null,
    updated_at  timestamptz not null
);

-- Which building of the search index is wanted. An index of another generation is built again.
create table search_generation (
    one        boolean primary key default true check (one),
    generation uuid    not null
);
