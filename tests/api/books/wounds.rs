//! What breaks the books, and what is then said of it.

/// A wound: the module's file, what is done to it, and words of the invariant that must be named.
pub const WOUNDS: &[(&str, &str, &str)] = &[
    (
        "auth",
        "insert into login_attempt (key, failures, failures_max, window_ends, version)
         values ('x', 9, 5, '2026-11-22T00:00:00Z', 1)",
        "login attempts never exceed",
    ),
    ("auth", "update session set generation = generation + 1", "newest refresh token"),
    ("auth", "delete from refresh_token", "newest refresh token"),
    ("auth", "delete from outbox where kind = 'customer.registered'", "opened account was told"),
    (
        "auth",
        "update session
            set revoked_at = started_at, revoked_reason = 'logout', device = null, version = 1",
        "ended session was told",
    ),
    ("auth", "delete from outbox where kind = 'letter.written'", "letter was handed to the bus"),
    (
        "auth",
        "update customer set version = 1 where role = 'guest'",
        "guest who logged in was told",
    ),
    ("auth", "update customer set erased_at = created_at", "who was erased was told of"),
    ("auth", "update customer set erased_at = created_at", "nothing is left of who was erased"),
    ("catalog", "update product set price = -1", "price is within its bounds"),
    ("catalog", "update product set parent_id = id", "variant has a parent"),
    ("catalog", "update product set parent_id = randomblob(16)", "variant has a parent"),
    ("catalog", "update product set version = version + 1", "version of a product has its event"),
    ("catalog", "update price_history set amount = amount + 1", "public price is the one"),
    (
        "catalog",
        "insert into bundle_part (bundle_id, product_id, quantity)
         select id, id, 1000 from product",
        "every bundle as there are parts",
    ),
    ("catalog", "update category set name = 'Elsewhere'", "category is below the one it names"),
    ("inventory", "update stock set reserved = on_hand + 1", "no more stock is promised"),
    ("inventory", "update stock set on_hand = on_hand + 1", "sum of its movements"),
    (
        "inventory",
        "drop trigger movement_is_never_deleted; delete from movement where kind = 'reserved'",
        "sum of its movements",
    ),
    (
        "inventory",
        "update reservation_line set quantity = quantity + 1",
        "reserved stock is what live orders hold",
    ),
    (
        "inventory",
        "update reservation set state = 'released' where state = 'committed'",
        "reserved stock is what live orders hold",
    ),
    (
        "inventory",
        "update reservation_line set backordered = backordered + 1",
        "orders wait for what is promised and is not there",
    ),
    ("inventory", "update stock set alerts = alerts + 1", "warning of low stock was told"),
    ("inventory", "update location set version = version + 1", "change of a location was told"),
    ("inventory", "delete from reservation_line", "movements fit its state"),
    ("inventory", "delete from reservation", "movements fit its state"),
    (
        "inventory",
        "drop trigger movement_is_never_changed;
         update movement set order_id = randomblob(16) where kind = 'reserved'",
        "movements fit its state",
    ),
    (
        "inventory",
        "update reservation set state = 'shipped' where state = 'committed'",
        "movements fit its state",
    ),
    (
        "inventory",
        "delete from outbox where seq = (select max(seq) from outbox)",
        "every change of stock was told",
    ),
    (
        "inventory",
        "update reservation set state = 'held' where state = 'committed'",
        "holds the stock that its state explains",
    ),
    ("order", "update orders set total_minor = total_minor + 1", "total equals lines"),
    ("order", "update order_line set total_minor = total_minor + 1", "items equal its lines"),
    ("order", "update order_line set unit_minor = unit_minor + 1", "items equal its lines"),
    ("order", "delete from order_line", "items equal its lines"),
    ("order", "update order_line set quantity = quantity + 1", "holds the stock"),
    ("order", "update orders set status = 'PENDING' where status = 'CONFIRMED'", "has a saga"),
    ("order", "update orders set version = version + 1", "change of an order was told"),
    (
        "order",
        "update cart set order_id = (select id from orders where status = 'CONFIRMED' limit 1)",
        "no cart is held",
    ),
    ("order", "update cart set order_id = randomblob(16)", "no cart is held"),
    ("order", "update promotion set uses = uses + 1", "coupon uses equal"),
    ("order", "update promotion set uses = uses_max + 1", "promotion.uses"),
    ("order", "update promotion set spent_minor = spent_minor + 1", "coupon uses equal"),
    ("order", "update promotion set spent_minor = budget_minor + 1", "promotion.spent"),
    (
        "order",
        "insert into promotion_use (key, code, uses, uses_max) values ('TEN/x', 'TEN', 2, 1)",
        "promotion_use.uses",
    ),
    ("order", "update order_line set discount_minor = 1", "discount equals those of its lines"),
    ("order", "update order_line set tax_minor = tax_minor + 1", "tax equals those of its lines"),
    ("order", "update shipment set state = 'shipped' where state = 'booked'", "shipment"),
    ("order", "update shipment set order_id = randomblob(16) where state = 'booked'", "shipment"),
    ("order", "update order_line set shipped = 1", "is in one shipment"),
    (
        "order",
        "update order_line set delivered = delivered + 1 where delivered > 0",
        "is in one shipment",
    ),
    ("order", "update order_line set shipped = 0", "holds the stock"),
    ("order", "update shipment_line set quantity = quantity + 1", "is in one shipment"),
    ("order", "update shipment set state = 'delivered' where state = 'shipped'", "is in one"),
    ("order", "update order_line set lost = 1 where delivered = 1", "units and shipments say"),
    ("order", "update orders set status = 'DELIVERED' where status = 'SHIPPED'", "shipments say"),
    ("order", "delete from shipment_line", "every shipment is explained"),
    ("order", "update order_balance set refunded_minor = 0", "its changes say"),
    (
        "order",
        "update order_balance set refunded_minor = charged_minor + 1",
        "order_balance.refunded",
    ),
    ("order", "update order_change_line set quantity = quantity + 1", "has its change"),
    ("order", "update order_line set cancelled = 0", "has its change"),
    (
        "order",
        "update order_change set due_minor = due_minor - 1 where state = 'done'",
        "money is what its state explains",
    ),
    (
        "order",
        "update order_change set price_minor = price_minor + 1, credit_minor = credit_minor + 1
          where credit_minor > 0",
        "what its exchange paid for it",
    ),
    ("order", "update invoice_series set last = last + 1", "a series without gaps"),
    (
        "order",
        "drop trigger invoice_is_never_deleted; delete from invoice where number = 1",
        "a series without gaps",
    ),
    (
        "order",
        "update shipment set carrier_ref = 'SBX1', progress_seq = 3
          where id = (select min(id) from shipment)",
        "where the newest event of its carrier put it",
    ),
    (
        "order",
        "insert into carrier_event (id, event_id, carrier_ref, seq, event, happened_at, raw, state,
                due_at, received_at)
         values (randomblob(16), 'a', 'SBX1', 1, 'lost', '2026-01-01T00:00:00.000000Z', '{}',
                'waiting', '2026-01-01T00:00:00.000000Z', '2026-01-01T00:00:00.000000Z')",
        "handled within an hour",
    ),
    ("order", "update saga set phase = 'stuck', ended_at = null", "no saga is stuck"),
    (
        "order",
        "update saga set phase = 'forward', ended_at = null, deadline = started_at",
        "past its deadline",
    ),
    ("order", "update orders set status = 'CANCELLED' where status = 'CONFIRMED'", "money"),
    ("order", "update orders set status = 'SHIPPED' where status = 'CONFIRMED'", "stock"),
    (
        "order",
        "delete from order_line; delete from saga_history; delete from orders",
        "belongs to an order",
    ),
    ("order", "delete from outbox where seq = 2", "gapless"),
    ("order", "update outbox set version = version + 5 where seq = 3", "gapless"),
    (
        "order",
        "insert into packed_subject values (randomblob(16), 1, 1, 1, 'order.placed')",
        "gapless",
    ),
    (
        "order",
        "delete from outbox where seq = (select max(seq) from outbox)",
        "change of an order was told",
    ),
    ("payment", "update payment set authorized_minor = 0", "refunded + lost <= captured"),
    (
        "payment",
        "update payment set refunded_minor = captured_minor + 1 where captured_minor > 0",
        "refunded + lost <= captured",
    ),
    ("payment", "delete from payment_operation where kind = 'capture'", "sum of its calls"),
    (
        "payment",
        "update payment set captured_minor = 0, released_minor = authorized_minor
          where captured_minor > 0",
        "order's money",
    ),
    ("payment", "update payment set events = events + 1", "change of a payment was told"),
    (
        "payment",
        "update payment set disputed_minor = 1 where captured_minor > 0",
        "what its disputes are about",
    ),
    ("vault", "update card set last4 = '0000'", "a card opens under its key"),
    (
        "privacy",
        "update person_key set wrapped = x'00' where id > (select min(id) from person_key)",
        "a key of somebody can be unwrapped",
    ),
    ("privacy", "delete from person_key", "key of whatever is sealed about people is there"),
    (
        "auth",
        "update customer set personal = 'p1.' || lower(hex(randomblob(16))) || substr(personal, 36)
          where personal like 'p1.%'",
        "key of whatever is sealed about people is there",
    ),
    (
        "order",
        "update orders set personal = 'p1.' || lower(hex(randomblob(16))) || substr(personal, 36)",
        "key of whatever is sealed about people is there",
    ),
    (
        "order",
        "drop trigger invoice_is_never_changed;
         update invoice
            set content = json_quote('p1.' || lower(hex(randomblob(16))) || substr(content->>'$', 36))",
        "key of whatever is sealed about people is there",
    ),
    (
        "payment",
        "update payment
            set card_sealed = 'p1.' || lower(hex(randomblob(16))) || substr(card_sealed, 36)
          where card_sealed is not null",
        "key of whatever is sealed about people is there",
    ),
    (
        "payment",
        "delete from outbox where seq = (select max(seq) from outbox)",
        "change of a payment was told",
    ),
    (
        "payment",
        "update payment_operation set state = 'started', ended_at = null,
                updated_at = '2026-01-01T00:00:00.000000Z' where kind = 'capture'",
        "finished within a minute",
    ),
    ("payment", "update payment set currency = 'USD'", "money"),
    ("payment", "update cursor set pos = 0", "every event reached"),
    ("payment", "delete from payment_operation; delete from payment", "processor's books"),
    ("sandbox", "update charge set captured_minor = captured_minor - 1", "processor's books"),
    ("sandbox", "update charge set status = 'authorized'", "processor's books"),
    ("sandbox", "delete from operation; delete from charge", "processor's books"),
    ("analytics", "update cursor set pos = pos + 100", "every event reached"),
    ("analytics", "update sales_day set units = units + 1", "sum of its products"),
    ("analytics", "update sales_day set revenue = revenue + 1", "the sales of every day"),
    ("analytics", "update sales_day set refunds = refunds + 1", "the sales of every day"),
    ("analytics", "update product_sales set refunds = 1000000", "within what the day gave back"),
    ("analytics", "delete from sales_day; delete from product_sales", "the sales of every day"),
    ("analytics", "update sales_day set day = '1999-01-01'", "the sales of every day"),
    (
        "carrier",
        "insert into parcel (order_id, tracking, parameters, faults, state, booked_at, updated_at)
         values (randomblob(16), 'SBX1', '', '[]', 'booked', '2026-01-01T00:00:00.000000Z',
                '2026-01-01T00:00:00.000000Z')",
        "one that its order explains",
    ),
    ("messages", "delete from message", "customers are told of has its message"),
    (
        "ledger",
        "insert into account (code, currency, kind) values ('tax', 'USD', 'tax');
         drop trigger posting_is_never_changed;
         update posting set currency = 'USD' where credit = 'tax'",
        "sums to zero in each currency",
    ),
    ("ledger", "update journal set entries = entries + 1", "journal is a series without gaps"),
    (
        "ledger",
        "drop trigger posting_is_never_deleted; delete from posting where n = 1",
        "has all of its postings",
    ),
    ("ledger", "update account set balance_minor = balance_minor + 1", "sum of its postings"),
    ("ledger", "update movement set amount_minor = amount_minor + 1", "has not settled of it"),
    ("ledger", "update movement set line = id, settled_at = occurred_at", "settled is journaled"),
    (
        "ledger",
        "drop trigger entry_is_never_changed;
         update entry set kind = 'payment.voided' where kind = 'payment.refunded'",
        "payments took and gave back",
    ),
    (
        "ledger",
        "update account set balance_minor = balance_minor + 1 where kind = 'receivable'",
        "owed for an order is what is set aside",
    ),
    (
        "credit",
        "update account set spent_minor = value_minor + 1",
        "of no gift card or store credit",
    ),
    (
        "credit",
        "update account set value_minor = value_minor + 1",
        "each gift card and store credit",
    ),
    ("credit", "update order_part set given_minor = spent_minor", "what pays each order is what"),
    ("credit", "update order_credit set released_at = '2026-11-22T00:00:00Z'", "came to nothing"),
    (
        "ledger",
        "update account set balance_minor = balance_minor + 1 where code = 'gift_cards'",
        "the journal owes what is left",
    ),
    ("order", "update orders set credit = null", "every order's money is what"),
    (
        "auth",
        "insert into audit (at, trace, action, subject)
          values ('2026-01-01T00:00:00.000000Z', 't', 'x.y', randomblob(16))",
        "is sealed or waits to be",
    ),
    (
        "auth",
        "insert into audit (id, at, trace, action, subject)
         values (randomblob(16), '2026-01-01T00:00:00.000000Z', 't', 'x.y', randomblob(16))",
        "is sealed or waits to be",
    ),
    (
        "auth",
        "drop trigger audit_unchanged; update audit set action = 'x.y'",
        "is there as it was written",
    ),
    ("auth", "drop trigger audit_kept; delete from audit", "is there as it was written"),
    (
        "ledger",
        "drop trigger entry_is_never_changed; update entry set description = 'x' where number = 1",
        "is there as it was written",
    ),
    (
        "notary",
        "drop trigger sealed_kept; delete from sealed where pos = 0",
        "in the tree that its checkpoint signs",
    ),
    (
        "notary",
        "drop trigger sealed_unchanged; update sealed set leaf = randomblob(9) where pos = 0",
        "in the tree that its checkpoint signs",
    ),
];
