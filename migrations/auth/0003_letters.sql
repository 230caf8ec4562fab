-- Letters sent by e-mail. What opens something is known as its SHA-256 alone, works once and for a
-- while. A letter of kind 'nothing' is never sent: it makes asking for a strange account as much work
-- as asking for one that is there.
create table letter (
    id          uuid        primary key,
    customer_id uuid        references customer (id),
    kind        text        not null check (kind in ('nothing', 'verify_email', 'reset_password',
                              'change_email', 'email_changing', 'email_changed', 'password_changed',
                              'login_code', 'factor_added', 'factor_removed', 'codes_refused')),
    address     text        not null,
    token_hash  text        not null unique,
    written_at  timestamptz not null,
    expires_at  timestamptz not null,
    used_at     timestamptz,
    check ((kind = 'nothing') = (customer_id is null)),
    check (expires_at > written_at)
);
create index letter_customer_id on letter (customer_id, kind) where used_at is null;
create index letter_expires_at on letter (expires_at);
