-- What an order keeps about a person, sealed under a key of theirs; `shipping_address` keeps the country and
-- the region, which taxes and figures need. Rows of before are sealed by a task, in the order of their ids.
-- Of somebody who was erased it is 'erased'.
alter table orders add column personal text check (length(personal) > 0);
create index orders_not_sealed on orders (id) where personal is null;

-- Invoices of before are sealed too, which is the one change that is ever made of them.
create index invoice_not_sealed on invoice (number) where json_type(content) = 'object'; -- only: sqlite
create index invoice_not_sealed on invoice (number) where jsonb_typeof(content) = 'object'; -- only: postgres
drop trigger invoice_is_never_changed; -- only: sqlite
create trigger invoice_is_never_changed before update on invoice when not (json_type(old.content) = 'object' and json_type(new.content) = 'text' and new.number = old.number and new.order_id = old.order_id and new.issued_at = old.issued_at) begin select raise(abort, 'an invoice is never changed'); end; -- only: sqlite
drop trigger invoice_is_final on invoice; -- only: postgres
create trigger invoice_is_final before delete or truncate on invoice for each statement execute function invoice_is_final(); -- only: postgres
create trigger invoice_is_never_changed before update on invoice for each row when (not (jsonb_typeof(old.content) = 'object' and jsonb_typeof(new.content) = 'string' and new.number = old.number and new.order_id = old.order_id and new.issued_at = old.issued_at)) execute function invoice_is_final(); -- only: postgres
