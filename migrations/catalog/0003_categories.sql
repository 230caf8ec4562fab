-- The tree of categories. A product is in one of them, and so in all above it.
create table category (
    id          uuid        primary key,
    parent_id   uuid        references category (id) check (parent_id <> id),
    name        text        not null check (length(name) between 1 and 100),
    -- Its name below those above it, as in Home > Lighting: what files call it.
    path        text        not null unique,
    slug        text        not null unique check (length(slug) between 1 and 200),
    description text        not null default '',
    position    bigint      not null default 0 check (position >= 0),
    version     bigint      not null check (version > 0),
    created_at  timestamptz not null,
    updated_at  timestamptz not null
);
create index category_parent on category (parent_id, position, name);
-- Counts the changes of the tree. Who changes it holds this row: two moves at once cannot make a cycle.
create table category_tree (one boolean primary key default true check (one), version bigint not null);
insert into category_tree (version) values (1);

create table category_prefix (path text, name text, depth bigint);
insert into category_prefix select distinct group_concat(j.value, ' > ') over (partition by p.id order by j.key), j.value, j.key from product p, json_each(p.categories) j; -- only: sqlite
insert into category_prefix select distinct string_agg(j.value, ' > ') over (partition by p.id order by j.n), j.value, j.n - 1 from product p, jsonb_array_elements_text(p.categories) with ordinality as j(value, n); -- only: postgres
insert into category (id, name, path, slug, version, created_at, updated_at) select randomblob(16), name, path, lower(hex(randomblob(8))), 1, strftime('%Y-%m-%dT%H:%M:%f000Z', 'now'), strftime('%Y-%m-%dT%H:%M:%f000Z', 'now') from category_prefix; -- only: sqlite
insert into category (id, name, path, slug, version, created_at, updated_at) select gen_random_uuid(), name, path, left(md5(path), 16), 1, now(), now() from category_prefix; -- only: postgres
update category set parent_id = (select u.id from category u where u.path = substr(category.path, 1, length(category.path) - length(category.name) - 3)) where path like '% > %';
drop table category_prefix;

alter table product add column category_id uuid references category (id);
update product set category_id = (select c.id from category c where c.path = (select group_concat(j.value, ' > ') from json_each(product.categories) j)); -- only: sqlite
update product set category_id = (select c.id from category c where c.path = (select string_agg(j.value, ' > ' order by j.n) from jsonb_array_elements_text(product.categories) with ordinality as j(value, n))); -- only: postgres
create index product_by_category on product (category_id, id) where shown and parent_id is null;
create index product_category_any on product (category_id);
drop table product_category;
alter table product drop column categories;
