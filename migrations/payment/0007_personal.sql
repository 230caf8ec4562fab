-- What payments keep about whoever pays. `customer_id` is who that is; null of payments that were begun before it was
-- kept. Where it is known the card as people know it is sealed under a key of theirs, `card_brand` and `card_last4` are
-- null, and so is what the staff says to a dispute, `evidence`: under the key of what the law wants kept. Of somebody who
-- was erased what was sealed is 'erased'; so is `token`, once no call to the processor is open that may need it.
--
-- What stays plain names nobody: `processor_ref` says something to the processor alone. What tells a card again goes with
-- its holder, too: `fingerprint`, a keyed hash of its number, and what `exempted` counts by it, whoever else pays with the
-- card; and so does why it was declined, `decline_code` and `decline_detail`.
alter table payment add column customer_id uuid;
alter table payment add column card_sealed text check (length(card_sealed) > 0
    and (card_sealed is null or (card_brand is null and card_last4 is null)));
create index payment_customer on payment (customer_id, id) where customer_id is not null;

alter table dispute add column evidence_sealed text check (length(evidence_sealed) > 0
    and (evidence_sealed is null or evidence is null));

-- Guests who logged in, and the account that they are since: a payment that was begun before may be written after.
create table merged (
    guest_id    uuid primary key,
    customer_id uuid not null
);
create index merged_customer on merged (customer_id);

-- The body of a processor's call may name whoever paid, in plain words, since nobody knows whose key to seal it under
-- when it comes. It is kept until the event was handled, which takes minutes at most, and emptied then: how the payment
-- stands is what the processor says when it is asked, and it still has the event by its id.
update processor_event set raw = '' where state <> 'waiting';
