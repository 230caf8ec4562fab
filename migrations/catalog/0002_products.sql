alter table product add column slug text check (length(slug) between 1 and 200);
alter table product add column publish_at timestamptz;
alter table product add column tax_category text not null default 'standard' check (length(tax_category) between 1 and 50);
alter table product add column weight_g bigint check (weight_g between 0 and 100000000);
alter table product add column barcode text check (length(barcode) between 1 and 64);
alter table product add column translations jsonb not null default '{}';
-- What editors know a product's state by: their changes count it, stock that runs out does not.
alter table product add column revision bigint not null default 1 check (revision > 0);
-- Whether shoppers see it: active, and its time has come. A task shows what becomes due.
alter table product add column shown boolean not null default false;
alter table product add column in_stock boolean not null default false;
update product set revision = version, shown = (status = 'active'), in_stock = (inventory_count > 0);

create index product_due on product (publish_at, id) where status = 'active' and not shown;
create index product_by_barcode on product (barcode) where barcode is not null;
drop index product_variants;
create index product_variants on product (parent_id, shown, inventory_count) where parent_id is not null;
drop index product_by_price;
create index product_by_price on product (price, id) where shown and parent_id is null;
drop index product_by_age;
create index product_by_age on product (created_at, id) where shown and parent_id is null;
drop index product_by_name;
create index product_by_name on product (name, id) where shown and parent_id is null;

-- Every address a product has or had: a link to a former one leads to the present one, and never
-- to another product.
create table product_slug (
    slug       text        primary key check (length(slug) between 1 and 200),
    product_id uuid        not null references product (id),
    created_at timestamptz not null
);
create index product_slug_product on product_slug (product_id);

-- What is known of an attribute that products have: an attribute without a row may hold anything.
create table attribute (
    id         uuid        primary key,
    code       text        not null unique check (length(code) between 1 and 100),
    label      text        not null check (length(label) between 1 and 100),
    kind       text        not null check (kind in ('text', 'number', 'boolean', 'list')),
    unit       text        not null check (length(unit) <= 20),
    options    jsonb       not null,
    facet      boolean     not null,
    version    bigint      not null check (version > 0),
    created_at timestamptz not null,
    updated_at timestamptz not null
);

-- Products that belong to another one, e.g. the case of a camera.
create table product_relation (
    product_id uuid   not null references product (id),
    kind       text   not null check (kind in ('accessory', 'alternative', 'upsell')),
    position   bigint not null check (position >= 0),
    related_id uuid   not null references product (id) check (related_id <> product_id),
    primary key (product_id, kind, related_id)
);
create index product_relation_related on product_relation (related_id);
