-- What a carrier tells of parcels. `carrier_ref` is its number of the one that is booked with the order, kept apart from
-- `tracking`, which the staff may say otherwise. `progress` is the newest word of the carrier and `progress_seq` its
-- number: an older word that comes late changes nothing. An exception is what the staff has to look at; it stands until
-- it is resolved.
alter table shipment add column carrier_ref text check (length(carrier_ref) between 1 and 100);
alter table shipment add column progress text;
alter table shipment add column progress_seq bigint not null default 0 check (progress_seq >= 0);
alter table shipment add column exception text check (exception in ('recall_refused', 'held_up', 'contradiction'));
alter table shipment add column exception_detail text;
alter table shipment add column exception_at timestamptz;
alter table shipment add column resolved_at timestamptz;
create unique index shipment_carrier_ref on shipment (carrier_ref) where carrier_ref is not null;
create index shipment_exception on shipment (id) where exception is not null and resolved_at is null;

-- The carrier's calls as they came, each once by the carrier's id of the event, before anything is done about them.
-- `stuck` is what could not be applied: the staff sees it. `late` is what was known, or older than what was known.
create table carrier_event (
    id          uuid        primary key,
    event_id    text        not null unique check (length(event_id) between 1 and 100),
    carrier_ref text        not null check (length(carrier_ref) between 1 and 100),
    seq         bigint      not null check (seq > 0),
    event       text        not null,
    detail      text,
    happened_at timestamptz not null,
    raw         text        not null,
    state       text        not null check (state in ('waiting', 'applied', 'late', 'stuck')),
    note        text,
    attempts    bigint      not null default 0 check (attempts >= 0),
    due_at      timestamptz not null,
    received_at timestamptz not null,
    handled_at  timestamptz,
    check ((handled_at is null) = (state = 'waiting'))
);
create index carrier_event_due on carrier_event (due_at) where state = 'waiting';
create index carrier_event_state on carrier_event (state, id);
create index carrier_event_ref on carrier_event (carrier_ref, seq);
