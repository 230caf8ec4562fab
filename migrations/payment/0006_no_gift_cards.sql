-- Gift cards have a schema of their own; nothing was ever kept in this table.
drop table gift_card;
