-- Customers' systems that are told of events. `failing_since` is when the tries began to fail of which
-- none has worked since; after a day of them the webhook is switched off, and `switched_off_at` says so.
create table webhook (
    id              uuid        primary key,
    url             text        not null check (length(url) between 1 and 2000),
    events          jsonb       not null,
    secret          bytea       not null,
    active          boolean     not null,
    failures        bigint      not null default 0 check (failures >= 0),
    failing_since   timestamptz,
    switched_off_at timestamptz,
    version         bigint      not null default 1 check (version > 0),
    created_at      timestamptz not null,
    check ((failures = 0) = (failing_since is null)),
    check (switched_off_at is null or not active)
);
