-- What bundles are made of: products that are no bundles themselves.
create table bundle_part (
    bundle_id  uuid   not null references product (id),
    product_id uuid   not null references product (id) check (product_id <> bundle_id),
    quantity   bigint not null check (quantity between 1 and 1000),
    primary key (bundle_id, product_id)
);
create index bundle_part_product on bundle_part (product_id);
-- Whether a product is a bundle or a part of one; of other products nobody asks for parts.
alter table product add column bundled boolean not null default false;
