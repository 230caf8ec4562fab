-- Units that are kept back from promises, and from when on few are left: `low_since` is when what can
-- be promised fell to `low_at`, once for each time it does.
alter table stock add column safety bigint not null default 0 check (safety between 0 and 1000000000);
alter table stock add column low_at bigint check (low_at between 0 and 1000000000);
