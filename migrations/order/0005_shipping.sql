-- Where parcels go to: a zone is its places.
create table shipping_zone (
    code    text   primary key check (length(code) between 1 and 40),
    name    text   not null check (length(name) between 1 and 200),
    version bigint not null default 1 check (version > 0)
);
create table shipping_place (
    zone          text not null references shipping_zone (code),
    country       text not null check (length(country) = 2),
    region        text not null check (length(region) <= 3),
    postal_prefix text not null check (length(postal_prefix) <= 10),
    primary key (zone, country, region, postal_prefix)
);

create table shipping_method (
    code    text    primary key check (length(code) between 1 and 40),
    name    text    not null check (length(name) between 1 and 200),
    kind    text    not null check (kind in ('carrier', 'pickup')),
    active  boolean not null,
    version bigint  not null default 1 check (version > 0)
);

-- What a method costs; without a zone, anywhere.
create table shipping_rate (
    method           text   not null references shipping_method (code),
    n                bigint not null check (n >= 0),
    zone             text   references shipping_zone (code),
    currency         text   not null check (length(currency) = 3),
    min_weight_g     bigint not null check (min_weight_g >= 0),
    max_weight_g     bigint check (max_weight_g >= min_weight_g),
    min_items_minor  bigint not null check (min_items_minor >= 0),
    max_items_minor  bigint check (max_items_minor > min_items_minor),
    price_minor      bigint not null check (price_minor >= 0),
    free_above_minor bigint check (free_above_minor >= 0),
    primary key (method, n)
);
create index shipping_rate_zone on shipping_rate (zone) where zone is not null;
