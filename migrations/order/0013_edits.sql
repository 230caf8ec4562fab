-- The edit of a confirmed order that is under way. While there is one, nothing of the order leaves, no
-- invoice is issued, and nobody else edits it.
alter table orders add column editing uuid references order_change (id);
