-- Gives committed events their place, in one call: each statement of it sees what was committed before that statement.
-- Whoever comes second waits for the head, and then finds what is left.
create function sequence_outbox(most bigint) returns bigint language plpgsql as $$ -- only: postgres
declare stands bigint; given bigint; newest bigint; -- only: postgres
begin -- only: postgres
    if not exists (select 1 from outbox where pos is null) then return 0; end if; -- only: postgres
    select h.pos into stands from outbox_head h for update; -- only: postgres
    with numbered as ( -- only: postgres
        update outbox o set pos = stands + fresh.n -- only: postgres
          from (select u.seq, row_number() over (order by u.seq) as n from outbox u -- only: postgres
                 where u.pos is null order by u.seq limit most) fresh -- only: postgres
         where o.seq = fresh.seq returning o.pos) -- only: postgres
    select count(*), max(numbered.pos) into given, newest from numbered; -- only: postgres
    if given > 0 then update outbox_head set pos = newest; end if; -- only: postgres
    return given; -- only: postgres
end $$; -- only: postgres
