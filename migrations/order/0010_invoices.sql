-- Numbers of papers, without gaps: the row is taken in the commit that issues one.
create table invoice_series (
    code text   primary key,
    last bigint not null check (last >= 0)
);
insert into invoice_series (code, last) values ('invoice', 0);

-- Invoices as they were issued.
create table invoice (
    number    bigint      primary key check (number > 0),
    order_id  uuid        not null unique references orders (id),
    content   jsonb       not null,
    issued_at timestamptz not null
);

create trigger invoice_is_never_changed before update on invoice begin select raise(abort, 'an invoice is never changed'); end; -- only: sqlite
create trigger invoice_is_never_deleted before delete on invoice begin select raise(abort, 'an invoice is never changed'); end; -- only: sqlite
create function invoice_is_final() returns trigger language plpgsql as 'begin raise exception ''an invoice is never changed''; end'; -- only: postgres
create trigger invoice_is_final before update or delete or truncate on invoice for each statement execute function invoice_is_final(); -- only: postgres
