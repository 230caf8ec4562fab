-- The books of the sandbox carrier: a party of its own, that can be asked what it really carries.

-- What the webhooks of its one merchant are signed with.
create table merchant (
    one        bigint      primary key check (one = 1),
    secret     bytea       not null,
    created_at timestamptz not null
);

-- One consignment for each order, which is the merchant's key: a repeated booking is the same one. A row without
-- a number is what calling off left behind when nothing was booked: a late booking finds it and is refused.
-- `seq` counts what became of it; `moves_at` is when its clock moves it on.
create table parcel (
    order_id   uuid        primary key,
    tracking   text        unique check (length(tracking) between 1 and 100),
    parameters text        not null,
    faults     jsonb       not null,
    state      text        not null check (state in (
        'booked', 'picked_up', 'in_transit', 'exception', 'delivered', 'lost', 'cancelled')),
    seq        bigint      not null default 0 check (seq >= 0),
    moves_at   timestamptz,
    booked_at  timestamptz not null,
    updated_at timestamptz not null,
    check (tracking is not null or state = 'cancelled'),
    check (moves_at is null or state not in ('delivered', 'lost', 'cancelled'))
);
create index parcel_moves on parcel (moves_at) where moves_at is not null;

-- What the merchant is told by webhooks, each with its number among those of its parcel. `copies` is how often it is
-- still to be delivered, `fails` how many tries of it are made to fail. `attempts` is the fence of a try.
create table notice (
    id          uuid        primary key,
    tracking    text        not null references parcel (tracking),
    seq         bigint      not null check (seq > 0),
    event       text        not null,
    detail      text,
    happened_at timestamptz not null,
    state       text        not null check (state in ('waiting', 'sent', 'dead')),
    copies      bigint      not null check (copies >= 0),
    fails       bigint      not null check (fails >= 0),
    attempts    bigint      not null default 0 check (attempts >= 0),
    due_at      timestamptz not null,
    last_error  text,
    unique (tracking, seq)
);
create index notice_due on notice (due_at) where state = 'waiting';
