-- Where the tax of an order is rounded to the minor unit.
alter table market add column tax_rounding text not null default 'per_order' check (tax_rounding in ('per_line', 'per_order'));
