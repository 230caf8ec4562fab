-- The widest category that what was ordered was in; lines of old do not tell it.
alter table order_line add column category text;
