-- Where prices are for: a currency, how they are rounded, and whether they hold the tax.
create table market (
    id                 uuid        primary key,
    code               text        not null unique check (length(code) between 1 and 50),
    name               text        not null check (length(name) between 1 and 100),
    currency           text        not null check (length(currency) = 3),
    prices_include_tax boolean     not null,
    rounding_step      bigint      not null check (rounding_step between 1 and 1000000),
    rounding_ending    bigint      not null check (rounding_ending >= 0 and rounding_ending < rounding_step),
    rounding_mode      text        not null check (rounding_mode in ('half_up', 'half_even', 'up', 'down')),
    is_default         boolean     not null,
    version            bigint      not null check (version > 0),
    created_at         timestamptz not null,
    updated_at         timestamptz not null
);
create unique index market_default on market (is_default) where is_default;

-- A country is in one market at most.
create table market_country (
    country text primary key check (length(country) = 2),
    market  text not null references market (code)
);
create index market_country_market on market_country (market, country);

-- Who changes the markets holds this row: there is always one default market, or no market.
create table market_set (
    one     boolean primary key default true check (one),
    version bigint  not null
);
insert into market_set (version) values (1);

create table price_list (
    id             uuid        primary key,
    code           text        not null unique check (length(code) between 1 and 50),
    name           text        not null check (length(name) between 1 and 100),
    currency       text        not null check (length(currency) = 3),
    market         text        references market (code),
    customer_group text        check (length(customer_group) between 1 and 50),
    priority       bigint      not null check (priority between -1000 and 1000),
    valid_from     timestamptz,
    valid_until    timestamptz,
    -- Up to when the beginning and the end of its validity have been acted upon.
    seen_at        timestamptz not null,
    version        bigint      not null check (version > 0),
    created_at     timestamptz not null,
    updated_at     timestamptz not null,
    check (valid_from < valid_until)
);
create index price_list_market on price_list (market) where market is not null;
create index price_list_window on price_list (valid_from, valid_until);

create table price_list_entry (
    list_id      uuid   not null references price_list (id),
    product_id   uuid   not null references product (id),
    min_quantity bigint not null check (min_quantity between 1 and 1000000),
    amount       bigint not null check (amount between 0 and 100000000000),
    primary key (list_id, product_id, min_quantity)
);
create index price_list_entry_product on price_list_entry (product_id, list_id);

-- Products whose public prices are to be worked out again. A task takes them in batches.
create table price_due (
    product_id uuid primary key references product (id)
);

-- What every shopper of a market paid for one unit, and from when to when.
create table price_history (
    product_id    uuid        not null references product (id),
    market        text        not null,
    amount        bigint      not null check (amount between 0 and 100000000000),
    currency      text        not null check (length(currency) = 3),
    from_at       timestamptz not null,
    until_at      timestamptz,
    -- The lowest price of the 30 days before it began.
    lowest_before bigint      check (lowest_before between 0 and 100000000000),
    primary key (product_id, market, from_at),
    check (from_at < until_at)
);
create unique index price_history_open on price_history (product_id, market) where until_at is null;

-- What shoppers of the default market pay, for lists and searches: worked out with every change.
alter table product add column public_price bigint not null default 0 check (public_price between 0 and 100000000000);
alter table product add column public_currency text not null default '' check (length(public_currency) in (0, 3));
alter table product add column public_lowest bigint check (public_lowest between 0 and 100000000000);
update product set public_price = price, public_currency = currency;
insert into price_history (product_id, market, amount, currency, from_at) select id, 'default', price, currency, updated_at from product where shown;
