-- How the holder of a card was authenticated, from which follows who bears a fraud; and what tells the card again.
alter table payment add column fingerprint text check (length(fingerprint) between 1 and 255);
alter table payment add column authentication text not null default 'none' check (authentication in (
    'none', 'frictionless', 'challenged', 'attempted', 'exempt_low_value', 'exempt_low_risk'));

-- Why the processor is asked to leave authentication out. It is kept because a call that is repeated must say the same as
-- before.
alter table payment_operation add column exemption text check (exemption in ('low_value', 'low_risk'));

-- What was exempted for a low value since the holder of a card authenticated last. `card` is its fingerprint, or its token
-- where the processor tells no fingerprint.
create table exempted (
    card      text        not null check (length(card) between 1 and 255),
    currency  text        not null check (length(currency) = 3),
    sum_minor bigint      not null check (sum_minor > 0),
    payments  bigint      not null check (payments > 0),
    primary key (card, currency)
);
