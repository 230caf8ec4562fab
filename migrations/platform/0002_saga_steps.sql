-- How many steps a saga has. Steps that follow each other at once are recorded together, so that a
-- saga may have come further than its row says, and whoever gives it up begins at the last step.
alter table saga add column steps bigint not null default 1;
