-- Whether the processor is asked to let the shopper authenticate. It is kept because a call that is repeated must say
-- the same as before.
alter table payment_operation add column challenge boolean not null default false;
