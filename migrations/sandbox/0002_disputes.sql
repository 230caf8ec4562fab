-- What the sandbox does by itself: it lets go of what was not taken in time, disputes what a card is made for, and tells
-- its merchant by webhooks.

-- What the webhooks of its one merchant are signed with.
create table merchant (
    one        bigint      primary key check (one = 1),
    secret     bytea       not null,
    created_at timestamptz not null
);

-- `dispute_at` is when the card's holder disputes what was taken.
alter table charge add column authorized_until timestamptz;
alter table charge add column lost_minor bigint not null default 0
    check (lost_minor >= 0 and refunded_minor + lost_minor <= captured_minor);
alter table charge add column dispute_at timestamptz;
create index charge_dispute on charge (dispute_at) where dispute_at is not null;

-- A charge is disputed once. Without an answer that convinces, it is lost at `respond_by`.
create table dispute (
    id           text        primary key,
    charge_id    text        not null unique references charge (id),
    amount_minor bigint      not null check (amount_minor > 0),
    reason       text        not null,
    state        text        not null check (state in ('needs_response', 'under_review', 'won', 'lost')),
    evidence     text,
    respond_by   timestamptz not null,
    opened_at    timestamptz not null,
    closed_at    timestamptz,
    check ((closed_at is null) = (state in ('needs_response', 'under_review')))
);
create index dispute_due on dispute (respond_by) where closed_at is null;

-- What the merchant is told. `copies` is how often a webhook is still to be delivered; `attempts` is the fence of a try.
create table notice (
    id          uuid        primary key,
    charge_id   text        not null references charge (id),
    kind        text        not null,
    happened_at timestamptz not null,
    state       text        not null check (state in ('waiting', 'sent', 'dead')),
    copies      bigint      not null check (copies >= 0),
    attempts    bigint      not null default 0 check (attempts >= 0),
    due_at      timestamptz not null,
    last_error  text
);
create index notice_due on notice (due_at) where state = 'waiting';
