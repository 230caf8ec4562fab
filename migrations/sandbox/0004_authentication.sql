-- How the holder of a card was authenticated, and what tells a card again behind whatever token.
alter table charge add column authentication text not null default 'none' check (authentication in (
    'none', 'frictionless', 'challenged', 'attempted', 'exempt_low_value', 'exempt_low_risk'));
alter table card_token add column fingerprint text;
