-- What customers and their systems are told of events: one row for each event, channel and recipient,
-- whatever is repeated. A letter's recipient is 'customer': the address is looked up when it is sent,
-- and stands in no row. `attempts` is the fence: who records what came of a try was the last to begin
-- one. `due_at` is when the next try begins; while one goes on, when another may take over.
create table message (
    id            uuid        primary key,
    event_id      uuid        not null,
    event_kind    text        not null,
    event_version bigint      not null,
    event_at      timestamptz not null,
    order_id      uuid,
    channel       text        not null check (channel in ('email', 'webhook')),
    recipient     text        not null check (length(recipient) between 1 and 36),
    data          jsonb       not null,
    state         text        not null check (state in ('waiting', 'sent', 'nobody', 'outdated', 'dead')),
    attempts      bigint      not null default 0 check (attempts >= 0),
    due_at        timestamptz not null,
    created_at    timestamptz not null,
    ended_at      timestamptz,
    last_error    text,
    unique (event_id, channel, recipient),
    check ((ended_at is null) = (state = 'waiting')),
    check (state <> 'sent' or attempts > 0)
);
create index message_due on message (channel, recipient, due_at) where state = 'waiting';
create index message_state on message (state, id);
create index message_recipient on message (channel, recipient, id);
