-- Prices that are over are deleted some time later.
create index price_history_ended on price_history (until_at) where until_at is not null;
