-- What was decided about each attempt to pay, with all that it was decided by. It is the history that velocities
-- and features are counted from, too. Who paid, with what, where from and where to are names under a key of the
-- key folder: nobody can read an address, a card or an e-mail address out of them.
create table decision (
    id           uuid        primary key,
    attempt_key  text        not null unique check (length(attempt_key) between 1 and 255),
    order_id     uuid        not null,
    at           timestamptz not null,
    account      uuid        not null,
    card         uuid        not null,
    destination  uuid        not null,
    email        uuid,
    network      uuid,
    amount_minor bigint      not null check (amount_minor > 0),
    currency     text        not null check (length(currency) = 3),
    decision     text        not null check (decision in ('allow', 'challenge', 'review', 'deny')),
    score_ppm    bigint      not null check (score_ppm between 0 and 1000000),
    model        text        not null,
    features     jsonb       not null,
    reasons      jsonb       not null,
    -- What the processor said.
    outcome      text        check (outcome in ('authorized', 'failed')),
    -- What the staff found out.
    verdict      text        check (verdict in ('genuine', 'fraud')),
    judged_at    timestamptz,
    judged_by    uuid,
    check ((verdict is null) = (judged_at is null))
);
create index decision_account on decision (account, at);
create index decision_card on decision (card, at);
create index decision_destination on decision (destination, at);
create index decision_email on decision (email, at) where email is not null;
create index decision_network on decision (network, at) where network is not null;
create index decision_order on decision (order_id);
create index decision_decided on decision (decision, id);
create index decision_to_review on decision (id) where decision = 'review' and verdict is null;

-- Guests who logged in, and the account that they are since: an attempt that was begun before may be decided about after.
create table merged (
    guest   uuid primary key,
    account uuid not null
);
