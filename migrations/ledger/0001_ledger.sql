-- How many entries the journal has. Whoever appends holds this row, so that numbers have no gap and are the order of
-- the commits.
create table journal (
    one     bigint primary key default 1 check (one = 1),
    entries bigint not null check (entries >= 0)
);
insert into journal (entries) values (0);

-- What entries are posted to. `subject` is the order or the payment that an account is for, where there is one for each.
-- The balance is what was debited less what was credited, in minor units; a trigger of the postings keeps it.
create table account (
    code          text   not null check (length(code) between 1 and 300),
    currency      text   not null check (length(currency) = 3),
    kind          text   not null check (kind in (
        'receivable', 'clearing', 'bank', 'fees', 'revenue', 'shipping', 'tax', 'refunds', 'goodwill',
        'disputes', 'dispute_losses', 'adjustments', 'gift_cards', 'store_credit', 'credit_grants', 'breakage')),
    subject       uuid,
    balance_minor bigint not null default 0,
    primary key (code, currency)
);
-- What is open: these are few, however many accounts there have been.
create index account_open on account (code, currency) where balance_minor <> 0;

-- What happened. `key` is what it is known by: an event or a line of a settlement is journaled once.
create table entry (
    number      bigint      primary key check (number > 0),
    key         text        not null unique check (length(key) between 1 and 200),
    kind        text        not null,
    occurred_at timestamptz not null,
    recorded_at timestamptz not null,
    order_id    uuid,
    payment_id  uuid,
    description text        not null,
    postings    bigint      not null check (postings between 1 and 1000)
);
create index entry_order on entry (order_id, number) where order_id is not null;
create index entry_payment on entry (payment_id, number) where payment_id is not null;

-- What an entry posts: each row debits one account and credits another with the same amount in the same currency, so that
-- no entry can be written that is not balanced in each of its currencies.
create table posting (
    entry        bigint not null references entry (number),
    n            bigint not null check (n > 0),
    debit        text   not null,
    credit       text   not null,
    currency     text   not null,
    amount_minor bigint not null check (amount_minor > 0),
    primary key (entry, n),
    check (debit <> credit),
    foreign key (debit, currency) references account (code, currency),
    foreign key (credit, currency) references account (code, currency)
);
create index posting_debit on posting (debit, entry);
create index posting_credit on posting (credit, entry);

-- The next entry has the next number, an entry has as many postings as it says, and a posting moves its balances.
create trigger entry_is_next before insert on entry when new.number <> (select entries + 1 from journal) or exists (select 1 from entry where key = new.key) begin select raise(abort, 'the journal has no gaps and is append-only'); end; -- only: sqlite
create trigger entry_is_counted after insert on entry begin update journal set entries = new.number; end; -- only: sqlite
create trigger posting_is_of_its_entry before insert on posting when not exists (select 1 from entry where number = new.entry and postings >= new.n) or exists (select 1 from posting where entry = new.entry and n = new.n) begin select raise(abort, 'the journal is append-only'); end; -- only: sqlite
create trigger posting_moves_balances after insert on posting begin update account set balance_minor = balance_minor + new.amount_minor where code = new.debit and currency = new.currency; update account set balance_minor = balance_minor - new.amount_minor where code = new.credit and currency = new.currency; end; -- only: sqlite
create function entry_is_next() returns trigger language plpgsql as $$ begin update journal set entries = new.number where entries = new.number - 1; if not found then raise exception 'the journal has no gaps and is append-only'; end if; return new; end $$; -- only: postgres
create function posting_is_of_its_entry() returns trigger language plpgsql as $$ begin if not exists (select 1 from entry where number = new.entry and postings >= new.n) then raise exception 'the journal is append-only'; end if; return new; end $$; -- only: postgres
create function posting_moves_balances() returns trigger language plpgsql as $$ begin update account set balance_minor = balance_minor + new.amount_minor where code = new.debit and currency = new.currency; update account set balance_minor = balance_minor - new.amount_minor where code = new.credit and currency = new.currency; return null; end $$; -- only: postgres
create trigger entry_is_next before insert on entry for each row execute function entry_is_next(); -- only: postgres
create trigger posting_is_of_its_entry before insert on posting for each row execute function posting_is_of_its_entry(); -- only: postgres
create trigger posting_moves_balances after insert on posting for each row execute function posting_moves_balances(); -- only: postgres

