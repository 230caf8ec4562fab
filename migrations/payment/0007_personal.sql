-- What payments keep about whoever pays. `customer_id` is who that is; null of payments that were begun before it was
-- kept. Where it is known the card as people know it is sealed under a key of theirs, `card_brand` and `card_last4` are
-- null, and so is what the staff says to a dispute, `evidence`. Of somebody who was erased it is 'erased'.
--
-- What stays plain names nobody: `fingerprint` is a keyed hash of the card's number, by which `exempted` counts what was
-- spent with it, whoever held it; `token` and `processor_ref` say something to the processor alone; `decline_code` and
-- `decline_detail` are phrases of it.
alter table payment add column customer_id uuid;
alter table payment add column card_sealed text check (length(card_sealed) > 0
    and (card_sealed is null or (card_brand is null and card_last4 is null)));
create index payment_customer on payment (customer_id, id) where customer_id is not null;

alter table dispute add column evidence_sealed text check (length(evidence_sealed) > 0
    and (evidence_sealed is null or evidence is null));

-- The body of a processor's call may name whoever paid, in plain words, since nobody knows whose key to seal it under
-- when it comes. It is kept until the event was handled, which takes minutes at most, and emptied then: how the payment
-- stands is what the processor says when it is asked, and it still has the event by its id.
update processor_event set raw = '' where state <> 'waiting';
