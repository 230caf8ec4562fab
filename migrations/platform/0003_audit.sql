-- Who changed what, when and from where. Rows are only ever added.
create table audit (
    seq     integer     primary key autoincrement, -- only: sqlite
    seq     bigint      generated always as identity primary key, -- only: postgres
    at      timestamptz not null,
    actor   uuid,
    address text,
    trace   text        not null,
    action  text        not null,
    subject uuid        not null,
    before  jsonb,
    after   jsonb
);
create index audit_subject on audit (subject, seq);
create trigger audit_unchanged before update on audit begin select raise(abort, 'the audit log is append-only'); end; -- only: sqlite
create trigger audit_kept before delete on audit begin select raise(abort, 'the audit log is append-only'); end; -- only: sqlite
create function audit_refuses() returns trigger language plpgsql as $$ begin raise exception 'the audit log is append-only'; end $$; -- only: postgres
create trigger audit_kept before update or delete or truncate on audit for each statement execute function audit_refuses(); -- only: postgres
