//! The invariants of the journal.

use platform::sql::{Db, Result};
use platform::verify::{Check, by_query};

platform::statements! {
    JOURNAL_ROWS = "select count(*) from entry";
    JOURNAL_ACCOUNTS = "select count(*) from account";
    JOURNAL_POSTINGS = "select count(*) from posting";
    JOURNAL_MOVEMENTS = "select count(*) from movement";
    UNBALANCED_ENTRIES =
        "select 'entry ' || l.entry || ' ' || l.currency
           from (select p.entry, p.currency, p.amount_minor as minor
                   from posting p join account a on a.code = p.debit and a.currency = p.currency
                 union all
                 select p.entry, p.currency, -p.amount_minor
                   from posting p join account a on a.code = p.credit and a.currency = p.currency) l
          group by l.entry, l.currency having sum(l.minor) <> 0 limit 20";
    MISNUMBERED = "select 'the journal says ' || j.entries || ', has ' || c.n || ' up to ' || c.last
                     from journal j, (select count(*) as n, coalesce(max(number), 0) as last
                                        from entry) c
                    where j.entries <> c.n or j.entries <> c.last";
    INCOMPLETE = "select 'entry ' || e.number from entry e
                   where e.postings <> (select count(*) from posting p where p.entry = e.number)
                   limit 20";
    MISPOSTED = "select a.code || ' ' || a.currency
                   from account a
                   left join (select l.code, l.currency, cast(sum(l.minor) as bigint) as minor
                                from (select debit as code, currency, amount_minor as minor
                                        from posting
                                      union all
                                      select credit, currency, -amount_minor from posting) l
                               group by l.code, l.currency) s
                     on s.code = a.code and s.currency = a.currency
                  where a.balance_minor <> coalesce(s.minor, 0) limit 20";
    MISCLEARED = "select a.code from account a
                    left join (select payment_id, currency,
                                      cast(sum(case kind when 'charge' then amount_minor
                                                         else -amount_minor end) as bigint) as open
                                 from movement where line is null
                                group by payment_id, currency) m
                      on m.payment_id = a.subject and m.currency = a.currency
                    left join account d
                      on d.code = 'disputes:' || substr(a.code, 10) and d.currency = a.currency
                   where a.kind = 'clearing'
                     and a.balance_minor + coalesce(d.balance_minor, 0) <> coalesce(m.open, 0)
                   limit 20";
    UNPOSTED_LINES = "select m.id from movement m
                       where m.line is not null
                         and not exists (select 1 from entry e where e.key = 'line:' || m.line)
                       limit 20";
}

pub(crate) async fn verify(db: &Db) -> Result<Vec<Check>> {
    let balanced = "every entry of the journal sums to zero in each currency";
    let numbered = "the journal is a series without gaps";
    let complete = "every entry of the journal has all of its postings";
    let posted = "the balance of every account is the sum of its postings";
    let cleared = "the clearing account of a payment is what the processor has not settled of it";
    let told = "what a line of the processor settled is journaled";
    Ok(vec![
        by_query(db, balanced, JOURNAL_POSTINGS, UNBALANCED_ENTRIES).await?,
        by_query(db, numbered, JOURNAL_ROWS, MISNUMBERED).await?,
        by_query(db, complete, JOURNAL_ROWS, INCOMPLETE).await?,
        by_query(db, posted, JOURNAL_ACCOUNTS, MISPOSTED).await?,
        by_query(db, cleared, JOURNAL_MOVEMENTS, MISCLEARED).await?,
        by_query(db, told, JOURNAL_MOVEMENTS, UNPOSTED_LINES).await?,
    ])
}