-- Entries and postings are only ever added, and an account stays what it is.
create trigger entry_is_never_changed before update on entry begin select raise(abort, 'the journal is append-only'); end; -- only: sqlite
create trigger entry_is_never_deleted before delete on entry begin select raise(abort, 'the journal is append-only'); end; -- only: sqlite
create trigger posting_is_never_changed before update on posting begin select raise(abort, 'the journal is append-only'); end; -- only: sqlite
create trigger posting_is_never_deleted before delete on posting begin select raise(abort, 'the journal is append-only'); end; -- only: sqlite
create trigger account_is_never_changed before update of code, currency, kind, subject on account begin select raise(abort, 'an account stays what it is'); end; -- only: sqlite
create trigger account_is_never_deleted before delete on account begin select raise(abort, 'an account stays what it is'); end; -- only: sqlite
create trigger account_is_never_replaced before insert on account when new.balance_minor <> 0 or exists (select 1 from account where code = new.code and currency = new.currency) begin select raise(abort, 'an account stays what it is'); end; -- only: sqlite
create function journal_refuses() returns trigger language plpgsql as $$ begin raise exception 'the journal is append-only'; end $$; -- only: postgres
create trigger entry_is_kept before update or delete or truncate on entry for each statement execute function journal_refuses(); -- only: postgres
create trigger posting_is_kept before update or delete or truncate on posting for each statement execute function journal_refuses(); -- only: postgres
create trigger account_stays before update of code, currency, kind, subject on account for each statement execute function journal_refuses(); -- only: postgres
create trigger account_is_kept before delete or truncate on account for each statement execute function journal_refuses(); -- only: postgres
-- The owner of the tables gives the right up too. Foreign keys lock what they lead to in the owner's name, which needs
-- the right to update it: so that of an entry stays, behind its trigger.
revoke update, delete, truncate on posting from current_user; -- only: postgres
revoke delete, truncate on entry, account from current_user; -- only: postgres

-- Orders that were called off or failed: what is given back for them is no good will.
create table called_off (
    order_id uuid primary key
);

-- What the processor took, gave back or was made to give back, and is to settle. `id` is the key of its entry; `line` the
-- line of a settlement that settled it.
create table movement (
    id           text        primary key,
    kind         text        not null check (kind in ('charge', 'refund', 'dispute')),
    payment_id   uuid        not null,
    charge       text,
    amount_minor bigint      not null check (amount_minor > 0),
    currency     text        not null check (length(currency) = 3),
    occurred_at  timestamptz not null,
    line         text        unique,
    settled_at   timestamptz,
    check ((line is null) = (settled_at is null))
);
create index movement_payment on movement (payment_id, kind);
create index movement_charge on movement (charge, kind) where charge is not null;
create index movement_open on movement (occurred_at) where line is null;

-- Files of the processor, each known by its SHA-256.
create table settlement (
    id          uuid        primary key,
    digest      text        not null unique check (length(digest) = 64),
    lines       bigint      not null check (lines >= 0),
    posted      bigint      not null check (posted between 0 and lines),
    differences bigint      not null check (differences >= 0),
    imported_at timestamptz not null
);

create table settlement_line (
    settlement_id uuid        not null references settlement (id),
    n             bigint      not null check (n > 0),
    line          text        not null check (length(line) between 1 and 190),
    kind          text        not null check (kind in ('charge', 'refund', 'dispute')),
    payment_id    uuid,
    charge        text,
    gross_minor   bigint      not null,
    fee_minor     bigint      not null,
    net_minor     bigint      not null,
    currency      text        not null check (length(currency) = 3),
    created_at    timestamptz not null,
    available_on  timestamptz not null,
    posted        boolean     not null,
    primary key (settlement_id, n),
    check (net_minor = gross_minor - fee_minor)
);
create index settlement_line_line on settlement_line (line);

-- What the processor tells and the journal does not, or the other way round. `exposed_minor` is money that it is about and
-- that no account has open.
create table difference (
    id             uuid        primary key,
    reason         text        not null check (reason in (
        'missing', 'duplicate', 'amount', 'currency', 'fee', 'late', 'orphan_charge', 'orphan_refund', 'orphan_dispute')),
    settlement_id  uuid        not null references settlement (id),
    n              bigint,
    movement_id    text        references movement (id),
    payment_id     uuid,
    currency       text        not null check (length(currency) = 3),
    expected_minor bigint,
    found_minor    bigint,
    exposed_minor  bigint      not null check (exposed_minor >= 0),
    found_at       timestamptz not null,
    resolved_at    timestamptz,
    note           text        check (length(note) between 1 and 1000),
    check ((resolved_at is null) = (note is null))
);
create unique index difference_missing on difference (movement_id) where reason = 'missing';
create index difference_movement on difference (movement_id) where movement_id is not null;
create index difference_open on difference (id) where resolved_at is null;
create index difference_settlement on difference (settlement_id, n);
