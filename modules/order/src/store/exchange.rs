//! Exchanges: returns whose value pays what is sent instead.

use kernel::id::{ChangeId, OrderId};
use kernel::{Money, Timestamp};
use platform::sql::{Db, Result, Tx};
use uuid::Uuid;

use crate::domain::change_state::State;
use crate::domain::exchange::Settlement;
use crate::domain::order::Order;

/// How many exchanges that were not paid in time are ended in one go.
const LAPSED_MAX: i64 = 100;

platform::statements! {
    LINK = "update orders set replaces = $2, account = $3 where id = $1";
    NAME_REPLACEMENT = "update order_change set replacement = $2, price_minor = $3 where id = $1";
    ASK_TO_PAY = "update order_change set pay_until = $2 where id = $1 and state = 'settling'";
    /// Of two who settle it at once, one is refused.
    BEGIN_SETTLING = "update order_change set paying = true
                       where id = $1 and state = 'settling' and not paying";
    ASK_AGAIN = "update order_change set paying = false where id = $1 and paying";
    SETTLE_EXCHANGE = "update order_change
                          set state = $2, due_minor = $3, credit_minor = $4, paying = false,
                              pay_until = null, updated_at = $5, ended_at = $6
                        where id = $1 and state = 'settling' and paying";
    GIVE_UP_EXCHANGE = "update order_change
                           set state = $2, answer = $3, paying = false, pay_until = null,
                               updated_at = $4, ended_at = $5
                         where id = $1 and state = 'settling'";
    LAPSED = "select id, order_id from order_change
               where pay_until <= $1 and not paying order by pay_until limit $2";
    REPLACEMENTS = "select count(*) from orders where replaces is not null";
    /// Replacements that cost something else than their exchange says was paid for them.
    UNEXCHANGED = "select o.number from orders o join order_change c on c.id = o.replaces
                    where case when o.confirmed_at is null
                               then c.replacement = o.id and c.credit_minor <> 0
                               else c.replacement <> o.id or o.total_minor <> c.credit_minor
                                    + case when c.due_minor > 0 then c.due_minor else 0 end
                          end limit 20";
}

/// Makes a new order the replacement of an exchange, whose goods were paid with `account`.
pub async fn link(tx: &mut Tx, replacement: &Order, change: ChangeId) -> Result<()> {
    let (id, account) = (replacement.id.uuid(), replacement.account().uuid());
    tx.query(LINK).bind(id).bind(change.uuid()).bind(account).execute().await?;
    let price = replacement.totals.total.minor();
    let named = tx.query(NAME_REPLACEMENT).bind(change.uuid()).bind(id).bind(price);
    named.execute().await.map(drop)
}

/// Asks the customer to pay the rest until then.
pub async fn ask(tx: &mut Tx, change: ChangeId, until: Timestamp) -> Result<()> {
    tx.query(ASK_TO_PAY).bind(change.uuid()).bind(until).execute().await.map(drop)
}

/// Begins to settle an exchange. False when somebody does already, or it has ended.
pub async fn begin(tx: &mut Tx, change: ChangeId) -> Result<bool> {
    Ok(tx.query(BEGIN_SETTLING).bind(change.uuid()).execute().await? == 1)
}

/// The customer did not pay, and may try again.
pub async fn ask_again(tx: &mut Tx, change: ChangeId) -> Result<bool> {
    Ok(tx.query(ASK_AGAIN).bind(change.uuid()).execute().await? == 1)
}

/// Keeps how an exchange was settled, and answers where the return stands now. Nothing when it is not being
/// settled.
pub async fn settle(tx: &mut Tx, change: ChangeId, how: Settlement) -> Result<Option<State>> {
    let now = tx.now();
    let state = if how.refund.minor() > 0 { State::Settling } else { State::Done };
    let settled = tx
        .query(SETTLE_EXCHANGE)
        .bind(change.uuid())
        .bind(state.word())
        .bind(how.due.minor() - how.refund.minor())
        .bind(how.credit.minor())
        .bind(now)
        .bind(state.has_ended().then_some(now))
        .execute()
        .await?;
    Ok((settled == 1).then_some(state))
}

/// Nothing is sent instead: what is `owed` goes back. False when it has ended.
pub async fn give_up(tx: &mut Tx, change: ChangeId, owed: Money, why: &str) -> Result<bool> {
    let now = tx.now();
    let state = if owed.minor() > 0 { State::Settling } else { State::Done };
    let query = tx.query(GIVE_UP_EXCHANGE).bind(change.uuid()).bind(state.word()).bind(why);
    let ended = state.has_ended().then_some(now);
    Ok(query.bind(now).bind(ended).execute().await? == 1)
}

/// Returns whose customers did not pay in time, with their orders.
pub async fn lapsed(db: &Db) -> Result<Vec<(ChangeId, OrderId)>> {
    let now = db.clock().now();
    let rows: Vec<(Uuid, Uuid)> = db.query(LAPSED).bind(now).bind(LAPSED_MAX).all().await?;
    Ok(rows.into_iter().map(|(id, order)| (id.into(), order.into())).collect())
}
