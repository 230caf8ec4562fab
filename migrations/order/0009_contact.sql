-- Whom letters about an order go to, when that is not the account's address, and in which language.
alter table orders add column email text check (length(email) between 3 and 254);
alter table orders add column locale text check (length(locale) between 2 and 6);
