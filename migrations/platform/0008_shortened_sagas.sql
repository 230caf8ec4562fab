-- Up to which saga, by their ids, the histories of those that ended are shortened.
create table saga_shortened (
    one   boolean primary key default true check (one),
    up_to uuid    not null
);
insert into saga_shortened (up_to) values ('00000000-0000-0000-0000-000000000000'); -- only: postgres
insert into saga_shortened (up_to) values (zeroblob(16)); -- only: sqlite
