-- A coupon becomes a promotion: what was issued goes on under its code, as a percentage.
alter table coupon rename to promotion;
-- An automatic one needs no code from the shopper; its code is only what it is called.
alter table promotion add column automatic boolean not null default false;
alter table promotion add column name text not null default '' check (length(name) <= 200);
alter table promotion add column kind text not null default 'percentage' check (kind in ('percentage', 'fixed', 'free_shipping', 'buy_x_get_y'));
-- What a fixed one takes off. The sums of a promotion are in its currency.
alter table promotion add column amount_minor bigint check ((kind = 'fixed') = (amount_minor is not null) and (amount_minor is null or amount_minor > 0));
alter table promotion add column buy_quantity bigint check ((kind = 'buy_x_get_y') = (buy_quantity is not null) and (buy_quantity is null or buy_quantity > 0));
alter table promotion add column get_quantity bigint check ((kind = 'buy_x_get_y') = (get_quantity is not null) and (get_quantity is null or get_quantity > 0));
alter table promotion add column currency text check (currency is not null or amount_minor is null);
alter table promotion add column min_items_minor bigint not null default 0 check (min_items_minor >= 0 and (min_items_minor = 0 or currency is not null));
alter table promotion add column min_quantity bigint not null default 0 check (min_quantity >= 0);
-- Which lines it is about: {"include": {"products": [], "categories": []}, "exclude": ...}.
alter table promotion add column scope jsonb not null default '{}';
-- Of one class at most one applies; classes follow one another by priority.
alter table promotion add column class text not null default 'coupon' check (length(class) between 1 and 40);
alter table promotion add column priority bigint not null default 0;
alter table promotion add column valid_from timestamptz;
alter table promotion add column valid_until timestamptz check (valid_until > valid_from);
alter table promotion add column per_customer_max bigint check (per_customer_max > 0);
-- What it gave away, and what it may: nine quadrillions stand for no limit, as a guard wants a number.
alter table promotion add column budget_minor bigint not null default 9000000000000000 check (budget_minor > 0 and (budget_minor = 9000000000000000 or currency is not null));
alter table promotion add column spent_minor bigint not null default 0 check (spent_minor >= 0 and spent_minor <= budget_minor);
update promotion set name = code;
create index promotion_automatic on promotion (code) where automatic;

-- How often one customer used a promotion that limits it; key is 'code/customer'.
create table promotion_use (
    key       text   primary key,
    code      text   not null references promotion (code),
    uses      bigint not null default 0,
    uses_max  bigint not null check (uses_max > 0),
    version   bigint not null default 1,
    check (uses >= 0 and uses <= uses_max)
);

-- What an order claimed of promotions, and when that was given back.
create table order_promotion (
    order_id      uuid   not null references orders (id),
    code          text   not null references promotion (code),
    amount_minor  bigint not null check (amount_minor >= 0),
    use_key       text   references promotion_use (key),
    given_back_at timestamptz,
    primary key (order_id, code)
);
create index order_promotion_code on order_promotion (code);
insert into order_promotion (order_id, code, amount_minor, given_back_at) select id, coupon, discount_minor, case when status = 'FAILED' then updated_at end from orders where coupon is not null;
update promotion set spent_minor = (select coalesce(cast(sum(p.amount_minor) as bigint), 0) from order_promotion p where p.code = promotion.code and p.given_back_at is null);

-- What the shopper was told of the promotions in play, applied or not.
alter table orders add column promotions jsonb;

-- What was taken off each line; an order's discount is their sum.
alter table order_line add column discount_minor bigint not null default 0 check (discount_minor between 0 and total_minor);
update order_line set discount_minor = s.through * s.discount / s.items - (s.through - s.own) * s.discount / s.items from (select l.id, l.total_minor as own, cast(sum(l.total_minor) over (partition by l.order_id order by l.id) as bigint) as through, o.discount_minor as discount, o.items_minor as items from order_line l join orders o on o.id = l.order_id where o.discount_minor > 0) s where s.id = order_line.id;
