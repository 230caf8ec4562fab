-- Where stock lies. Orders are served from the active locations that serve orders; a lower priority
-- comes first. `version` numbers the events of a location: 0 is one that was only adjusted so far.
create table location (
    id            uuid    primary key,
    code          text    not null unique check (length(code) between 1 and 64),
    name          text    not null check (length(name) between 1 and 200),
    country       text    check (length(country) = 2),
    postal_code   text    check (postal_code is null or (length(postal_code) between 1 and 20 and country is not null)),
    priority      bigint  not null default 0,
    active        boolean not null default true,
    serves_orders boolean not null default false,
    version       bigint  not null default 0 check (version >= 0)
);
