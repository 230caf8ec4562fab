-- Products that are shown together: chosen one by one, or by a rule.
create table collection (
    id          uuid        primary key,
    slug        text        not null unique check (length(slug) between 1 and 200),
    name        text        not null check (length(name) between 1 and 100),
    description text        not null,
    -- What a product has to meet; none when the products are chosen one by one.
    rule        jsonb,
    version     bigint      not null check (version > 0),
    created_at  timestamptz not null,
    updated_at  timestamptz not null
);
create table collection_product (
    collection_id uuid   not null references collection (id) on delete cascade,
    position      bigint not null check (position >= 0),
    product_id    uuid   not null references product (id),
    primary key (collection_id, product_id)
);
create index collection_product_product on collection_product (product_id);
