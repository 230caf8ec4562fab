-- An exchange is a return whose value goes into another order. `detail` of the return says what is wanted; `replacement`
-- is the order of that, and `price_minor` what it costs, both since the return was approved. `credit_minor` is what of the
-- accepted value paid it; the rest was charged (`due_minor` above zero) or is given back (below). `pay_until` is set as
-- long as the customer has to pay, and `paying` as long as a saga settles the exchange.
alter table order_change add column replacement uuid references orders (id);
alter table order_change add column price_minor bigint check (price_minor >= 0);
alter table order_change add column credit_minor bigint not null default 0 check (credit_minor >= 0 and credit_minor <= coalesce(price_minor, 0));
alter table order_change add column pay_until timestamptz check (pay_until is null or state = 'settling');
alter table order_change add column paying boolean not null default false check (not paying or state = 'settling');
create index order_change_pay_until on order_change (pay_until) where pay_until is not null;

-- The exchange that an order is the replacement of, and the order whose payments hold the money of both. An exchange has
-- one replacement at a time.
alter table orders add column replaces uuid references order_change (id);
alter table orders add column account uuid references orders (id) check ((account is null) = (replaces is null));
create unique index orders_replaces on orders (replaces) where replaces is not null and status not in ('FAILED', 'CANCELLED');
create index orders_exchanged on orders (replaces) where replaces is not null;
create index orders_account on orders (account) where account is not null;

-- A replacement is made of no cart: whoever waits for one can order the cart all the same.
drop index orders_live_cart;
create unique index orders_live_cart on orders (cart_id) where status in ('PENDING', 'AWAITING_PAYMENT') and replaces is null;
