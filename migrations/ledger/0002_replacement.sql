-- Orders of what was sent for goods that came back, and the order whose payments hold the money of both. Events of old do not
-- tell it of each; what is owed for the first is owed for the second.
create table replacement (
    order_id   uuid primary key,
    account_id uuid not null,
    check (order_id <> account_id)
);
