-- Settlements are files of the processor, or were fetched of it.
alter table settlement add column source text not null default 'file' check (source in ('file', 'processor'));

-- The fetching that the shop does by itself. Whoever fetches has moved `due_at` on before; all was fetched that was booked before
-- `fetched_until`, none of it before the first time.
create table fetching (
    one           bigint      primary key default 1 check (one = 1),
    due_at        timestamptz,
    fetched_until timestamptz
);
insert into fetching (one) values (1);
