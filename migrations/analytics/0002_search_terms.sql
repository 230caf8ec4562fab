-- What shoppers searched for on a day (UTC, `2026-11-22`), how often that found nothing, and how often
-- a product was looked at that it had found, with the sum of the positions these stood at.
create table search_term (
    day             text   not null check (length(day) = 10),
    text            text   not null check (length(text) between 1 and 600),
    searches        bigint not null check (searches >= 0),
    without_results bigint not null check (without_results between 0 and searches),
    clicks          bigint not null check (clicks >= 0),
    positions       bigint not null check (positions >= clicks),
    primary key (day, text)
);
