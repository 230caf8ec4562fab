-- Nobody goes on with a saga that has ended: what it knew, which may be about somebody, is not kept.
update saga set state = '{}' where ended_at is not null;
