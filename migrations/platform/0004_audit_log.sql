-- Who acted, where an id alone does not say it, and what lets the log be searched. Entries of before
-- have no kind: a row of the log is never changed, not even by a migration.
alter table audit add column actor_kind text check (actor_kind in ('person', 'api_key', 'operator', 'shop'));
alter table audit add column key_made_by uuid;
drop index audit_subject;
create index audit_subject on audit (subject, at, seq);
create index audit_at on audit (at, seq);
create index audit_actor on audit (actor, at, seq);
create index audit_action on audit (action, at, seq);
-- `product` of `product.update`.
create index audit_family on audit (substr(action, 1, instr(action, '.') - 1), at, seq); -- only: sqlite
create index audit_family on audit (split_part(action, '.', 1), at, seq); -- only: postgres
-- `insert or replace` deletes without asking the trigger on deletes.
create trigger audit_added before insert on audit when exists (select 1 from audit where seq = new.seq) begin select raise(abort, 'the audit log is append-only'); end; -- only: sqlite
