-- The whole life of a payment: parts of it taken at different times, captures that are refused, authorizations that end by
-- themselves, success that comes too late, disputes.
--
-- `released_minor` is what was set aside and let go, so that what is held is authorized - captured - released.
-- `lost_minor` is what disputes took away and `disputed_minor` what an open one is about. `authorized_until` is when the
-- processor lets go by itself. `confirmed_at` is since when the payment pays something that stands; it is empty again when
-- that was called off. `due_at` is when the shop tries by itself again what was refused, and `tries` how often it was.

create table payment_new (
    id               uuid        primary key,
    order_id         uuid        not null references payable (order_id),
    purpose          text        not null check (purpose in ('order', 'edit', 'exchange')),
    pays             uuid        not null,
    attempt          bigint      not null check (attempt > 0),
    amount_minor     bigint      not null check (amount_minor > 0),
    currency         text        not null check (length(currency) = 3),
    status           text        not null check (status in (
        'authorizing', 'unknown', 'action_required', 'authorized', 'capturing', 'capture_failed',
        'partially_captured', 'captured', 'partially_refunded', 'refunded', 'disputed', 'won', 'lost',
        'voiding', 'voided', 'declined', 'expired', 'reversing')),
    authorized_minor bigint      not null default 0,
    released_minor   bigint      not null default 0,
    captured_minor   bigint      not null default 0,
    refunded_minor   bigint      not null default 0,
    disputed_minor   bigint      not null default 0,
    lost_minor       bigint      not null default 0,
    version          bigint      not null check (version > 0),
    events           bigint      not null default 0 check (events >= 0),
    token            text        not null,
    processor_ref    text,
    card_brand       text,
    card_last4       text        check (length(card_last4) = 4),
    decline_code     text,
    decline_detail   text,
    action_url       text,
    action_until     timestamptz,
    authorized_until timestamptz,
    confirmed_at     timestamptz,
    tries            bigint      not null default 0 check (tries >= 0),
    due_at           timestamptz,
    created_at       timestamptz not null,
    updated_at       timestamptz not null,
    unique (order_id, pays, attempt),
    check ((purpose = 'order') = (pays = order_id)),
    check (refunded_minor >= 0 and lost_minor >= 0 and refunded_minor + lost_minor <= captured_minor),
    check (disputed_minor >= 0 and disputed_minor + lost_minor <= captured_minor),
    check (released_minor >= 0 and captured_minor + released_minor <= authorized_minor),
    check (authorized_minor <= amount_minor)
);
insert into payment_new (
    id, order_id, purpose, pays, attempt, amount_minor, currency, status, authorized_minor,
    captured_minor, refunded_minor, version, events, token, processor_ref, card_brand, card_last4,
    decline_code, decline_detail, action_url, action_until, created_at, updated_at,
    released_minor, confirmed_at)
select p.id, p.order_id, p.purpose, p.pays, p.attempt, p.amount_minor, p.currency, p.status, p.authorized_minor,
    p.captured_minor, p.refunded_minor, p.version, p.events, p.token, p.processor_ref, p.card_brand, p.card_last4,
    p.decline_code, p.decline_detail, p.action_url, p.action_until, p.created_at, p.updated_at,
    case when p.status in ('voided', 'expired') then p.authorized_minor - p.captured_minor else 0 end,
    case when o.cancelled_at is null
          and (p.captured_minor > 0 or p.status in ('authorized', 'capturing')) then p.updated_at end
  from payment p join payable o on o.order_id = p.order_id;

create table payment_operation_new (
    id           uuid        primary key,
    payment_id   uuid        not null references payment_new (id),
    kind         text        not null check (kind in (
        'authorize', 'approve', 'decline', 'capture', 'void', 'refund', 'evidence', 'accept')),
    key          text        not null unique check (length(key) between 1 and 255),
    amount_minor bigint      not null check (amount_minor >= 0),
    state        text        not null check (state in ('started', 'succeeded', 'failed', 'unknown')),
    error        text,
    answer_scope text,
    answer_key   text,
    started_at   timestamptz not null,
    updated_at   timestamptz not null,
    ended_at     timestamptz,
    unique (answer_scope, answer_key),
    check ((ended_at is null) = (state in ('started', 'unknown')))
);
insert into payment_operation_new (
    id, payment_id, kind, key, amount_minor, state, error, answer_scope, answer_key, started_at,
    updated_at, ended_at)
select id, payment_id, kind, key, amount_minor, state, error, answer_scope, answer_key, started_at,
    updated_at, ended_at
  from payment_operation;

drop table payment_operation;
drop table payment;
alter table payment_new rename to payment;
alter table payment_operation_new rename to payment_operation;

-- At most one live payment of an order and of each of its changes: the second line behind every key. One that only
-- gives back what came too late is none.
create unique index payment_live on payment (pays)
    where status not in ('declined', 'voided', 'refunded', 'expired', 'lost', 'reversing');
create index payment_action_until on payment (action_until) where status = 'action_required';
create index payment_due on payment (due_at) where due_at is not null;
create index payment_held on payment (authorized_until)
    where authorized_until is not null and authorized_minor > captured_minor + released_minor;
-- What the staff has to look at.
create index payment_troubled on payment (status, id) where status in ('capture_failed', 'disputed');
create index payment_unordered on payment (created_at)
    where confirmed_at is null
      and status in ('authorized', 'capturing', 'capture_failed', 'partially_captured', 'captured',
                     'partially_refunded', 'won', 'voiding', 'reversing');
create index payment_lapsed on payment (id) where released_minor > 0 and confirmed_at is not null;
create index payment_operation_open on payment_operation (updated_at)
    where state in ('started', 'unknown');
create index payment_operation_payment on payment_operation (payment_id, kind, state);
create index payment_operation_unknown on payment_operation (payment_id) where state = 'unknown';

-- A dispute of a payment as its processor tells it. What the staff answers is kept before it is sent.
create table dispute (
    id            uuid        primary key,
    payment_id    uuid        not null references payment (id),
    processor_ref text        not null unique check (length(processor_ref) between 1 and 255),
    amount_minor  bigint      not null check (amount_minor > 0),
    reason        text        not null,
    state         text        not null check (state in ('needs_response', 'under_review', 'won', 'lost')),
    evidence      text,
    respond_by    timestamptz not null,
    opened_at     timestamptz not null,
    closed_at     timestamptz,
    check ((closed_at is null) = (state in ('needs_response', 'under_review')))
);
create index dispute_payment on dispute (payment_id, opened_at);

-- What processors tell, as it came, each once by the processor's id of it, before anything is done about it. What is done
-- is to ask the processor how the payment stands. `ignored` told nothing new, or of a kind the shop does not know; `stuck`
-- could not be looked at: the staff sees it.
create table processor_event (
    id          uuid        primary key,
    processor   text        not null,
    event_id    text        not null check (length(event_id) between 1 and 100),
    kind        text        not null check (length(kind) between 1 and 100),
    payment_id  uuid        not null,
    raw         text        not null,
    state       text        not null check (state in ('waiting', 'applied', 'ignored', 'stuck')),
    note        text,
    attempts    bigint      not null default 0 check (attempts >= 0),
    due_at      timestamptz not null,
    received_at timestamptz not null,
    handled_at  timestamptz,
    unique (processor, event_id),
    check ((handled_at is null) = (state = 'waiting'))
);
create index processor_event_due on processor_event (due_at) where state = 'waiting';
create index processor_event_state on processor_event (state, id);
